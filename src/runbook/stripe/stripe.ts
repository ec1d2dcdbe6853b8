import type { WebhookEndpoint } from '../../adapters/stripe/port.ts'
import { subscriptionSize } from '../../model/subscription.ts'
import { type Phase, type PhaseContext, planOf } from '../phase.ts'
import { endpointBefore } from './credentials.ts'
import { CheckFailed } from '../errors.ts'
import { expandedEvents } from './event-types.ts'
import { probe } from './probe/probe.ts'
import { removeLeftovers, retireEndpoint } from './retire-endpoint.ts'
import { decideEndpoint, firstEnabled, secretFingerprint } from './webhook-endpoint.ts'

/** Chapter 3, Configure Stripe Webhook: traffic after pods. Sets the events, enables the endpoint, proves delivery. */
export const stripe: Phase = async (context) => {
  const events = expandedEvents(context)
  await context.report('asking the service with a signed, a wrongly signed and an unsigned event')
  const before = await context.step('probe before enabling', (signal) => probe(context, signal))

  const endpoint = await endpointOf(context, events)
  await noteRolled(context, endpoint)
  await enable(context, endpoint, events)
  const answer = await context.step('prove delivery', (signal) => probe(context, signal, { refused: before.refused }))
  const { disabled, kept } = await retireEndpoint(context, endpoint)
  await removeLeftovers(context)
  const inPlaceOf = disabled.length === 0 ? '' : ` in place of ${disabled.join(', ')}`
  const beside = kept.length === 0 ? '' : `, ${kept.join(', ')} stays enabled as events are still owed`
  return {
    line: `${endpoint.id} enabled with ${subscriptionSize(events)}${inPlaceOf}${beside}, signed probe accepted in ${answer.milliseconds} ms`,
  }
}

/** The mark on the endpoint says again which secret it signs with. */
async function noteRolled(context: PhaseContext, { id }: WebhookEndpoint): Promise<void> {
  const { endpoint, rolled } = planOf(context.run).stripe
  if (rolled === undefined || endpoint !== id) return
  await context.step('note the rolled signing secret', async (signal) => {
    await context.world.stripe.updateEndpoint(id, { metadata: { [secretFingerprint]: rolled } }, signal)
    return null
  })
}

/** An endpoint that is as it should be is left alone, as the plan says. */
async function enable(context: PhaseContext, endpoint: WebhookEndpoint, events: readonly string[]): Promise<void> {
  const { world, environment, run } = context
  if (planOf(run).stripe.action === 'keep') return
  await context.report(`enabling ${endpoint.id} with ${subscriptionSize(events)}`)
  await context.change('enable the endpoint', {
    kind: 'stripe-endpoint',
    target: environment.webhookUrl,
    before: async () => endpointBefore(endpoint),
    act: async (_before, signal) => {
      const known = endpoint.metadata[firstEnabled] !== undefined
      const metadata = known ? {} : { metadata: { [firstEnabled]: new Date().toISOString() } }
      await world.stripe.updateEndpoint(endpoint.id, { enabledEvents: events, disabled: false, ...metadata }, signal)
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
