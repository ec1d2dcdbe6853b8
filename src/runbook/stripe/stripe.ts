import type { WebhookEndpoint } from '../../adapters/stripe/port.ts'
import { type Phase, type PhaseContext, planOf } from '../phase.ts'
import { endpointBefore } from './credentials.ts'
import { CheckFailed } from '../errors.ts'
import { expandedEvents } from './event-types.ts'
import { probe } from './probe.ts'
import { removeLeftovers, retireEndpoint } from './retire-endpoint.ts'
import { decideEndpoint } from './webhook-endpoint.ts'

/** Chapter 3, Configure Stripe Webhook: traffic after pods. Sets the events, enables the endpoint, proves delivery. */
export const stripe: Phase = async (context) => {
  const events = expandedEvents(context)
  await context.report('asking the service with a signed and an unsigned event')
  await context.step('probe before enabling', (signal) => probe(context, signal))

  const endpoint = await endpointOf(context, events)
  await enable(context, endpoint, events)
  const answer = await context.step('prove delivery', (signal) => probe(context, signal))
  const retired = await retireEndpoint(context, endpoint)
  await removeLeftovers(context)
  const inPlaceOf = retired.length === 0 ? '' : ` in place of ${retired.join(', ')}`
  return {
    line: `${endpoint.id} enabled with ${events.length} events${inPlaceOf}, signed probe accepted in ${answer.milliseconds} ms`,
  }
}

/** An endpoint that is as it should be is left alone, as the plan says. */
async function enable(context: PhaseContext, endpoint: WebhookEndpoint, events: readonly string[]): Promise<void> {
  const { world, environment, run } = context
  if (planOf(run).stripe.action === 'keep') return
  await context.report(`enabling ${endpoint.id} with ${events.length} events`)
  await context.change('enable the endpoint', {
    kind: 'stripe-endpoint',
    target: environment.webhookUrl,
    before: async () => endpointBefore(endpoint),
    act: async (_before, signal) => {
      await world.stripe.updateEndpoint(endpoint.id, { enabledEvents: events, disabled: false }, signal)
      return { id: endpoint.id, status: 'enabled', enabledEvents: [...events] }
    },
  })
}

async function endpointOf(context: PhaseContext, events: readonly string[]) {
  const { world, service, environment, signal } = context
  const { name, key } = service.stripe.secret
  const [endpoints, secret] = await Promise.all([
    world.stripe.endpoints(signal),
    world.cluster.secretKey(name, key, signal),
  ])
  const { endpoint } = decideEndpoint({ url: environment.webhookUrl, events, endpoints, secret })
  if (endpoint === undefined)
    throw new CheckFailed(
      'endpoint_missing',
      `finding the Stripe endpoint for ${environment.webhookUrl}: there is none`,
      {
        hint: 'It was deleted during this run. Start a new deploy.',
      },
    )
  return endpoint
}
