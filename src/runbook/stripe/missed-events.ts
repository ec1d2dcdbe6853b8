import { setTimeout as pause } from 'node:timers/promises'
import type { EventSummary, ProbeAnswer, StoredEvent } from '../../adapters/stripe/port.ts'
import { PurserError } from '../../errors.ts'
import type { Sensitive } from '../../sensitive.ts'
import type { PhaseContext } from '../phase.ts'
import { CheckFailed } from '../errors.ts'
import { expandedEvents } from './event-types.ts'
import { probe } from './probe.ts'
import { decideEndpoint } from './webhook-endpoint.ts'

/** The number of days for which Stripe lists events. */
const reachDays = 30
const mostExamined = 20_000
const mostMissed = 1_000
/** The number of event types that Stripe takes in one question. */
const typesAtOnce = 20
/** The age up to which Stripe is still delivering an event, or about to try again: nobody has missed it yet. */
const onTheirWayMs = 15_000

/** What the state database keeps of an event, which is none of its content. */
type MissedEvent = {
  readonly id: string
  readonly type: string
  /** The time of its creation, by RFC 3339. */
  readonly created: string
}

interface MissedEvents {
  /** The beginning of what was looked at: `since`, or as far back as Stripe keeps events. */
  readonly since: Date
  /** The missed events, the oldest first. */
  readonly events: readonly MissedEvent[]
  /**
   * Why they count as missed: the service's table lacks them, Stripe got no acknowledgement, or the database was set
   * back.
   */
  readonly because: 'not in the database' | 'not acknowledged' | 'made since then'
  /** False when there are more, or there may be older ones beyond Stripe's reach. */
  readonly complete: boolean
  /** The sentence for people, such as "12 events since … are not in the database". */
  readonly line: string
}

interface MissedQuestion {
  /**
   * The database was set back to `since`. Without a query that tells what it holds, every event since then counts as
   * missed, delivered or not.
   */
  readonly databaseSetBack?: boolean
}

/** Finds events of the endpoint's types that the service does not have. Changes nothing. */
export async function missedEvents(
  context: PhaseContext,
  since: Date,
  { databaseSetBack = false }: MissedQuestion = {},
): Promise<MissedEvents> {
  const { receivedEvents } = context.service.stripe
  const reach = new Date(Date.now() - reachDays * 86_400_000)
  const from = since < reach ? reach : since
  const askDatabase = receivedEvents !== undefined
  const undelivered = !askDatabase && !databaseSetBack
  const missed: EventSummary[] = []
  let examined = 0
  let complete = since >= reach
  for (const types of inGroups(expandedEvents(context), typesAtOnce)) {
    let after: string | undefined
    do {
      const question = { since: from, types, undelivered, ...(after === undefined ? {} : { after }) }
      const page = await context.world.stripe.events(question, context.signal)
      const settled = page.events.filter((event) => !isOnItsWay(event))
      missed.push(...(askDatabase ? await lackingIn(context, receivedEvents, settled) : settled))
      examined += page.events.length
      after = page.next
      if (examined >= mostExamined || missed.length >= mostMissed) complete &&= after === undefined
    } while (after !== undefined && examined < mostExamined && missed.length < mostMissed)
  }
  const events = missed
    .sort((a, b) => a.created.getTime() - b.created.getTime() || a.id.localeCompare(b.id))
    .map(({ id, type, created }) => ({ id, type, created: created.toISOString() }))
  const because = askDatabase ? 'not in the database' : undelivered ? 'not acknowledged' : 'made since then'
  return { since: from, events, because, complete, line: missedLine(events.length, from, because, complete) }
}

function missedLine(count: number, from: Date, because: MissedEvents['because'], complete: boolean): string {
  const since = `since ${from.toISOString().slice(0, 16).replace('T', ' ')} UTC`
  const number = `${complete ? '' : 'at least '}${count} ${count === 1 ? 'event' : 'events'}`
  if (because === 'made since then') return `${number} ${since}`
  return `${number} ${since} ${count === 1 ? 'is' : 'are'} ${because}`
}

function isOnItsWay({ created, pendingWebhooks }: EventSummary): boolean {
  return pendingWebhooks > 0 && Date.now() - created.getTime() < onTheirWayMs
}

/** Asks the service's own table, so that what came in by another way does not count as missed. */
async function lackingIn(
  { world, service, signal }: PhaseContext,
  sql: string,
  events: readonly EventSummary[],
): Promise<readonly EventSummary[]> {
  // An event whose id looks like none never becomes part of a statement.
  const asked = events.filter(({ id }) => /^evt_\w+$/.test(id))
  if (asked.length === 0) return []
  const list = asked.map(({ id }) => `'${id}'`).join(', ')
  const timeoutMs = service.verify.timeoutSeconds * 1_000
  const answer = await world.database.query(sql.replaceAll('{events}', list), { timeoutMs }, signal)
  const received = new Set(answer.rows.map(([id]) => id))
  return asked.filter(({ id }) => !received.has(id))
}

const sentTogether = 4
const sentInOneStep = 20
const tries = 3
const firstPauseMs = 500

type ResentEvent = MissedEvent & {
  /**
   * - `accepted`: the service took it (a second time is harmless: it knows the event's id)
   * - `refused`: it answered something else, or nothing
   * - `held`: not sent, because Stripe keeps it in the shape of another API release than the endpoint's
   * - `gone`: Stripe does not have it any more
   */
  readonly outcome: 'accepted' | 'refused' | 'held' | 'gone'
  readonly detail: string
}

interface Resent {
  readonly events: readonly ResentEvent[]
  readonly accepted: number
  /** The sentence for people, such as "12 of 14 events accepted, 2 refused (HTTP 500)". */
  readonly line: string
}

/**
 * Posts missed events to the service as Stripe would: read from Stripe, signed with the endpoint's secret. Safe to
 * repeat: a service knows events by their id. Raises when the service does not take signed events at all.
 */
export async function resendEvents(context: PhaseContext, events: readonly MissedEvent[]): Promise<Resent> {
  if (events.length === 0) return { events: [], accepted: 0, line: 'no events to send again' }
  const done: { sent?: readonly ResentEvent[] } = {}
  await context.change('send events again', {
    kind: 'events',
    target: context.environment.webhookUrl,
    before: async () => ({ events: events.length }),
    act: async () => {
      done.sent = await sendAll(context, events)
      return countsOf(done.sent)
    },
  })
  // An earlier execution may have finished the change; every step of it has ended and gives back what was stored.
  const sent = done.sent ?? (await sendAll(context, events))
  return { events: sent, accepted: countsOf(sent).accepted, line: resentLine(sent) }
}

async function sendAll(context: PhaseContext, events: readonly MissedEvent[]): Promise<readonly ResentEvent[]> {
  await context.step('probe before sending events again', (signal) => probe(context, signal))
  const { apiVersion } = await context.step('read the API version of the endpoint', (signal) =>
    endpointVersion(context, signal),
  )
  const sent: ResentEvent[] = []
  for (const [index, group] of inGroups(events, sentInOneStep).entries()) {
    const first = index * sentInOneStep + 1
    await context.report(`sending events again: ${first - 1} of ${events.length} done`)
    const name = `send events ${first} to ${first + group.length - 1} again, from ${group[0]?.id}`
    sent.push(
      ...(await context.step(name, async (signal) => [...(await sendGroup(context, group, apiVersion, signal))])),
    )
  }
  return sent
}

/** Returns the API version of Stripe's deliveries. Null is the account's default, which cannot be asked for. */
async function endpointVersion(context: PhaseContext, signal: AbortSignal) {
  const { world, service, environment } = context
  const { name, key } = service.stripe.secret
  const [endpoints, secret] = await Promise.all([
    world.stripe.endpoints(signal),
    world.cluster.secretKey(name, key, signal),
  ])
  const facts = { url: environment.webhookUrl, events: expandedEvents(context), endpoints, secret }
  return { apiVersion: decideEndpoint(facts).endpoint?.apiVersion ?? null }
}

async function sendGroup(
  context: PhaseContext,
  group: readonly MissedEvent[],
  apiVersion: string | null,
  signal: AbortSignal,
): Promise<readonly ResentEvent[]> {
  const { name, key } = context.service.stripe.secret
  const [secret] = (await context.world.cluster.readSecretKey(name, key, signal))?.parts(',') ?? []
  if (secret === undefined)
    throw new CheckFailed('secret_missing', `sending events again: Secret ${name} has no key ${key}`, {
      hint: 'Deploy a version: the rollout phase creates it.',
    })
  const waiting = [...group.entries()]
  const sent: ResentEvent[] = []
  const sender = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const [index, event] = next
      sent[index] = { ...event, ...(await sendOne(context, event, { apiVersion, secret }, signal)) }
    }
  }
  await Promise.all(Array.from({ length: sentTogether }, sender))
  return sent
}

async function sendOne(
  { world, service, environment }: PhaseContext,
  { id }: MissedEvent,
  endpoint: { readonly apiVersion: string | null; readonly secret: Sensitive },
  signal: AbortSignal,
): Promise<Pick<ResentEvent, 'outcome' | 'detail'>> {
  const event = await world.stripe.event(id, signal)
  if (event === undefined) return { outcome: 'gone', detail: 'Stripe does not have it any more' }
  if (!service.stripe.resendOtherVersions && !sameShape(event.apiVersion, endpoint.apiVersion))
    return {
      outcome: 'held',
      detail: `kept in API version ${event.apiVersion}, the endpoint has ${endpoint.apiVersion}`,
    }
  for (let attempt = 1; ; attempt += 1) {
    const answer = await deliver(world.webhook, environment.webhookUrl, event, endpoint.secret, signal)
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

function countsOf(sent: readonly ResentEvent[]): Record<ResentEvent['outcome'], number> {
  const count = (outcome: ResentEvent['outcome']) => sent.filter((one) => one.outcome === outcome).length
  return { accepted: count('accepted'), refused: count('refused'), held: count('held'), gone: count('gone') }
}

function resentLine(sent: readonly ResentEvent[]): string {
  const { accepted, refused, held, gone } = countsOf(sent)
  const why = sent.find((one) => one.outcome === 'refused')?.detail
  const rest = [
    ...(refused === 0 ? [] : [`${refused} refused (${why})`]),
    ...(held === 0 ? [] : [`${held} held back: another API release, use "stripe events resend"`]),
    ...(gone === 0 ? [] : [`${gone} gone from Stripe`]),
  ]
  return [`${accepted} of ${sent.length} ${sent.length === 1 ? 'event' : 'events'} accepted`, ...rest].join(', ')
}

function inGroups<T>(all: readonly T[], size: number): readonly (readonly T[])[] {
  return Array.from({ length: Math.ceil(all.length / size) }, (_, index) => all.slice(index * size, (index + 1) * size))
}
