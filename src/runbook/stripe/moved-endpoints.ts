import type { WebhookEndpoint } from '../../adapters/stripe/port.ts'
import { sameUrl } from '../../model/same-url.ts'
import type { PhaseContext } from '../phase.ts'
import { madeBy, managedBy, ofEnvironment, ofService } from './webhook-endpoint.ts'

export interface MovedEndpoint {
  readonly endpoint: WebhookEndpoint
  /** The run that made it. */
  readonly run: number
}

/**
 * Finds enabled endpoints that runs of this environment made for an address that `webhookUrl` no longer has. The address can
 * change, so it does not tell whose an endpoint is: its metadata does, and the record of the run that made it, as another
 * installation may have a service and an environment of the same names in the same account. Changes nothing.
 */
export async function movedEndpoints(
  { service, environment, run, records }: PhaseContext,
  endpoints: readonly WebhookEndpoint[],
): Promise<readonly MovedEndpoint[]> {
  const elsewhere = endpoints.filter(
    (endpoint) =>
      endpoint.status === 'enabled' &&
      endpoint.metadata[managedBy] === 'purser' &&
      endpoint.metadata[ofService] === service.name &&
      environmentOf(endpoint) === run.environment &&
      /^\d{1,15}$/.test(endpoint.metadata[madeBy] ?? '') &&
      !sameUrl(endpoint.url, environment.webhookUrl),
  )
  const found: MovedEndpoint[] = []
  for (const endpoint of elsewhere) {
    const number = Number(endpoint.metadata[madeBy])
    const effects = await records.effectsOf(number)
    if (effects.some((effect) => effect.kind === 'stripe-endpoint' && effect.after?.id === endpoint.id))
      found.push({ endpoint, run: number })
  }
  return found
}

/** Endpoints of earlier versions have it in their description only. */
function environmentOf({ metadata, description }: WebhookEndpoint): string | undefined {
  return metadata[ofEnvironment] ?? /\((\S+)\), managed by Purser$/.exec(description ?? '')?.[1]
}
