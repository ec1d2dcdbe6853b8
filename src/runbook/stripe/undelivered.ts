import { synchronousEventType } from '../../adapters/stripe/events.ts'
import type { EventSummary, WebhookEndpoint } from '../../adapters/stripe/port.ts'
import { sameUrl } from '../../model/same-url.ts'
import type { PhaseContext } from '../phase.ts'
import { typeGroups } from './event-types.ts'
import { lackingIn } from './missed/received-events.ts'

/*
 * What Stripe could not deliver, and to whom. Stripe counts for an event how many endpoints of the whole account have not acknowledged
 * it, and never says which (`pending_webhooks`, `delivery_success`: https://docs.stripe.com/api/events/object and
 * https://docs.stripe.com/api/events/list). So an event that another endpoint takes too tells nothing about the service, unless the
 * service's own table says whether it has it.
 */

/** What could not be delivered for longer than Stripe's second try takes. */
interface Undelivered {
  /** Events that nobody but the service takes, and those that its table lacks. */
  readonly ours: readonly EventSummary[]
  /** Events that another endpoint may owe, of which nobody can tell whose delivery failed. */
  readonly unclear: readonly EventSummary[]
  /** The other endpoints of the account that may owe some of them. */
  readonly sharedWith: readonly string[]
  /** False when there are more than were read. */
  readonly complete: boolean
}

/** Stripe tries again after a failed delivery, and a service may store what it has acknowledged a little later. */
const patienceMs = 60_000
/** More of them say nothing more to a reader. */
const mostRead = 1_000

/** Tells whether an event of this time should have arrived, and been stored, by now. */
export function isOverdue(created: Date): boolean {
  return Date.now() - created.getTime() > patienceMs
}

interface Division {
  readonly url: string
  readonly endpoints: readonly WebhookEndpoint[]
  readonly events: readonly EventSummary[]
}

interface Divided extends Pick<Undelivered, 'ours' | 'unclear' | 'sharedWith'> {
  /** Those of `unclear` that are older than every endpoint that serves now, which owes none of them. */
  readonly former: readonly EventSummary[]
}

/**
 * Divides what is undelivered by who may owe it. Every enabled endpoint of the service's own URL is its own, as during a rotation. Any
 * other one that was there when the event was made may owe it, also one that is disabled by now: its retries have ended, and Stripe
 * counts what it never took all the same. That goes for the service's own former endpoints too, whose events another one may have
 * brought in. Pure.
 */
export function divided({ url, endpoints, events }: Division): Divided {
  const own = endpoints.filter((endpoint) => sameUrl(endpoint.url, url))
  const enabled = own.filter(({ status }) => status === 'enabled')
  const serving = enabled.length === 0 ? own : enabled
  const others = endpoints.filter((endpoint) => !serving.includes(endpoint))
  const takers = (event: EventSummary) => others.filter((one) => takes(one, event.type) && wasThere(one, event))
  const isServed = (event: EventSummary) => serving.some((endpoint) => wasThere(endpoint, event))
  const ours = events.filter((event) => isServed(event) && takers(event).length === 0)
  const unclear = events.filter((event) => !ours.includes(event))
  return {
    ours,
    unclear,
    former: unclear.filter((event) => !isServed(event)),
    sharedWith: [...new Set(unclear.flatMap((event) => takers(event).map(({ id }) => id)))],
  }
}

/** Stripe tells both times in whole seconds. */
function wasThere({ created }: WebhookEndpoint, event: EventSummary): boolean {
  return created <= event.created
}

function takes({ enabledEvents }: WebhookEndpoint, type: string): boolean {
  return enabledEvents.includes(type) || (enabledEvents.includes('*') && type !== synchronousEventType)
}

/** Finds what Stripe could not deliver since then of the types that the service takes. Changes nothing. */
export async function undeliveredEvents(
  context: PhaseContext,
  since: Date,
  endpoints: readonly WebhookEndpoint[],
): Promise<Undelivered> {
  const { environment, service } = context
  const { events, complete } = await readUndelivered(context, since)
  const { former, ...found } = divided({ url: environment.webhookUrl, endpoints, events })
  const { receivedEvents } = service.stripe
  if (found.unclear.length === 0 || receivedEvents === undefined) return { ...found, complete }
  // What only former endpoints may owe is missing or not, which the table tells by itself: nobody delivers it any more.
  const open = found.unclear.filter((event) => !former.includes(event))
  const lacking = await lackingIn(context, receivedEvents, open)
  return { ours: [...found.ours, ...lacking], unclear: [], sharedWith: found.sharedWith, complete }
}

async function readUndelivered(context: PhaseContext, since: Date) {
  const events: EventSummary[] = []
  for (const types of typeGroups(context)) {
    let after: string | undefined
    do {
      const question = { since, types, undelivered: true, ...(after === undefined ? {} : { after }) }
      const page = await context.world.stripe.events(question, context.signal)
      events.push(...page.events.filter(({ created }) => isOverdue(created)))
      after = page.next
      if (events.length >= mostRead) return { events, complete: after === undefined }
    } while (after !== undefined)
  }
  return { events, complete: true }
}

/** Words it for a check: "none undelivered", "3 undelivered, 2 more here or at we_2, which cannot be told apart". */
export function undeliveredWords({ ours, unclear, sharedWith, complete }: Undelivered): string {
  const atLeast = complete ? '' : 'at least '
  if (unclear.length === 0)
    return ours.length === 0 && complete ? 'none undelivered' : `${atLeast}${ours.length} undelivered`
  const others = sharedWith.length === 0 ? 'a previous endpoint' : sharedWith.join(', ')
  const where = `here or at ${others}, which cannot be told apart`
  return ours.length === 0
    ? `${atLeast}${unclear.length} undelivered ${where}`
    : `${atLeast}${ours.length} undelivered, ${unclear.length} more ${where}`
}
