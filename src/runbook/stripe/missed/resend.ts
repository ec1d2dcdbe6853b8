import { setTimeout as pause } from 'node:timers/promises'
import type { ProbeAnswer, StoredEvent } from '../../../adapters/stripe/port.ts'
import { PurserError } from '../../../errors.ts'
import type { Sensitive } from '../../../sensitive.ts'
import { CheckFailed } from '../../errors.ts'
import type { PhaseContext } from '../../phase.ts'
import { lackingIn } from './received-events.ts'

/*
 * The ways by which a missed event gets to the service. Stripe renders it in the API version of the endpoint, whatever
 * version the account keeps it in, but does not tell whether the service took it: that is seen in the service's table, or
 * by the count of endpoints that owe it. Purser posts what it reads, which is right only where both versions have one
 * shape, and hears the answer. So Stripe is asked where the table can be asked, and Purser posts first where it cannot.
 */

/** What the state database keeps of an event, which is none of its content. */
export type MissedEvent = {
  readonly id: string
  readonly type: string
  /** The time of its creation, by RFC 3339. */
  readonly created: string
  /** The id of the object that it tells of. */
  readonly object?: string
  /** The id of a newer event of the same object that the service has. */
  readonly newer?: string
}

export type ResentEvent = MissedEvent & {
  /**
   * - `accepted`: the service took it (a second time is harmless: it knows the event's id); more is not known
   * - `processed`: it went to the service, and the service's table has it
   * - `unprocessed`: the service took it, and its table did not have it in time
   * - `refused`: it answered something else, or nothing
   * - `held`: not sent, because Stripe does not send it again and keeps it in the shape of another API release, or because
   *   the service has processed none of those before it
   * - `stale`: not sent, because the service has a newer event of the same object
   * - `gone`: Stripe does not have it any more
   * - `unseen`: Stripe was asked to send it, and nothing tells that it arrived
   */
  readonly outcome: 'accepted' | 'processed' | 'unprocessed' | 'refused' | 'held' | 'stale' | 'gone' | 'unseen'
  readonly detail: string
}

interface Endpoint {
  /** Null when there is none; undefined in a record of an earlier version. */
  readonly id?: string | null
  readonly apiVersion: string | null
  /** Purser posts nothing itself. */
  readonly byStripe?: boolean
}

type Sent = Pick<ResentEvent, 'outcome' | 'detail'>
/** Stripe was asked. `owed` says whether its count of endpoints can tell of the arrival. */
type Asked = { readonly asked: true; readonly owed: boolean }

const sentTogether = 4
const tries = 3
const firstPauseMs = 500
const lookMs = 500
/** Stripe tries at once what it was asked to send: after that, what is not there was not taken. */
const arrivalLooks = 20
const arrivalLookMs = 100
const byStripe = 'sent by Stripe'
/** Begins the detail of an event that Purser could have posted. */
export const onlyByStripe = 'only what Stripe signs tells whether it is taken'

/**
 * Sends events again. Without a table to ask, those that were left to Stripe are waited for, as long as `patienceMs`; else
 * they are `unseen` until somebody asks the table.
 */
export async function sendGroup(
  context: PhaseContext,
  group: readonly MissedEvent[],
  endpoint: Endpoint,
  { patienceMs, signal }: { readonly patienceMs: number; readonly signal: AbortSignal },
): Promise<readonly ResentEvent[]> {
  const { name, key } = context.service.stripe.secret
  const [secret] = (await context.world.cluster.readSecretKey(name, key, signal))?.parts(',') ?? []
  if (secret === undefined)
    throw new CheckFailed('secret_missing', `sending events again: Secret ${name} has no key ${key}`, {
      hint: 'Deploy a version: the rollout phase creates it.',
    })
  const waiting = chains(group)
  const answers: (Sent | Asked)[] = []
  const sender = async () => {
    for (let chain = waiting.shift(); chain !== undefined; chain = waiting.shift())
      for (const [place, index] of chain.entries()) {
        const event = group[index]
        if (event === undefined) continue
        const answer = await sendOne(context, event.id, { ...endpoint, secret }, signal)
        answers[index] = answer
        // Stripe delivers after it has answered: the next one of the object would overtake this one.
        if ('asked' in answer && place < chain.length - 1) await arrival(context, event, answer.owed, signal)
      }
  }
  await Promise.all(Array.from({ length: sentTogether }, sender))
  const left = group.flatMap((event, index) => {
    const answer = answers[index]
    return answer !== undefined && 'asked' in answer ? [{ id: event.id, owed: answer.owed }] : []
  })
  const missing = await notArrived(context, left, { patienceMs, signal })
  return group.map((event, index) => {
    const answer = answers[index]
    if (answer !== undefined && !('asked' in answer)) return { ...event, ...answer }
    const why = missing.get(event.id)
    if (why === undefined) return { ...event, outcome: 'accepted', detail: byStripe }
    return { ...event, outcome: 'unseen', detail: why }
  })
}

/** Divides events by the object that they tell of, each in its order: places in the list. */
function chains(events: readonly MissedEvent[]): number[][] {
  const chainOf = new Map<string, number[]>()
  for (const [index, { id, object = id }] of events.entries()) {
    const chain = chainOf.get(object)
    if (chain === undefined) chainOf.set(object, [index])
    else chain.push(index)
  }
  return [...chainOf.values()]
}

/** Waits a little until an event that Stripe was asked to send has arrived, as far as that can be seen. */
async function arrival(context: PhaseContext, event: MissedEvent, owed: boolean, signal: AbortSignal): Promise<void> {
  const { receivedEvents: sql } = context.service.stripe
  for (let look = 0; look < arrivalLooks; look += 1) {
    if (sql !== undefined && (await lackingIn({ ...context, signal }, sql, [event])).length === 0) return
    if (sql === undefined && owed && (await stillOwed(context, [event], signal)).length === 0) return
    await pause(arrivalLookMs, undefined, { signal })
  }
}

async function sendOne(
  context: PhaseContext,
  id: string,
  endpoint: Endpoint & { readonly secret: Sensitive },
  signal: AbortSignal,
): Promise<Sent | Asked> {
  const { world, service } = context
  const askStripe = async (owed: boolean): Promise<Asked | string> => {
    if (typeof endpoint.id !== 'string') return 'the endpoint is gone'
    const { refused } = await world.stripe.resendEvent(id, endpoint.id, signal)
    return refused ?? { asked: true, owed }
  }
  const first = service.stripe.receivedEvents === undefined ? undefined : await askStripe(false)
  if (typeof first === 'object') return first
  const event = await world.stripe.event(id, signal)
  if (event === undefined) return { outcome: 'gone', detail: 'Stripe does not have it any more' }
  const postable =
    endpoint.byStripe !== true &&
    (service.stripe.resendOtherVersions || sameShape(event.apiVersion, endpoint.apiVersion))
  if (postable) return post(context, event, endpoint.secret, signal)
  const second = first ?? (await askStripe(event.pendingWebhooks > 0))
  if (typeof second === 'object') return second
  if (endpoint.byStripe === true) return { outcome: 'held', detail: `${onlyByStripe}: ${second}` }
  return {
    outcome: 'held',
    detail: `kept in API version ${event.apiVersion}, the endpoint has ${endpoint.apiVersion} (${second})`,
  }
}

/**
 * Returns why nothing tells of the arrival, for each event of which nothing does. What the service's table has is asked
 * for of all events together, later: that is true of none yet.
 */
async function notArrived(
  context: PhaseContext,
  asked: readonly { readonly id: string; readonly owed: boolean }[],
  { patienceMs, signal }: { readonly patienceMs: number; readonly signal: AbortSignal },
): Promise<ReadonlyMap<string, string>> {
  if (context.service.stripe.receivedEvents !== undefined) return new Map(asked.map(({ id }) => [id, byStripe]))
  const deadline = Date.now() + patienceMs
  const blind = asked.filter(({ owed }) => !owed)
  const why = new Map(blind.map(({ id }) => [id, `${byStripe}, which does not tell whether it was taken`]))
  let missing = asked.filter(({ owed }) => owed)
  for (;;) {
    missing = await stillOwed(context, missing, signal)
    if (missing.length === 0 || Date.now() >= deadline) break
    await pause(lookMs, undefined, { signal })
  }
  const waited = Math.round(patienceMs / 1_000)
  for (const { id } of missing) why.set(id, `${byStripe}, an endpoint still owes it after ${waited} s`)
  return why
}

async function stillOwed<E extends { readonly id: string }>(
  { world }: PhaseContext,
  events: readonly E[],
  signal: AbortSignal,
): Promise<E[]> {
  const owed: E[] = []
  for (const event of events) if ((await world.stripe.event(event.id, signal))?.pendingWebhooks !== 0) owed.push(event)
  return owed
}

/** Posts an event as Stripe would: as it was read, signed with the endpoint's secret. */
async function post(
  { world, environment }: PhaseContext,
  event: StoredEvent,
  secret: Sensitive,
  signal: AbortSignal,
): Promise<Sent> {
  for (let attempt = 1; ; attempt += 1) {
    const answer = await deliver(world.webhook, environment.probeUrl ?? environment.webhookUrl, event, secret, signal)
    if (answer.accepted) return { outcome: 'accepted', detail: answer.detail }
    if (!answer.passing || attempt === tries) return { outcome: 'refused', detail: answer.detail }
    await pause(firstPauseMs * 2 ** (attempt - 1), undefined, { signal })
  }
}

async function deliver(
  webhook: PhaseContext['world']['webhook'],
  url: string,
  event: StoredEvent,
  secret: Sensitive,
  signal: AbortSignal,
): Promise<{ readonly accepted: boolean; readonly passing: boolean; readonly detail: string }> {
  const answer = await webhook
    .deliver(url, event.body, secret, signal)
    .catch((error: unknown): ProbeAnswer | string => {
      signal.throwIfAborted()
      if (error instanceof PurserError) return error.message
      throw error
    })
  if (typeof answer === 'string') return { accepted: false, passing: true, detail: answer }
  const { status } = answer
  const passing = status >= 500 || status === 429
  return { accepted: status >= 200 && status < 300, passing, detail: `HTTP ${status}` }
}

/**
 * Stripe renders a delivery in the endpoint's API version, but keeps the event in the one it was made in. Within one
 * named release (`2026-10-28.endive`) versions only add; across releases fields move, and a handler may misread them.
 */
export function sameShape(event: string | null, endpoint: string | null): boolean {
  if (event === null || endpoint === null || event === endpoint) return true
  const release = (version: string) => version.split('.')[1]
  return release(event) !== undefined && release(event) === release(endpoint)
}
