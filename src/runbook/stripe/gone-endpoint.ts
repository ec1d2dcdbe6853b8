import type { WebhookEndpoint } from '../../adapters/stripe/port.ts'
import { sameUrl } from '../../model/same-url.ts'
import type { PhaseContext } from '../phase.ts'

/** What a run's records know of an endpoint that Stripe does not have any more. */
type GoneEndpoint = Pick<WebhookEndpoint, 'id' | 'enabledEvents' | 'created'>

/**
 * Finds the last endpoint that an earlier run left enabled for the URL and that is no more at Stripe: somebody has deleted it there. What
 * was made since it was there was for the service, whoever deleted it, and nobody retries any of it. Its `created` is the time from which
 * on the records know an endpoint for the URL. Changes nothing.
 */
export async function goneEndpoint(
  context: Pick<PhaseContext, 'records' | 'environment' | 'run'>,
  endpoints: readonly WebhookEndpoint[],
): Promise<GoneEndpoint | undefined> {
  const known = (await enabledByRuns(context)).filter(({ run }) => run < context.run.number)
  const [first] = known
  const last = known.at(-1)
  if (first === undefined || last === undefined || endpoints.some(({ id }) => id === last.id)) return undefined
  return { id: last.id, enabledEvents: last.enabledEvents, created: first.at }
}

/** Tells whether the records know another endpoint of the URL: then events were for the service before this one was made. */
export async function servedBefore(
  context: Pick<PhaseContext, 'records' | 'environment'>,
  { id }: Pick<WebhookEndpoint, 'id'>,
): Promise<boolean> {
  return (await enabledByRuns(context)).some((one) => one.id !== id)
}

async function enabledByRuns({ records, environment }: Pick<PhaseContext, 'records' | 'environment'>) {
  const effects = await records.endpointEffects(new Date(0))
  return effects.flatMap(({ run, at, target, status, after }) => {
    if (status !== 'applied' || after?.status !== 'enabled' || !sameUrl(target, environment.webhookUrl)) return []
    return [{ run, at, id: after.id, enabledEvents: after.enabledEvents ?? [] }]
  })
}
