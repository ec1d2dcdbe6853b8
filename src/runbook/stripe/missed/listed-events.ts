import type { EventSummary } from '../../../adapters/stripe/port.ts'
import type { PhaseContext } from '../../phase.ts'

/*
 * Stripe lists events from the newest to the oldest, at most 100 on a page (https://docs.stripe.com/api/events/list). Whoever
 * stops somewhere has missed the beginning, which is where an outage began and what a service must get first. So a time
 * that holds more than a few pages is halved, and the older half is read first.
 */

interface ListQuestion {
  readonly from: Date
  /** Groups of types, each of which Stripe takes in one question. */
  readonly groups: readonly (readonly string[])[]
  readonly undelivered: boolean
}

interface Window {
  readonly from: number
  /** Exclusive; undefined: up to now. */
  readonly until: number | undefined
}

/** So many are read of one time before it is halved. */
const mostAtOnce = 1_000
/** Stripe tells whole seconds: a time as short as this is read whole, however much is in it. */
const shortestMs = 2_000

/** Gives the events from then on in portions, the oldest first, within each too. Asks as it goes, and changes nothing. */
export async function* eventsFrom(
  context: PhaseContext,
  { from, groups, undelivered }: ListQuestion,
): AsyncGenerator<readonly EventSummary[]> {
  const left: Window[] = [{ from: Math.floor(from.getTime() / 1_000) * 1_000, until: undefined }]
  for (let window = left.pop(); window !== undefined; window = left.pop()) {
    const end = window.until ?? Date.now()
    const isShort = end - window.from <= shortestMs
    const events = await within(context, window, { groups, undelivered, most: isShort ? Infinity : mostAtOnce })
    if (events !== undefined) {
      yield events
      continue
    }
    const middle = Math.floor((window.from + end) / 2_000) * 1_000
    left.push({ from: middle, until: window.until }, { from: window.from, until: middle })
  }
}

/** Returns the events of a time, the oldest first; undefined when there are more than `most`. */
async function within(
  { world, signal }: PhaseContext,
  { from, until }: Window,
  { groups, undelivered, most }: Omit<ListQuestion, 'from'> & { readonly most: number },
): Promise<readonly EventSummary[] | undefined> {
  const events: EventSummary[] = []
  for (const types of groups) {
    let after: string | undefined
    do {
      const time = { since: new Date(from), ...(until === undefined ? {} : { until: new Date(until) }) }
      const question = { ...time, types, undelivered, ...(after === undefined ? {} : { after }) }
      const page = await world.stripe.events(question, signal)
      events.push(...page.events)
      after = page.next
      if (after !== undefined && events.length >= most) return undefined
    } while (after !== undefined)
  }
  // Within one second the order of the list is all that tells which came first.
  return events.reverse().sort((a, b) => a.created.getTime() - b.created.getTime())
}
