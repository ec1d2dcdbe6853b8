import type { EventSummary } from '../../../adapters/stripe/port.ts'
import type { PhaseContext } from '../../phase.ts'
import { groupsOf } from '../event-types.ts'
import { lackingIn } from './received-events.ts'

/*
 * A service may acknowledge a type and store nothing of it. Stripe and the table alone cannot tell that from an event that was lost after its
 * acknowledgement, so it is never a pass: it is told with what was looked at, and `service.stripe.ignored` says it for good. A type of
 * which the table has one event, of those that Stripe keeps, is no such type.
 */

/** A type whose events the service acknowledges while its table has none of them. */
export interface UnstoredType {
  readonly type: string
  /** How many of the missed events are of it. */
  readonly count: number
  /** How many of it were looked for in the table altogether. */
  readonly examined: number
  /** The time of the oldest of those. */
  readonly since: Date
}

/** Fewer than these say nothing about a type. */
const fewest = 3
/** So many types are looked at more closely: each costs a few questions. */
const mostTypes = 20

interface UnstoredQuestion {
  readonly sql: string
  /** Everything that the table lacks. */
  readonly missed: readonly EventSummary[]
  /** All types that the service takes. */
  readonly types: readonly string[]
  /** As far back as Stripe lists events. */
  readonly reach: Date
}

/** Finds the types that the service seems to ignore. Changes nothing. */
export async function unstoredTypes(
  context: PhaseContext,
  { missed, ...question }: UnstoredQuestion,
): Promise<readonly UnstoredType[]> {
  const found: UnstoredType[] = []
  for (const type of [...new Set(missed.map((event) => event.type))].slice(0, mostTypes)) {
    const events = missed.filter((event) => event.type === type)
    if (events.some(isOwed)) continue
    const unstored = await lookCloser(context, type, question)
    if (unstored !== undefined) found.push({ type, count: events.length, ...unstored })
  }
  return found
}

async function lookCloser(
  context: PhaseContext,
  type: string,
  { sql, types, reach }: Omit<UnstoredQuestion, 'missed'>,
): Promise<Pick<UnstoredType, 'examined' | 'since'> | undefined> {
  const { world, signal } = context
  const { events } = await world.stripe.events({ since: reach, types: [type], undelivered: false }, signal)
  if (events.length < fewest || events.some(isOwed)) return undefined
  if ((await lackingIn(context, sql, events)).length < events.length) return undefined
  const times = events.map(({ created }) => created.getTime())
  const since = new Date(Math.min(...times))
  // What comes while the endpoint is disabled is owed by nobody, and lacking all the same. So others of that time must be there.
  const until = new Date(Math.max(...times) + 1_000)
  for (const group of groupsOf(types)) {
    const page = await world.stripe.events({ since, until, types: group, undelivered: false }, signal)
    const others = page.events.filter((event) => event.type !== type)
    if ((await lackingIn(context, sql, others)).length < others.length) return { examined: events.length, since }
  }
  return undefined
}

function isOwed({ pendingWebhooks }: EventSummary): boolean {
  return pendingWebhooks > 0
}

/** Words it for people: what was looked at, and what to do about it. */
export function unstoredWords(types: readonly UnstoredType[]): string {
  const lines = types.map(({ type, count, examined, since }) => {
    const from = since.toISOString().slice(0, 16).replace('T', ' ')
    return `${count} of ${type} acknowledged and not in the table, as all ${examined} since ${from} UTC`
  })
  const [which, names] = types.length === 1 ? ['this type', 'it'] : ['these types', 'them']
  return `${lines.join(', ')}. The service may ignore ${which}: if so, name ${names} in \`service.stripe.ignored\``
}
