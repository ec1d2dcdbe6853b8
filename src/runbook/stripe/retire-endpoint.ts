import { setTimeout as pause } from 'node:timers/promises'
import type { WebhookEndpoint } from '../../adapters/stripe/port.ts'
import { sameUrl } from '../../model/same-url.ts'
import { subscribesTo } from '../../model/subscription.ts'
import { counted } from '../../text.ts'
import { type PhaseContext, planOf } from '../phase.ts'
import { creationOf } from './creation.ts'
import { deletedEndpoint, endpointBefore } from './credentials.ts'
import { goneEndpoint } from './gone-endpoint.ts'
import { owedEvents, replacedBy } from './missed/owed-events.ts'
import { lackingIn } from './missed/received-events.ts'
import { resendEvents } from './missed/resend-events.ts'
import { unstoredWords } from './missed/unstored-types.ts'
import { movedEndpoints } from './moved-endpoints.ts'
import { keptAside } from './signing-secret.ts'
import { divided } from './undelivered.ts'
import { isMadeBy, managedBy, replaces, retiredBy, secretFingerprint } from './webhook-endpoint.ts'

/*
 * The end of a rotation. The new endpoint is enabled and proven; the former one may still owe deliveries, and disabling it
 * ends Stripe's retries of them. So it is given time, then what it owes over the whole time of Stripe's retries is sent to
 * the service again, and only then it is disabled and marked with the run that retired it. What the service did not take is
 * named, and its endpoint stays where its retries may still be taken (`stays`). What earlier rotations left behind is
 * removed only when no rollback can need it any more.
 */

/** The time that is given for what an endpoint still owes: Stripe ends the retries once it is disabled. */
const patienceMs = 15_000
const lookMs = 1_000
/** So many are named altogether: a thread of more than that names nothing to anybody. */
const mostNamed = 200
/** The characters of one message. A note is cut at 2,800, which marks that Slack would read count for too: what is cut is not named. */
const longestMessage = 1_800

interface Retired {
  /** Ids of the endpoints that are disabled now. */
  readonly disabled: readonly string[]
  /** Ids of those that stay enabled, as they owe what was not taken. */
  readonly kept: readonly string[]
}

/**
 * Disables the endpoint that was replaced, now that the new one has proven itself and what the former one owes was sent to
 * the service. It stays enabled while it owes something that Stripe may still bring in, or that nobody has named.
 */
export async function retireEndpoint(context: PhaseContext, current: WebhookEndpoint): Promise<Retired> {
  const { world, run, signal } = context
  const planned = planOf(run).stripe.retires ?? []
  const endpoints = await world.stripe.endpoints(signal)
  const moved = (await movedEndpoints(context, endpoints)).map(({ endpoint }) => endpoint)
  const formers = [...formerEndpoints(current, endpoints), ...moved].filter(({ id }) => planned.includes(id))
  // Events made since the new endpoint was enabled come by that one too.
  const until = current.status === 'enabled' ? current.created.getTime() : Date.now()
  for (const former of formers) {
    await context.report(`waiting for the last events of ${former.id}`)
    await context.step(`let ${former.id} finish`, (inner) => settled(context, { former, endpoints, until }, inner))
  }
  const maker = { run: run.number, creation: await creationOf(context, endpoints) }
  const isNew = isMadeBy(maker, current)
  const replaced = isNew ? replacedBy(current, endpoints) : []
  const deleted = isNew ? await deletedEndpoint(context) : undefined
  const tookNoPlace = isNew && deleted === undefined && current.metadata[replaces] === undefined
  const gone = tookNoPlace ? await goneEndpoint(context, endpoints) : undefined
  // A worker that goes on finds the former one disabled: what it owes was found before that, and is recorded.
  const owing = [
    ...formers,
    ...replaced.filter((one) => !formers.includes(one)),
    ...(deleted === undefined ? [] : [deleted]),
    ...(gone === undefined ? [] : [gone]),
  ]
  const rotated = owing.length > 0 || (isNew && current.metadata[replaces] !== undefined)
  const rest = rotated ? await sendOwed(context, { endpoints, formers: owing, waitedFor: new Date(until) }) : nothing
  const kept: string[] = []
  for (const former of formers) {
    if (rest.left > 0 && (!rest.named || (await isBelieved(context, former)))) kept.push(former.id)
    else await disable(context, former)
  }
  if (rest.left > 0) await context.tell({ kind: 'note', text: endWords(formers, kept, rest) }, 'owed')
  return { disabled: formers.map(({ id }) => id).filter((id) => !kept.includes(id)), kept }
}

/** What is still owed after everything was sent again. */
interface Rest {
  /** How many events the service did not take, at least. */
  readonly left: number
  /** False when not each of them stands in the thread. */
  readonly named: boolean
}

const nothing: Rest = { left: 0, named: true }

/** Sends what is owed to the service, the oldest first, and names in the thread what it did not take. */
async function sendOwed(context: PhaseContext, question: Parameters<typeof owedEvents>[1]): Promise<Rest> {
  await context.report('looking for events that neither endpoint brought in')
  const missed = await context.step('look for missed events', async () => {
    const { events, line, complete, unstored } = await owedEvents(context, question)
    return { events: [...events], line, complete, ...(unstored.length === 0 ? {} : { doubt: unstoredWords(unstored) }) }
  })
  const { events, complete, doubt } = missed
  if (doubt !== undefined) await context.tell({ kind: 'note', text: `Not sent again: ${doubt}.` }, 'unstored')
  if (events.length === 0 && complete) return nothing
  const { line, left, stale } = await resendEvents(context, events)
  const text = `Sent again what previous endpoints owed: ${line}.`
  const more = `${missed.line}. There are more than could be looked at.`
  await context.tell({ kind: 'note', text: complete ? text : `${text} ${more}` }, 'resent')
  const unsent = [...left, ...stale]
  const listed = unsent.slice(0, mostNamed)
  const lines = listed.map(
    ({ created, type, id, outcome, detail }) => `• ${created} ${type} ${id}: ${outcome} (${detail})`,
  )
  for (const [index, some] of inMessages(lines).entries())
    await context.tell({ kind: 'note', text: ['Not taken by the service:', ...some].join('\n') }, `owed-${index + 1}`)
  // What is left out on purpose is no reason to wait for Stripe's retries, which would bring it after all.
  const named = complete && unsent.length <= mostNamed
  return { left: left.length + (named ? 0 : unsent.length - left.length + (complete ? 0 : 1)), named }
}

function inMessages(lines: readonly string[]): readonly (readonly string[])[] {
  const messages: string[][] = []
  let length = longestMessage
  for (const line of lines) {
    length += line.length + 1
    if (length > longestMessage) {
      messages.push([])
      length = line.length
    }
    messages.at(-1)?.push(line)
  }
  return messages
}

/**
 * Tells whether the pods believe what an endpoint signs, so that Stripe's retries may still bring in what it owes. They do
 * while its secret stands beside the new one. Where a service takes one secret only, or nobody knew the former one, each
 * retry would be refused; and an endpoint of another address sends them where the service may be no more.
 */
async function isBelieved({ world, service, environment, signal }: PhaseContext, former: WebhookEndpoint) {
  if (!sameUrl(former.url, environment.webhookUrl)) return false
  const { name, key, previousKey } = service.stripe.secret
  const keys = [key, ...(previousKey === undefined ? [] : [previousKey])]
  const states = await Promise.all(keys.map((one) => world.cluster.secretKey(name, one, signal)))
  const held = states.flatMap(({ fingerprints }) => fingerprints)
  const own = former.metadata[secretFingerprint]
  // One that somebody else made carries no fingerprint: its secret is the second one.
  return own === undefined ? held.length > 1 : held.includes(own)
}

function endWords(formers: readonly WebhookEndpoint[], kept: readonly string[], { left, named }: Rest): string {
  const gone = formers.map(({ id }) => id).filter((id) => !kept.includes(id))
  const owed = `${named ? '' : 'at least '}${counted(left, 'event')} not taken`
  const why = named ? 'Stripe keeps retrying' : 'not each of them is named above'
  return [
    ...kept.map((id) => `${id} stays enabled: ${owed}, ${why}. The next deploy disables it.`),
    ...gone.map(
      (id) => `${id} is disabled: ${owed}. The pods don't accept what it signs, so its retries bring nothing.`,
    ),
    ...(formers.length === 0 ? [`${owed}.`] : []),
  ].join('\n')
}

async function disable(context: PhaseContext, former: WebhookEndpoint): Promise<void> {
  const { world, run } = context
  await context.change(`disable endpoint ${former.id}`, {
    kind: 'stripe-endpoint',
    target: former.id,
    before: async () => ({
      ...endpointBefore(former),
      ...((await isLost(context)) ? { unusable: true } : {}),
    }),
    act: async (_before, inner) => {
      const metadata = { [retiredBy]: String(run.number) }
      await world.stripe.updateEndpoint(former.id, { disabled: true, metadata }, inner)
      return { id: former.id, status: 'disabled', enabledEvents: [...former.enabledEvents] }
    },
  })
}

/** Tells whether this run found that nobody held the former endpoint's secret. */
async function isLost({ records, run, environment }: PhaseContext): Promise<boolean> {
  const effects = await records.effectsOf(run.number)
  return effects.some(
    (effect) =>
      effect.kind === 'stripe-endpoint' &&
      sameUrl(effect.target, environment.webhookUrl) &&
      effect.before.insteadOf !== undefined,
  )
}

/** Lists the endpoint that the current one took the place of, and others of Purser's for the same URL. */
export function formerEndpoints(
  current: Pick<WebhookEndpoint, 'id' | 'url' | 'metadata'>,
  endpoints: readonly WebhookEndpoint[],
): readonly WebhookEndpoint[] {
  return endpoints.filter(
    (endpoint) =>
      sameUrl(endpoint.url, current.url) &&
      endpoint.id !== current.id &&
      endpoint.status === 'enabled' &&
      (endpoint.id === current.metadata[replaces] || endpoint.metadata[managedBy] === 'purser'),
  )
}

interface Settling {
  readonly former: WebhookEndpoint
  /** All endpoints of the account. */
  readonly endpoints: readonly WebhookEndpoint[]
  /** Events made after this time, in ms, come by the new endpoint too. */
  readonly until: number
}

/** Waits for a while until no event for this endpoint made before `until` is on its way any more. */
async function settled(context: PhaseContext, settling: Settling, signal: AbortSignal): Promise<void> {
  const deadline = Date.now() + patienceMs
  while ((await isAwaited(context, settling, signal)) && Date.now() < deadline)
    await pause(lookMs, undefined, { signal })
}

/** Tells whether something may still be on its way to this endpoint. What only a neighbour has not taken is not. */
async function isAwaited(context: PhaseContext, { former, endpoints, until }: Settling, signal: AbortSignal) {
  const { world, run, service } = context
  const undelivered = await world.stripe.undelivered(run.startedAt ?? run.createdAt, signal)
  const events = undelivered.filter(
    ({ created, type }) => created.getTime() <= until && subscribesTo(former.enabledEvents, type),
  )
  const { ours, unclear } = divided({ url: former.url, endpoints, events })
  if (ours.length > 0 || unclear.length === 0) return ours.length > 0
  const { receivedEvents } = service.stripe
  return receivedEvents === undefined || (await lackingIn(context, receivedEvents, unclear)).length > 0
}

interface Leftovers {
  /** Ids of endpoints that were retired. */
  readonly endpoints: readonly string[]
  /** Keys of the Secret. */
  readonly keys: readonly string[]
}

/**
 * Lists what earlier rotations and rollouts left behind, once no rollback needs it any more: retired endpoints, and former
 * values that were kept aside. Nothing of it is in use. Changes nothing.
 */
export async function leftovers(
  { service, environment, run, records }: PhaseContext,
  endpoints: readonly WebhookEndpoint[],
  keys: readonly string[],
): Promise<Leftovers> {
  const { key, previousKey } = service.stripe.secret
  const closed = await records.rollbackClosedUpTo(environment.policy.rollbackButtonHours)
  const isOver = (number: number) => number <= closed && number !== run.number
  const retired = endpoints.filter(
    ({ url, status, metadata }) =>
      sameUrl(url, environment.webhookUrl) &&
      status === 'disabled' &&
      metadata[managedBy] === 'purser' &&
      metadata[retiredBy] !== undefined &&
      isOver(Number(metadata[retiredBy])),
  )
  const kept = [...keptAside(keys, key), ...(previousKey === undefined ? [] : keptAside(keys, previousKey))]
  return {
    endpoints: retired.map(({ id }) => id),
    keys: kept.filter((one) => isOver(one.run)).map(({ name }) => name),
  }
}

/** Removes those leftovers that the plan lists. Safe to repeat. */
export async function removeLeftovers(context: PhaseContext): Promise<void> {
  const { world, service, run, signal } = context
  const { name, key } = service.stripe.secret
  const planned = planOf(run).stripe.removes ?? []
  const [endpoints, { keys }] = await Promise.all([
    world.stripe.endpoints(signal),
    world.cluster.secretKey(name, key, signal),
  ])
  const found = await leftovers(context, endpoints, keys)
  const retired = found.endpoints.filter((id) => planned.includes(id))
  const old = found.keys.filter((one) => planned.includes(`${name}/${one}`))
  for (const id of retired)
    await context.step(`delete endpoint ${id}`, (inner) => world.stripe.deleteEndpoint(id, inner))
  if (old.length > 0)
    await context.step('remove former values', async (inner) => {
      const gone = Object.fromEntries(old.map((one) => [one, undefined]))
      await world.cluster.writeSecret(name, { keys: gone }, inner)
    })
  if (retired.length + old.length === 0) return
  const what = [
    ...retired.map((id) => `Stripe endpoint ${id} (replaced before)`),
    ...old.map((one) => `${name}/${one}`),
  ]
  await context.tell(
    { kind: 'note', text: `Removed what no rollback needs any more: ${what.join(', ')}.` },
    'cleanedUp',
  )
}
