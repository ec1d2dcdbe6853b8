import { setTimeout as pause } from 'node:timers/promises'
import type { PhaseContext } from '../../phase.ts'
import { expandedEvents } from '../event-types.ts'
import { probe } from '../probe/probe.ts'
import { lackingIn } from './received-events.ts'
import { type MissedEvent, onlyByStripe, type ResentEvent, sendGroup } from './resend.ts'
import { decideEndpoint } from '../webhook-endpoint.ts'

/*
 * Missed events are sent to the service once more, by Stripe or by Purser. An answer of 2xx says only that the service took
 * an event: `service.stripe.receivedEvents` tells which it has processed. Where it processes none of the first few, nothing
 * more is sent: they would lie there, and count as received the next time.
 */

/** What is sent again in one step, which a worker that goes on does not repeat. */
const sentInOneStep = 20
/** So many are sent before all others, where the service's table tells whether they were processed. */
const triedFirst = 4
const processedWithinMs = 15_000
const lookMs = 500
/** How long Stripe's deliveries are waited for without a table to ask, and how long when none came of the group before. */
const patienceMs = { usual: 10_000, afterNone: 1_000 } as const
const stuckDetail = 'the service processed none of those before it'

interface Resent {
  readonly events: readonly ResentEvent[]
  /** Those that were not accepted, or not processed where that can be told. */
  readonly left: readonly ResentEvent[]
  /** Those that were left out, because the service has a newer event of the same object. */
  readonly stale: readonly ResentEvent[]
  /** The sentence for people, such as "12 of 14 events accepted, 2 refused (HTTP 500)". */
  readonly line: string
}

/**
 * Sends missed events to the service again: by Stripe, which renders each in the endpoint's API version, or by Purser where
 * Stripe does not do it and the shape is the endpoint's; `byStripe`: by Stripe only. Safe to repeat: a service knows events by their id. Raises when
 * the service does not take signed events at all.
 */
export async function resendEvents(
  context: PhaseContext,
  missed: readonly MissedEvent[],
  { byStripe = false }: { readonly byStripe?: boolean } = {},
): Promise<Resent> {
  const stale = context.service.stripe.resendStale ? [] : missed.flatMap(leftOut)
  const events = missed.filter(({ id }) => !stale.some((one) => one.id === id))
  const without = stale.length === 0 ? '' : `, ${stale.length} left out: older than what the service has`
  if (events.length === 0) return { events: stale, left: [], stale, line: `no events to send again${without}` }
  const done: { sent?: readonly ResentEvent[] } = {}
  await context.change('send events again', {
    kind: 'events',
    target: context.environment.webhookUrl,
    before: async () => ({ events: events.length }),
    act: async () => {
      done.sent = await sendAll(context, events, byStripe)
      return countsOf(done.sent)
    },
  })
  // An earlier execution may have finished the change; every step of it has ended and gives back what was stored.
  const sent = done.sent ?? (await sendAll(context, events, byStripe))
  return {
    events: [...sent, ...stale],
    stale,
    left: sent.filter(({ outcome }) => outcome !== 'accepted' && outcome !== 'processed'),
    line: `${resentLine(sent, context.service.stripe.receivedEvents !== undefined)}${without}`,
  }
}

/** An older state of an object could take back what a newer one has made of it. */
function leftOut({ newer, ...event }: MissedEvent): readonly ResentEvent[] {
  if (newer === undefined) return []
  return [{ ...event, outcome: 'stale', detail: `older than what the service has of ${event.object}: ${newer}` }]
}

async function sendAll(
  context: PhaseContext,
  events: readonly MissedEvent[],
  byStripe: boolean,
): Promise<readonly ResentEvent[]> {
  await context.step('probe before sending events again', (signal) => probe(context, signal, { signedOnly: true }))
  const endpoint = await context.step('read the API version of the endpoint', (signal) => endpointOf(context, signal))
  const { receivedEvents: sql } = context.service.stripe
  const early = sql === undefined ? [] : events.slice(0, triedFirst)
  const groups = [...(early.length === 0 ? [] : [early]), ...inGroups(events.slice(early.length), sentInOneStep)]
  const sent: ResentEvent[] = []
  for (const group of groups) {
    const first = sent.length + 1
    await context.report(`sending events again: ${first - 1} of ${events.length} done`)
    const lost = sent.length > 0 && sent.slice(-sentInOneStep).every(({ outcome }) => outcome === 'unseen')
    const patience = lost ? patienceMs.afterNone : patienceMs.usual
    const name = `send events ${first} to ${first + group.length - 1} again, from ${group[0]?.id}`
    const answered = await context.step(name, async (signal) => [
      ...(await sendGroup(context, group, { ...endpoint, byStripe }, { patienceMs: patience, signal })),
    ])
    sent.push(...(group === early ? await judged(context, answered, 'the first ones') : answered))
    if (group === early && isStuck(sent)) return [...sent, ...events.slice(sent.length).map(heldBack)]
  }
  return [...sent.slice(0, early.length), ...(await judged(context, sent.slice(early.length), 'the others'))]
}

/** Tells that events went to the service and it processed none of them: then it would process no other one either. */
function isStuck(sent: readonly ResentEvent[]): boolean {
  const some = (...outcomes: readonly ResentEvent['outcome'][]) =>
    sent.some(({ outcome }) => outcomes.includes(outcome))
  return !some('processed') && some('unprocessed', 'unseen')
}

function heldBack(event: MissedEvent): ResentEvent {
  return { ...event, outcome: 'held', detail: stuckDetail }
}

/** Asks the service's own table, for a while, which of the events that went to it are processed by now. */
async function judged(
  context: PhaseContext,
  sent: readonly ResentEvent[],
  which: string,
): Promise<readonly ResentEvent[]> {
  const { receivedEvents: sql } = context.service.stripe
  const open = sent.filter(({ outcome }) => outcome === 'accepted' || outcome === 'unseen')
  if (sql === undefined || open.length === 0) return sent
  await context.report('looking which events are processed')
  const lacking = await context.step(`look which events are processed: ${which}`, async (signal) => {
    const deadline = Date.now() + processedWithinMs
    for (let left = open; ;) {
      left = [...(await lackingIn(context, sql, left))]
      if (left.length === 0 || Date.now() >= deadline) return left.map(({ id }) => id)
      await pause(lookMs, undefined, { signal })
    }
  })
  return sent.map((event) => {
    if (!open.includes(event)) return event
    if (!lacking.includes(event.id)) return { ...event, outcome: 'processed' as const }
    const outcome = event.outcome === 'unseen' ? ('unseen' as const) : ('unprocessed' as const)
    return { ...event, outcome, detail: `${event.detail}, but not processed within ${processedWithinMs / 1_000} s` }
  })
}

/** Returns the endpoint that gets Stripe's deliveries. A version of null is the account's default. */
async function endpointOf(context: PhaseContext, signal: AbortSignal) {
  const { world, service, environment } = context
  const { name, key } = service.stripe.secret
  const [endpoints, secret] = await Promise.all([
    world.stripe.endpoints(signal),
    world.cluster.secretKey(name, key, signal),
  ])
  const facts = { url: environment.webhookUrl, events: expandedEvents(context), endpoints, secret }
  const { endpoint } = decideEndpoint(facts)
  return { id: endpoint?.id ?? null, apiVersion: endpoint?.apiVersion ?? null }
}

function countsOf(sent: readonly ResentEvent[]) {
  const count = (...outcomes: readonly ResentEvent['outcome'][]) =>
    sent.filter(({ outcome }) => outcomes.includes(outcome)).length
  const unprocessed = count('unprocessed')
  return {
    accepted: count('accepted', 'processed', 'unprocessed'),
    refused: count('refused'),
    held: count('held'),
    gone: count('gone'),
    unseen: count('unseen'),
    ...(unprocessed === 0 ? {} : { unprocessed }),
  }
}

/** `asked`: the service's table tells which events are processed. */
function resentLine(sent: readonly ResentEvent[], asked: boolean): string {
  const { accepted, refused, gone, unseen, unprocessed = 0 } = countsOf(sent)
  const of = (outcome: ResentEvent['outcome']) => sent.filter((one) => one.outcome === outcome)
  const processed = of('processed').length
  const why = of('refused')[0]?.detail
  const stuck = of('held').filter(({ detail }) => detail === stuckDetail).length
  const left = of('held').filter(({ detail }) => detail.startsWith(onlyByStripe)).length
  const held = of('held').length - stuck - left
  const rest = [
    ...(unprocessed === 0 ? [] : [`${unprocessed} accepted but not processed`]),
    ...(refused === 0 ? [] : [`${refused} refused (${why})`]),
    ...(unseen === 0 ? [] : [`${unseen} left to Stripe and not seen to arrive`]),
    ...(stuck === 0 ? [] : [`${stuck} held back: none of the first was processed`]),
    ...(left === 0 ? [] : [`${left} held back: Stripe doesn't send them again, use "stripe events resend"`]),
    ...(held === 0 ? [] : [`${held} held back: another API release, use "stripe events resend"`]),
    ...(gone === 0 ? [] : [`${gone} gone from Stripe`]),
  ]
  const known = asked && processed + unprocessed + unseen > 0
  const done = `${known ? processed : accepted} of ${sent.length} ${sent.length === 1 ? 'event' : 'events'}`
  return [`${done} ${known ? 'processed' : 'accepted'}`, ...rest].join(', ')
}

function inGroups<T>(all: readonly T[], size: number): readonly (readonly T[])[] {
  return Array.from({ length: Math.ceil(all.length / size) }, (_, index) => all.slice(index * size, (index + 1) * size))
}
