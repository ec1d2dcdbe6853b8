import { setTimeout as pause } from 'node:timers/promises'
import type { WebhookEndpoint } from '../../adapters/stripe/port.ts'
import { sameUrl } from '../../model/same-url.ts'
import { type PhaseContext, planOf } from '../phase.ts'
import { endpointBefore } from './credentials.ts'
import { missedEvents, resendEvents } from './missed-events.ts'
import { movedEndpoints } from './moved-endpoints.ts'
import { keptAside } from './signing-secret.ts'
import { madeBy, managedBy, replaces, retiredBy } from './webhook-endpoint.ts'

/*
 * The end of a rotation. The new endpoint is enabled and proven; the former one may still owe deliveries, so it is
 * given time, then disabled and marked with the run that retired it, and events that neither endpoint brought in are
 * sent to the service again. What earlier rotations left behind is removed only when no rollback can need it any more.
 */

/** The time that is given for what an endpoint still owes: Stripe ends the retries once it is disabled. */
const patienceMs = 15_000
const lookMs = 1_000
/** Stripe tells the time of events in whole seconds, so events of the second before count too. */
const slackMs = 2_000

/**
 * Disables the endpoint that was replaced, now that the new one has proven itself. What Stripe could deliver by neither
 * of them is sent to the service by Purser.
 */
export async function retireEndpoint(context: PhaseContext, current: WebhookEndpoint): Promise<readonly string[]> {
  const { world, run, signal } = context
  const planned = planOf(run).stripe.retires ?? []
  const endpoints = await world.stripe.endpoints(signal)
  const moved = (await movedEndpoints(context, endpoints)).map(({ endpoint }) => endpoint)
  const formers = [...formerEndpoints(current, endpoints), ...moved].filter(({ id }) => planned.includes(id))
  const rotated = formers.length > 0 || current.metadata[replaces] !== undefined
  for (const former of formers) {
    await context.report(`waiting for the last events of ${former.id}`)
    // Events made since the new endpoint was enabled come by that one too.
    const until = current.status === 'enabled' ? current.created.getTime() : Date.now()
    await context.step(`let ${former.id} finish`, (inner) => settled(context, until, inner))
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
  if (!rotated || current.metadata[madeBy] !== String(run.number)) return formers.map(({ id }) => id)
  await context.report('looking for events that neither endpoint brought in')
  const since = new Date((run.startedAt ?? run.createdAt).getTime() - slackMs)
  const missed = await context.step('look for missed events', async () => [
    ...(await missedEvents(context, since)).events,
  ])
  if (missed.length > 0) {
    const { line } = await resendEvents(context, missed)
    await context.tell({ kind: 'note', text: `Sent again after the change of the signing secret: ${line}.` }, 'resent')
  }
  return formers.map(({ id }) => id)
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

/** Waits for a while until no event made before `until` is on its way any more. */
async function settled({ world, run }: PhaseContext, until: number, signal: AbortSignal): Promise<void> {
  const since = run.startedAt ?? run.createdAt
  const deadline = Date.now() + patienceMs
  for (;;) {
    const waiting = await world.stripe.undelivered(since, signal)
    if (!waiting.some(({ created }) => created.getTime() <= until) || Date.now() >= deadline) return
    await pause(lookMs, undefined, { signal })
  }
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
