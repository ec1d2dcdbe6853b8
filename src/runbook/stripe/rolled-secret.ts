import type { SecretKeyState } from '../../adapters/kubernetes/secrets/port.ts'
import type { WebhookEndpoint } from '../../adapters/stripe/port.ts'
import { PurserError } from '../../errors.ts'
import { isDeployPlan } from '../../model/run.ts'
import { sameUrl } from '../../model/same-url.ts'
import { subscribesTo } from '../../model/subscription.ts'
import type { PhaseContext } from '../phase.ts'
import { lackingIn } from './missed/received-events.ts'
import { secretAnnotation } from './signing-secret.ts'
import { isOverdue } from './undelivered.ts'
import { type EndpointDecision, type RolledSecret, secretFingerprint } from './webhook-endpoint.ts'

/*
 * The fingerprint on an endpoint is what Purser remembers of its creation. Somebody may have rolled the secret in the dashboard since and
 * put the new one into the cluster (https://docs.stripe.com/webhooks#roll-endpoint-secrets): Stripe's own deliveries tell, when they came
 * to pods that have the cluster's secret of now.
 */

interface Seen {
  readonly decision: EndpointDecision
  readonly endpoints: readonly WebhookEndpoint[]
  readonly secret: SecretKeyState
}

/** What is older says nothing about now. */
const arrivedMs = 3_600_000

/**
 * Returns what Stripe signs with by now, where the mark on the endpoint says something else and deliveries have proven the cluster's
 * secret; undefined where the mark is right or nothing is proven. Changes nothing.
 */
export async function rolledSecret(context: PhaseContext, seen: Seen): Promise<RolledSecret | undefined> {
  const { endpoint, why } = seen.decision
  const { fingerprint, fingerprints, strays } = seen.secret
  if (why !== 'secret' || endpoint?.status !== 'enabled' || endpoint.metadata[secretFingerprint] === undefined)
    return undefined
  const planned = rolledAsPlanned(context, seen.secret)
  if (planned !== undefined) return planned
  if (fingerprint === undefined || fingerprints.length !== 1 || strays.length > 0) return undefined
  // What came by another endpoint of this address proves nothing about this one.
  const serving = seen.endpoints.filter(({ url, status }) => status === 'enabled' && sameUrl(url, endpoint.url))
  if (serving.length > 1 || !(await isProven(context, endpoint, seen.secret))) return undefined
  return { endpoint: endpoint.id, fingerprint }
}

/** What cannot be looked at is not proven. */
async function isProven(context: PhaseContext, endpoint: WebhookEndpoint, secret: SecretKeyState): Promise<boolean> {
  try {
    const since = await heldSince(context, secret)
    return since !== undefined && (await deliveriesCame(context, endpoint, since))
  } catch (error) {
    context.signal.throwIfAborted()
    if (error instanceof PurserError) return false
    throw error
  }
}

/** What deliveries had proven when the plan was made holds for its run as long as the Secret does: the run replaces the pods. */
export function rolledAsPlanned({ run }: PhaseContext, { fingerprint }: SecretKeyState): RolledSecret | undefined {
  const { endpoint, rolled } = isDeployPlan(run.plan) ? run.plan.stripe : {}
  return endpoint === undefined || rolled === undefined || rolled !== fingerprint
    ? undefined
    : { endpoint, fingerprint: rolled }
}

/** Tells since when all pods have what the Secret holds now; undefined where one may have another value. */
async function heldSince(
  { world, service, signal }: PhaseContext,
  { changedAt, fingerprint }: SecretKeyState,
): Promise<number | undefined> {
  const pods = (await world.cluster.examinePods(service.deployment, service.container, signal)) ?? []
  if (changedAt === undefined || pods.length === 0) return undefined
  const changed = Date.parse(changedAt)
  const starts = pods.map(({ startedAt, annotations }) => {
    const started = startedAt === undefined ? Number.NaN : Date.parse(startedAt)
    return started > changed || annotations[secretAnnotation] === fingerprint ? started : Number.NaN
  })
  const since = Math.max(changed, ...starts)
  return Number.isNaN(since) ? undefined : since
}

/** Tells whether Stripe has delivered events of since then: the table has all of them, and some that nobody owes any more. */
async function deliveriesCame(context: PhaseContext, endpoint: WebhookEndpoint, held: number): Promise<boolean> {
  const { world, service, signal } = context
  const sql = service.stripe.receivedEvents
  if (sql === undefined) return false
  // Kubernetes and Stripe tell whole seconds.
  const since = new Date(Math.max(held + 1_000, Date.now() - arrivedMs))
  const page = await world.stripe.events({ since, types: ['*'], undelivered: false }, signal)
  const ours = page.events.filter(
    ({ type, created }) => subscribesTo(endpoint.enabledEvents, type) && created > since && isOverdue(created),
  )
  const lacking = await lackingIn(context, sql, ours)
  // An event that Purser or a person posted stays owed: only Stripe's own delivery ends that.
  return lacking.length === 0 && ours.some(({ pendingWebhooks }) => pendingWebhooks === 0)
}
