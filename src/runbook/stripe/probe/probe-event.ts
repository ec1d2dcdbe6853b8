import { randomBytes } from 'node:crypto'
import type { ProbeEvent } from '../../../adapters/stripe/port.ts'
import { Sensitive } from '../../../sensitive.ts'
import type { PhaseContext } from '../../phase.ts'
import { expandedEvents } from '../event-types.ts'
import { decideEndpoint } from '../webhook-endpoint.ts'

/**
 * Types of Stripe's that no billing is done by, the first that the endpoint does not get is the test event's: a service passes over what it
 * did not ask for.
 */
const harmless = [
  'billing_portal.configuration.updated',
  'tax_rate.updated',
  'file.created',
  'reporting.report_type.updated',
]

/** Describes the test event as a delivery of the endpoint that the service has now. */
export async function probeEvent(context: PhaseContext, signal: AbortSignal): Promise<ProbeEvent> {
  const { world, service, environment, run } = context
  const { name, key } = service.stripe.secret
  const [endpoints, secret] = await Promise.all([
    world.stripe.endpoints(signal),
    world.cluster.secretKey(name, key, signal),
  ])
  const facts = { url: environment.webhookUrl, events: expandedEvents(context), endpoints, secret }
  const { endpoint } = decideEndpoint(facts)
  const taken = endpoint?.enabledEvents ?? facts.events
  const [first = ''] = harmless
  return {
    asker: `run ${run.number} of ${service.name} in ${run.environment}`,
    type: service.stripe.probe.type ?? harmless.find((type) => !taken.includes(type)) ?? first,
    apiVersion:
      endpoint === undefined
        ? (service.stripe.apiVersion ?? world.stripe.apiVersion)
        : (endpoint.apiVersion ?? (await world.stripe.defaultVersion(signal)) ?? null),
    livemode: environment.stripe.mode === 'live',
  }
}

/** Makes a secret that nobody has: what is signed with it must be refused. */
export function madeUpSecret(): Sensitive {
  return new Sensitive(`whsec_${randomBytes(24).toString('hex')}`)
}
