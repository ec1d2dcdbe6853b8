import type { WebhookEndpoint } from '../../../adapters/stripe/port.ts'
import { sameUrl } from '../../../model/same-url.ts'
import type { PhaseContext } from '../../phase.ts'
import { replaces } from '../webhook-endpoint.ts'
import { missedEvents } from './missed-events.ts'

/*
 * What an endpoint still owes before it is disabled, which ends its retries. Stripe tries for up to three days in live
 * mode and three times over a few hours in test mode (https://docs.stripe.com/webhooks#retries), so what was refused long
 * before the run began may still be owed.
 */

const hourMs = 3_600_000
/** The time over which Stripe tries to deliver an event, with some hours more, as it says "up to" and "a few hours". */
const retriesMs = { live: (3 * 24 + 6) * hourMs, test: 12 * hourMs } as const
/** Stripe tells the time of events in whole seconds, so events of the second before count too. */
const slackMs = 2_000

interface OwedQuestion {
  /** All endpoints of the account. */
  readonly endpoints: readonly WebhookEndpoint[]
  /** The ones that are to be disabled or deleted, or have been. Without any the configured types are asked for. */
  readonly formers: readonly Pick<WebhookEndpoint, 'id' | 'enabledEvents' | 'created'>[]
  /** Deliveries of events up to here have been waited for. */
  readonly waitedFor?: Date
}

/**
 * Finds what these endpoints may still owe: events of their types, over the whole time of Stripe's retries and at least
 * since the run began, that the service's table lacks, or that some endpoint has not acknowledged where no table can be
 * asked. Changes nothing.
 */
export async function owedEvents(context: PhaseContext, { endpoints, formers, waitedFor }: OwedQuestion) {
  const { run, environment } = context
  const retries = Date.now() - retriesMs[environment.stripe.mode]
  const began = (run.startedAt ?? run.createdAt).getTime() - slackMs
  // Nobody owes what was made before the first endpoint of the service.
  const ours = [...endpoints.filter(({ url }) => sameUrl(url, environment.webhookUrl)), ...formers]
  const first = ours.length === 0 ? 0 : Math.min(...ours.map(({ created }) => created.getTime()))
  const since = new Date(Math.max(Math.min(began, retries), first))
  const types = [...new Set(formers.flatMap(({ enabledEvents }) => enabledEvents))].sort()
  return missedEvents(context, since, {
    ...(types.length === 0 ? {} : { types }),
    ...(waitedFor === undefined ? {} : { waitedFor }),
  })
}

/** Lists the endpoints whose place the current one took, whatever became of them since. */
export function replacedBy(
  current: Pick<WebhookEndpoint, 'metadata'>,
  endpoints: readonly WebhookEndpoint[],
): readonly WebhookEndpoint[] {
  return endpoints.filter(({ id }) => id === current.metadata[replaces])
}
