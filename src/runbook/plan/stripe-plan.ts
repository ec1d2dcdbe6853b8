import type { SecretConsumer, SecretKeyState } from '../../adapters/kubernetes/secrets/port.ts'
import type { WebhookEndpoint } from '../../adapters/stripe/port.ts'
import type { DeployPlan, SeenEndpoint } from '../../model/deploy-plan.ts'
import type { PhaseContext } from '../phase.ts'
import { CheckFailed } from '../errors.ts'
import { expandedEvents } from '../stripe/event-types.ts'
import { describePermission } from '../preflight/permissions.ts'
import { endsOverlap } from '../stripe/signing-secret.ts'
import { formerEndpoints, leftovers } from '../stripe/retire-endpoint.ts'
import { decideEndpoint, type EndpointDecision, isUseless, unfinishedOf } from '../stripe/webhook-endpoint.ts'

interface StripePlan {
  readonly stripe: DeployPlan['stripe']
  readonly decision: EndpointDecision
  readonly risks: readonly string[]
  /** The secret that the pods will have read, as their template will say it: another one gives other pods. */
  readonly podsRead: string | undefined
}

/** Plans what chapter 3 will do to endpoint and Secret. Raises what would make it fail half-way. Changes nothing. */
export async function planStripe(context: PhaseContext, consumers: readonly SecretConsumer[]): Promise<StripePlan> {
  const { world, service, environment, run, signal } = context
  const { name, key } = service.stripe.secret
  const events = expandedEvents(context)
  const [endpoints, secret] = await Promise.all([
    world.stripe.endpoints(signal),
    world.cluster.secretKey(name, key, signal),
    requireAccount(context),
  ])
  requireMode(endpoints, environment.stripe.mode)
  const decision = decideEndpoint({
    url: environment.webhookUrl,
    events,
    endpoints,
    secret,
    apiVersion: service.stripe.apiVersion,
    run: run.number,
    rotate: run.rotateSecret === true,
  })
  const writes = decision.action === 'create' || decision.action === 'replace'
  if (writes) {
    // What this run has begun to make itself takes no further room.
    const unfinished = unfinishedOf(run.number, environment.webhookUrl, endpoints)
    requireRoom(
      decision,
      endpoints.filter((one) => one !== unfinished),
    )
    requireWritable(name, secret)
  }
  const overlapEnds = !writes && (await endsOverlap(context, secret))
  // The other two write the value anew, without what does not belong to it.
  const strays = writes || overlapEnds ? [] : secret.strays
  const keeper = lastingManagers(secret)
    .map((manager) => manager.name)
    .join(', ')
  const tidies = secret.immutable || keeper !== '' ? [] : strays
  const takeOver = writes || tidies.length > 0 ? takenOver(name, key, secret) : []
  const restarts = writes || tidies.length > 0 ? await restartsOf(context, consumers) : { restarted: [], risks: [] }
  const retires = decision.endpoint === undefined ? [] : retiredBeside(decision, endpoints)
  const removes = await removedWith(context, decision, { endpoints, keys: secret.keys })
  return {
    decision,
    podsRead: writes || overlapEnds || tidies.length > 0 ? 'the new signing secret' : secret.fingerprint,
    stripe: {
      action: decision.action,
      endpoint: decision.endpoint?.id,
      events,
      added: decision.added,
      removed: decision.removed,
      secret: decision.secret,
      ...(decision.why === undefined ? {} : { why: decision.why }),
      ...(decision.endpoint === undefined ? {} : { apiVersion: versionsOf(context, decision) }),
      ...(takeOver.length === 0 ? {} : { takeOver }),
      ...(restarts.restarted.length === 0 ? {} : { restarts: restarts.restarted }),
      ...(decision.endpoint === undefined ? {} : { stands: seenEndpoint(decision.endpoint) }),
      ...(secret.fingerprint === undefined ? {} : { fingerprint: secret.fingerprint }),
      ...(overlapEnds ? { endsOverlap: true } : {}),
      ...(tidies.length === 0 ? {} : { tidies }),
      ...(retires.length === 0 ? {} : { retires }),
      ...(removes.length === 0 ? {} : { removes }),
    },
    risks: [
      ...takeOver.map((who) => `${who} has set Secret ${name}/${key} by hand: this deploy takes the key over.`),
      ...secret.strays.map(
        (what) =>
          `In Secret ${name}/${key} ${what}: a service that compares bytes refuses every event. ${strayRemedy(strays.length > tidies.length, keeper)}`,
      ),
      ...restarts.risks,
      ...replacementRisk(context, decision),
    ],
  }
}

function seenEndpoint({ id, status, enabledEvents }: WebhookEndpoint): SeenEndpoint {
  return { id, status, events: [...enabledEvents].sort() }
}

/** Endpoints for the URL that serve beside the one that will: they are disabled once it has proven itself. */
function retiredBeside({ action, endpoint }: EndpointDecision, endpoints: readonly WebhookEndpoint[]) {
  if (endpoint === undefined) return []
  const others = formerEndpoints(endpoint, endpoints).map(({ id }) => id)
  return action === 'replace' && endpoint.status === 'enabled' ? [endpoint.id, ...others] : others
}

/** What is deleted for good: leftovers of earlier runs, and a disabled endpoint whose secret nobody holds. */
async function removedWith(
  context: PhaseContext,
  decision: EndpointDecision,
  seen: { readonly endpoints: readonly WebhookEndpoint[]; readonly keys: readonly string[] },
): Promise<readonly string[]> {
  const { name } = context.service.stripe.secret
  const old = await leftovers(context, seen.endpoints, seen.keys)
  const useless = isUseless(decision) && decision.endpoint !== undefined ? [decision.endpoint.id] : []
  return [...new Set([...useless, ...old.endpoints, ...old.keys.map((key) => `${name}/${key}`)])].sort()
}

/** Raises when the Stripe key is not of the pinned account: however valid it is, it must change nothing elsewhere. */
export async function requireAccount({ world, environment, signal }: PhaseContext): Promise<void> {
  const { account: pinned, secretKeyEnv } = environment.stripe
  if (pinned === undefined) return
  const { id } = await world.stripe.account(signal)
  if (id === pinned) return
  throw new CheckFailed('wrong_stripe_account', `checking the Stripe account: ${secretKeyEnv} belongs to ${id}`, {
    hint: `This environment is pinned to ${pinned} (stripe.account in purser.yaml): put a key of that account there.`,
  })
}

function requireMode(endpoints: readonly WebhookEndpoint[], mode: 'live' | 'test'): void {
  const [stranger] = endpoints.filter(({ livemode }) => livemode !== (mode === 'live'))
  if (stranger === undefined) return
  throw new CheckFailed(
    'wrong_stripe_mode',
    `looking at webhook endpoints: ${stranger.id} is a ${stranger.livemode ? 'live' : 'test'} mode endpoint, the environment is ${mode}`,
    { hint: 'The Stripe key is of the other mode: put the right one into the environment of Purser.' },
  )
}

/** Stripe's limit of endpoints for one account; live and test are counted apart. */
const endpointLimit = 16

function requireRoom(decision: EndpointDecision, endpoints: readonly WebhookEndpoint[]): void {
  if (endpoints.length - (isUseless(decision) ? 1 : 0) < endpointLimit) return
  const disabled = endpoints.filter(({ status }) => status === 'disabled')
  throw new CheckFailed(
    'stripe_endpoint_limit',
    `planning the Stripe endpoint: the account has ${endpoints.length} of ${endpointLimit} webhook endpoints, and this deploy needs another`,
    {
      hint: 'Delete endpoints that nobody uses in the Stripe dashboard (Developers > Webhooks), then plan again.',
      evidence: disabled.map(({ id, url }) => `${id}, disabled: ${url}`),
    },
  )
}

function requireWritable(name: string, secret: SecretKeyState): void {
  if (!secret.immutable) return
  throw new CheckFailed('secret_immutable', `planning Secret ${name}: it is immutable, and needs another value`, {
    hint: `Create a Secret of another name, point the Deployment and service.stripe.secret.name at it, and deploy that version.`,
  })
}

/** The tools by which people change an object once. Any other writer would put its own value back. */
const byHand = /^(kubectl|k9s|lens|curl|node-fetch|mozilla|unknown)/i

function lastingManagers({ managers }: SecretKeyState): SecretKeyState['managers'] {
  return managers.filter((manager) => manager.applies || !byHand.test(manager.name))
}

function strayRemedy(stays: boolean, keeper: string): string {
  if (!stays) return 'This deploy writes it without.'
  return keeper === ''
    ? 'The Secret is immutable, so it stays: make one of another name.'
    : `${keeper} manages it and would write it again: take it away there.`
}

function takenOver(name: string, key: string, secret: SecretKeyState): readonly string[] {
  const { managers } = secret
  const lasting = lastingManagers(secret)
  if (lasting.length === 0) return [...new Set(managers.map((manager) => manager.name))].sort()
  const who = lasting.map((manager) => manager.name).join(', ')
  throw new CheckFailed('apply_conflict', `planning Secret ${name}/${key}: ${who} manages it`, {
    hint: `Take the key out of what ${who} writes, or it would write its own value back over the new one; then plan again.`,
  })
}

function versionsOf({ world, service }: PhaseContext, { action, endpoint }: EndpointDecision) {
  const wanted = service.stripe.apiVersion ?? world.stripe.apiVersion
  const stands = endpoint?.apiVersion ?? null
  // Without a configured version an endpoint keeps its own.
  return { stands, wanted: action === 'replace' ? wanted : (stands ?? "the account's default") }
}

/**
 * Finds the Deployments beside the service's that read the Secret at their start: those that Purser may restart, and
 * others.
 */
async function restartsOf(
  { world, environment, service, signal }: PhaseContext,
  consumers: readonly SecretConsumer[],
): Promise<{ readonly restarted: readonly string[]; readonly risks: readonly string[] }> {
  const { name } = service.stripe.secret
  const atStart = consumers.filter(({ how }) => how !== 'volume')
  const restarted: string[] = []
  const risks: string[] = []
  for (const workload of new Set(atStart.map((mount) => mount.workload))) {
    const [kind, object = ''] = workload.split(' ')
    const needed = (['get', 'patch'] as const).map(
      (verb) => ({ group: 'apps', resource: 'deployments', verb, name: object }) as const,
    )
    const missing = kind === 'Deployment' ? await world.cluster.missingPermissions(needed, signal) : needed
    if (missing.length === 0) {
      restarted.push(object)
      risks.push(
        `Deployment ${object} reads Secret ${name} at its start too: its pods are replaced after the service's.`,
      )
      continue
    }
    const why = kind === 'Deployment' ? ` (${missing.map(describePermission).join(', ')} not granted)` : ''
    risks.push(
      `${workload} reads Secret ${name} at its start, and Purser may not restart it${why}: do it after the rollout, ` +
        `kubectl rollout restart ${kind?.toLowerCase()}/${object} -n ${environment.namespace}`,
    )
  }
  return { restarted, risks }
}

function replacementRisk({ service }: PhaseContext, { action, why, endpoint }: EndpointDecision): readonly string[] {
  if (action !== 'replace' || endpoint?.status !== 'enabled') return []
  const { name, acceptsList, previousKey } = service.stripe.secret
  const overlaps = acceptsList || previousKey !== undefined
  if (why === 'secret')
    return [
      `Secret ${name} does not hold the signing secret of ${endpoint.id}: a second endpoint takes its place. While pods change both are on; events that come by neither are sent again.`,
    ]
  const both = overlaps ? 'while pods change they accept both' : 'while pods change Stripe repeats what is refused'
  const because = why === 'asked' ? 'as asked' : 'for its API version'
  return [`${endpoint.id} is replaced ${because}: a second endpoint takes its place, ${both}, then it is disabled.`]
}
