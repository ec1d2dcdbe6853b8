import { synchronousEventType } from '../../../adapters/stripe/events.ts'
import type { EventSummary } from '../../../adapters/stripe/port.ts'
import type { PhaseContext } from '../../phase.ts'
import { expandedEvents, groupsOf, ignoredEvents } from '../event-types.ts'
import { subscriptions } from './subscriptions.ts'
import { eventsFrom } from './listed-events.ts'
import { lackingIn } from './received-events.ts'
import type { MissedEvent } from './resend.ts'
import { type UnstoredType, unstoredTypes } from './unstored-types.ts'

/** The number of days for which Stripe lists events. */
const reachDays = 30
const mostExamined = 20_000
const mostMissed = 1_000
/** The age up to which Stripe is still delivering an event, or about to try again: nobody has missed it yet. */
const onTheirWayMs = 15_000

interface MissedEvents {
  /** The beginning of what was looked at: `since`, or as far back as Stripe keeps events. */
  readonly since: Date
  /** The missed events, the oldest first. */
  readonly events: readonly MissedEvent[]
  /**
   * Why they count as missed: the service's table lacks them, Stripe got no acknowledgement, or the database was set
   * back.
   */
  readonly because: 'not processed' | 'not acknowledged' | 'made since then'
  /** How many were looked at, without those of types that the service ignores by `purser.yaml`. */
  readonly examined: number
  /** How many are of those types. */
  readonly ignored: number
  /** How many the service lacks that were made before their type was subscribed. */
  readonly early: number
  /** The types that the service seems to ignore. Their events do not count as missed. */
  readonly unstored: readonly UnstoredType[]
  /** False when there are more, or there may be older ones beyond Stripe's reach. */
  readonly complete: boolean
  /** The sentence for people, such as "12 events since … are not processed". */
  readonly line: string
}

interface MissedQuestion {
  /**
   * The database was set back to `since`. Without a query that tells what it holds, every event since then counts as
   * missed, delivered or not.
   */
  readonly databaseSetBack?: boolean
  /** The types that are asked for, where they are not the configured ones. */
  readonly types?: readonly string[]
  /** Deliveries of events up to here have been waited for: what is pending of those is not on its way, however young. */
  readonly waitedFor?: Date
}

/** Finds events of the endpoint's types that the service does not have. Changes nothing. */
export async function missedEvents(
  context: PhaseContext,
  since: Date,
  { databaseSetBack = false, types: asked, waitedFor }: MissedQuestion = {},
): Promise<MissedEvents> {
  const { receivedEvents } = context.service.stripe
  const reach = new Date(Date.now() - reachDays * 86_400_000)
  const from = since < reach ? reach : since
  const askDatabase = receivedEvents !== undefined
  const undelivered = !askDatabase && !databaseSetBack
  const types = asked ?? expandedEvents(context)
  // Without a table the question is what was not acknowledged, and that is a refusal, whatever the service does with the type.
  const ignoring = undelivered ? new Set<string>() : new Set(ignoredEvents(context))
  const subscription = await subscriptions(context)
  const missed: EventSummary[] = []
  const newest = new Map<string, EventSummary>()
  let examined = 0
  let ignored = 0
  let early = 0
  let complete = since >= reach
  for await (const listed of eventsFrom(context, { from, groups: groupsOf(types), undelivered })) {
    if (examined >= mostExamined || missed.length >= mostMissed) {
      complete = false
      break
    }
    const portion = listed.filter(({ type }) => !ignoring.has(type))
    ignored += listed.length - portion.length
    const due = portion.filter((event) => !isOnItsWay(event, waitedFor) && !isDecided(event))
    const lacking = askDatabase ? await lackingIn(context, receivedEvents, due) : due
    const ours = lacking.filter((event) => subscription(event) !== 'early')
    missed.push(...ours)
    early += lacking.length - ours.length
    const without = new Set(lacking)
    if (askDatabase)
      for (const event of due) if (event.object !== undefined && !without.has(event)) newest.set(event.object, event)
    examined += portion.length
  }
  // A restored table lacks types whatever the service does with them.
  const judges = askDatabase && !databaseSetBack && context.run.kind !== 'restore'
  // What was never sent says nothing about what the service does with it.
  const takenOff = new Set(missed.filter((event) => subscription(event) === 'taken off').map(({ type }) => type))
  const sent = missed.filter(({ type }) => !takenOff.has(type))
  const unstored = judges ? await unstoredTypes(context, { sql: receivedEvents, missed: sent, types, reach }) : []
  const events = missed
    .filter(({ type }) => !unstored.some((one) => one.type === type))
    .map((event) => asMissed(event, newest))
  const because = askDatabase ? 'not processed' : undelivered ? 'not acknowledged' : 'made since then'
  const line = missedLine(events.length, from, because, complete)
  return { since: from, events, because, examined, ignored, early, unstored, complete, line }
}

/**
 * `newest`: the newest event of each object that the service has. Of one second nobody can tell which came first. Only an update is outdated
 * by a newer event of its object: that something was paid or created stays true.
 */
function asMissed({ id, type, created, object }: EventSummary, newest: ReadonlyMap<string, EventSummary>): MissedEvent {
  const known = object === undefined ? undefined : newest.get(object)
  return {
    id,
    type,
    created: created.toISOString(),
    ...(object === undefined ? {} : { object }),
    ...(known !== undefined && type.endsWith('.updated') && known.created > created ? { newer: known.id } : {}),
  }
}

function missedLine(count: number, from: Date, because: MissedEvents['because'], complete: boolean): string {
  const since = `since ${from.toISOString().slice(0, 16).replace('T', ' ')} UTC`
  const number = `${complete ? '' : 'at least '}${count} ${count === 1 ? 'event' : 'events'}`
  if (because === 'made since then') return `${number} ${since}`
  return `${number} ${since} ${count === 1 ? 'is' : 'are'} ${because}`
}

function isOnItsWay({ created, pendingWebhooks }: EventSummary, waitedFor: Date | undefined): boolean {
  if (waitedFor !== undefined && created <= waitedFor) return false
  return pendingWebhooks > 0 && Date.now() - created.getTime() < onTheirWayMs
}

/** Stripe waits two seconds for the answer to such a request and then decides itself: later there is nothing to answer. */
function isDecided({ type }: EventSummary): boolean {
  return type === synchronousEventType
}
