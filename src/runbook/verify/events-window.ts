import { isDeployPlan } from '../../model/run.ts'
import type { PhaseContext } from '../phase.ts'
import { otherAccount, requirePinned } from '../stripe/account/requirements.ts'
import { expandedEvents } from '../stripe/event-types.ts'
import { rolledSecret } from '../stripe/rolled-secret.ts'
import { decideEndpoint } from '../stripe/webhook-endpoint.ts'

/** Which endpoint, and which events of it, a check of a run answers for. */

const hourMs = 3_600_000

export async function endpointNow(context: PhaseContext) {
  const { world, service, environment, signal } = context
  const { name, key } = service.stripe.secret
  const [endpoints, secret, other] = await Promise.all([
    world.stripe.endpoints(signal),
    world.cluster.secretKey(name, key, signal),
    otherAccount(context),
  ])
  requirePinned(context, other)
  const facts = { url: environment.webhookUrl, events: expandedEvents(context), endpoints, secret }
  const decision = decideEndpoint(facts)
  const rolled = await rolledSecret(context, { decision, endpoints, secret })
  return { ...(rolled === undefined ? decision : decideEndpoint({ ...facts, rolled })), endpoints, secret, rolled }
}

/** A deploy answers for what was made since it began; what the release before it refused may still be on its way. */
export function lookedAtSince({ run }: PhaseContext): { readonly since: Date; readonly words: string } {
  const hourAgo = new Date(Date.now() - hourMs)
  const began = isDeployPlan(run.plan) ? run.startedAt : undefined
  if (began === undefined || began < hourAgo) return { since: hourAgo, words: 'in the last hour' }
  return { since: began, words: 'since the deploy began' }
}

/** What is made while a restore or a rollback has stopped the service is on its way: Stripe tries again. */
export function concerns(context: PhaseContext): (event: { readonly created: Date }) => boolean {
  const { run } = context
  if (!isUndoing(context)) return () => true
  const began = run.startedAt ?? run.createdAt
  return ({ created }) => created < began
}

export function isUndoing({ run }: PhaseContext): boolean {
  return run.kind === 'restore' || run.kind === 'rollback'
}
