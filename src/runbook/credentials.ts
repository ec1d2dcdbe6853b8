import type { SecretKeyState } from '../adapters/kubernetes/port.ts'
import type { WebhookEndpoint } from '../adapters/stripe/port.ts'
import type { EndpointBefore, SecretBefore } from '../runs/effects.ts'
import type { PhaseContext } from './context.ts'
import { expandedEvents } from './plan.ts'
import { decideEndpoint, managedBy, secretFingerprint } from './webhook-endpoint.ts'

/**
 * Credentials before pods: makes sure that the Secret the new pods read exists and holds the signing secret of an
 * endpoint that exists. A new endpoint stays disabled until the new pods run (traffic after pods).
 */
export async function provideCredentials(context: PhaseContext): Promise<void> {
  const events = expandedEvents(context)
  const decided = await context.step('decide on the Stripe endpoint', () => decide(context, events))
  if (decided.action !== 'create' && decided.action !== 'replace') return
  await context.report(decided.action === 'create' ? 'creating the Stripe endpoint' : 'replacing the Stripe endpoint')
  if (decided.former !== null) await retire(context, decided.former)
  await createEndpoint(context, events, decided.former?.id ?? 'none')
}

/** Recorded: a repeat after a crash must go on with the decision of the first try, not judge its half-done work. */
async function decide(context: PhaseContext, events: readonly string[]) {
  const { world, service, environment, signal } = context
  const { name, key } = service.stripe.secret
  const [endpoints, secret] = await Promise.all([
    world.stripe.endpoints(signal),
    world.cluster.secretKey(name, key, signal),
  ])
  const { action, endpoint } = decideEndpoint({ url: environment.webhookUrl, events, endpoints, secret })
  if (endpoint === undefined) return { action, former: null }
  const ours = endpoint.metadata[managedBy] === 'purser'
  return { action, former: { ...endpointBefore(endpoint), id: endpoint.id, ours } }
}

type FormerEndpoint = NonNullable<Awaited<ReturnType<typeof decide>>['former']>

async function createEndpoint(context: PhaseContext, events: readonly string[], former: string): Promise<void> {
  const { world, service, environment, run } = context
  const { name, key } = service.stripe.secret
  await context.change('create the Stripe endpoint', {
    kind: 'stripe-endpoint',
    target: environment.webhookUrl,
    before: async (): Promise<EndpointBefore> => ({ id: null, enabledEvents: [], status: 'disabled' }),
    act: async (_before, signal) => {
      const created = await world.stripe.createEndpoint(
        {
          url: environment.webhookUrl,
          enabledEvents: events,
          metadata: { [managedBy]: 'purser', purser_run: String(run.number), purser_service: service.name },
          description: `${service.name} billing (${run.environment}), managed by Purser`,
          // The same for every repeat of this creation, so that Stripe shows the secret again; another after a deletion.
          idempotencyKey: `purser-${service.name}-${run.environment}-run-${run.number}-after-${former}`,
        },
        signal,
      )
      await world.stripe.updateEndpoint(created.endpoint.id, { disabled: true }, signal)
      await context.change('store the signing secret', {
        kind: 'secret-key',
        target: `${name}/${key}`,
        before: (inner) => keepSecretAside(context, inner),
        act: async (_stood, inner) => {
          await world.cluster.writeSecretKey(name, key, created.signingSecret, inner)
          return { fingerprint: created.signingSecret.fingerprint }
        },
      })
      // Last, because it says that endpoint and Secret belong together.
      const fingerprint = { [secretFingerprint]: created.signingSecret.fingerprint }
      await world.stripe.updateEndpoint(created.endpoint.id, { metadata: fingerprint }, signal)
      return { id: created.endpoint.id }
    },
  })
}

/** The former value stays in the cluster, under another key of the same Secret: a rollback puts it back from there. */
async function keepSecretAside(context: PhaseContext, signal: AbortSignal): Promise<SecretBefore> {
  const { world, service, run } = context
  const { name, key } = service.stripe.secret
  const state: SecretKeyState = await world.cluster.secretKey(name, key, signal)
  const value = await world.cluster.readSecretKey(name, key, signal)
  const keptUnder = value === undefined ? null : `${key}.before-run-${run.number}`
  if (value !== undefined && keptUnder !== null) await world.cluster.writeSecretKey(name, keptUnder, value, signal)
  return {
    secretExists: state.secretExists,
    keyExists: state.keyExists,
    fingerprint: state.fingerprint ?? null,
    keptUnder,
  }
}

/**
 * Nobody holds this endpoint's signing secret any more. Ours, and already disabled: deleted, it can never be of use.
 * Otherwise it is disabled, and a rollback enables it again.
 */
async function retire(context: PhaseContext, former: FormerEndpoint): Promise<void> {
  const { world, signal } = context
  if (former.status === 'disabled' && former.ours) {
    await context.step(`delete endpoint ${former.id}`, () => world.stripe.deleteEndpoint(former.id, signal))
    return
  }
  await context.change(`disable endpoint ${former.id}`, {
    kind: 'stripe-endpoint',
    target: former.id,
    before: async (): Promise<EndpointBefore> => ({
      id: former.id,
      enabledEvents: former.enabledEvents,
      status: former.status,
    }),
    act: async (_before, inner) => {
      await world.stripe.updateEndpoint(former.id, { disabled: true }, inner)
      return { id: former.id }
    },
  })
}

export function endpointBefore(endpoint: WebhookEndpoint): EndpointBefore {
  return { id: endpoint.id, enabledEvents: endpoint.enabledEvents, status: endpoint.status }
}
