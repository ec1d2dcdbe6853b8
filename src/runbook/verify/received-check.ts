import type { CheckResult } from './checks.ts'
import { concerns, endpointNow, isUndoing, lookedAtSince } from './events-window.ts'
import type { PhaseContext } from '../phase.ts'
import { servedBefore } from '../stripe/gone-endpoint.ts'
import { missedEvents } from '../stripe/missed/missed-events.ts'
import { unstoredWords } from '../stripe/missed/unstored-types.ts'
import { isOverdue } from '../stripe/undelivered.ts'
import { beganToReceive } from '../stripe/webhook-endpoint.ts'

/** A service tries again by itself what it could not process at once; after this time nobody does. */
const ownRetriesMs = 30 * 60_000
/** The longest that the request which enables an endpoint takes. */
const enablingMs = 10_000

type Missed = Awaited<ReturnType<typeof missedEvents>>
type Lacking = Omit<Missed['events'][number], 'created'> & { readonly created: Date }

/** What the service's table lacks. */
interface Compared {
  readonly missed: Missed
  /** The time that was looked at, in words. */
  readonly words: string
  /** Made while the endpoint was being enabled: it may have been for nobody yet. */
  readonly meanwhile: readonly Lacking[]
  readonly due: readonly Lacking[]
}

/** Compares what Stripe made with what the service's table has. What came before its endpoint was for nobody. */
export async function receivedState(context: PhaseContext): Promise<CheckResult> {
  const { endpoint } = await endpointNow(context)
  if (endpoint === undefined) return { verdict: 'unknown', value: `no endpoint for ${context.environment.webhookUrl}` }
  const { since: from, words: usual } = lookedAtSince(context)
  const first = (await servedBefore(context, endpoint)) ? undefined : beganToReceive(endpoint)
  // Stripe tells whole seconds.
  const began = Math.floor((first?.getTime() ?? 0) / 1_000) * 1_000
  const missed = await missedEvents(context, new Date(Math.max(from.getTime(), began)))
  const lacking = missed.events.map((event) => ({ ...event, created: new Date(event.created) }))
  const meanwhile = lacking.filter(({ created }) => created.getTime() < began + enablingMs)
  const words = began > from.getTime() ? 'since the endpoint was enabled' : usual
  const compared = { missed, words, meanwhile, due: lacking.filter((event) => !meanwhile.includes(event)) }
  return someMissing(context, compared) ?? noneMissing(compared)
}

/** Judges what is missing; undefined when nothing is, or all of it may still come. */
function someMissing(context: PhaseContext, { missed, words, meanwhile, due }: Compared): CheckResult | undefined {
  const events = due.filter(concerns(context))
  const lost = events.filter(isLost)
  // While it may still try again by itself, a restore and a rollback are not held responsible.
  const number = isUndoing(context) ? lost.length : events.filter(({ created }) => isOverdue(created)).length
  if (number === 0) return undefined
  const of = `${missed.complete ? '' : 'at least '}${number} of ${missed.examined - meanwhile.length}`
  const stale = events.filter(({ newer }) => newer !== undefined).length
  const older = counts([stale, 'older than what it has of the object'])
  // What is left out on purpose, because the service has a newer state of the object, breaks nothing.
  const failed = lost.some(({ newer }) => newer === undefined || context.service.stripe.resendStale)
  const what = lost.length > 0 ? 'missing' : 'not processed yet'
  return {
    verdict: failed ? 'fail' : 'warn',
    value: `${of} ${what} ${words}${older}${seeminglyIgnored(missed)}`,
    number,
  }
}

function noneMissing({ missed, words, meanwhile, due }: Compared): CheckResult {
  const examined = missed.examined - meanwhile.length
  const seems = seeminglyIgnored(missed)
  if (!missed.complete)
    return { verdict: 'unknown', value: `none of ${examined} missing ${words}, but there are more${seems}`, number: 0 }
  const beside = counts(
    [due.length, 'still on the way'],
    [missed.early, 'made before their type was subscribed'],
    [meanwhile.length, 'made while it was being enabled'],
    [missed.ignored, 'of types that the service ignores'],
  )
  // An empty set is no proof: nothing was made that could have been missed, or all of it may have been for nobody.
  const unsure = examined === 0 && meanwhile.length > 0
  const none = unsure ? 'nothing to compare yet' : examined === 0 ? 'Stripe made none' : `none of ${examined} missing`
  const verdict = unsure ? 'unknown' : missed.unstored.length > 0 ? 'warn' : 'pass'
  return { verdict, value: `${none} ${words}${beside}${seems}`, number: 0 }
}

function isLost({ created }: Lacking): boolean {
  return Date.now() - created.getTime() > ownRetriesMs
}

function seeminglyIgnored({ unstored }: Missed): string {
  return unstored.length === 0 ? '' : `. ${unstoredWords(unstored)}`
}

function counts(...parts: readonly (readonly [number, string])[]): string {
  return parts.flatMap(([count, what]) => (count === 0 ? [] : [`, ${count} ${what}`])).join('')
}
