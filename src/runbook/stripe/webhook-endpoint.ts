import type { SecretKeyState } from '../../adapters/kubernetes/secrets/port.ts'
import type { WebhookEndpoint } from '../../adapters/stripe/port.ts'
import type { DeployPlan } from '../../model/deploy-plan.ts'
import { sameUrl } from '../../model/same-url.ts'
import { subscribesTo } from '../../model/subscription.ts'

/*
 * The decision about the Stripe endpoint of a URL: pure, so a repeat after a crash comes to the same from the same
 * facts. Stripe shows an endpoint's signing secret once, at its creation, and fixes its API version there; metadata is
 * all that a program may write on it. So an endpoint of Purser's carries the fingerprint of its secret, the run that
 * made it, the endpoint that it replaced and the run that retired it, and everything else is compared with what the
 * cluster holds. Plan, phases, checks and diagnosis call it; creation is in credentials.ts, the end of a replaced one
 * in retire-endpoint.ts.
 * See https://docs.stripe.com/api/webhook_endpoints/object and https://docs.stripe.com/webhooks/signature.
 */

interface EndpointFacts {
  readonly url: string
  readonly events: readonly string[]
  readonly endpoints: readonly WebhookEndpoint[]
  readonly secret: SecretKeyState
  /** The API version in which the service wants its events, where that is configured. */
  readonly apiVersion?: string | undefined
  /** The run that decides; what it has begun itself does not count as there. */
  readonly run?: number
  /** The fingerprint by which this run knows what it has made itself, once it has begun to (creation.ts). */
  readonly creation?: string | undefined
  readonly rolled?: RolledSecret | undefined
  /** Whether a person asks for another signing secret. */
  readonly rotate?: boolean
}

/** The signing secret with which Stripe's deliveries arrive, of an endpoint whose mark tells another one (rolled-secret.ts). */
export interface RolledSecret {
  readonly endpoint: string
  readonly fingerprint: string
}

type WhyReplaced = 'secret' | 'asked' | 'api version'

export interface EndpointDecision extends Pick<DeployPlan['stripe'], 'action' | 'added' | 'removed' | 'secret'> {
  readonly endpoint: WebhookEndpoint | undefined
  readonly why: WhyReplaced | undefined
}

/** Marks an endpoint as Purser's own, and tells which secret it has without telling the secret. */
export const managedBy = 'managed_by'
export const secretFingerprint = 'purser_secret'
/** The run that made it, the endpoint it took the place of, and the run that took its place. */
export const madeBy = 'purser_run'
export const replaces = 'purser_replaces'
export const retiredBy = 'purser_retired_by'
/** When its events began to come, by RFC 3339. */
export const firstEnabled = 'purser_first_enabled'
/** The request that made it: the fingerprint of its run's half of the idempotency key, a dot, and the other half. */
export const madeUnder = 'purser_creation'
/** Whose it is, whatever its address. */
export const ofService = 'purser_service'
export const ofEnvironment = 'purser_environment'

/**
 * Decides what the endpoint of a URL needs. There is never a second one beside a working one for good: it is created
 * when there is none, and replaced when nobody holds its signing secret any more, when it was made in another API version, or
 * when a person asks for another secret. Pure.
 */
export function decideEndpoint(facts: EndpointFacts): EndpointDecision {
  const { url, events, apiVersion } = facts
  const endpoint = chooseEndpoint(url, facts)
  const state = secretState(endpoint, facts)
  if (endpoint === undefined)
    return { action: 'create', endpoint, added: events, removed: [], secret: state, why: undefined }
  const added = events.filter((event) => !subscribesTo(endpoint.enabledEvents, event))
  const removed = endpoint.enabledEvents.filter((event) => !subscribesTo(events, event))
  const common = { endpoint, added, removed, secret: state, why: undefined }
  if (state !== 'present') return { action: 'replace', ...common, why: 'secret' }
  const made = isMadeBy(facts, endpoint)
  if (facts.rotate === true && !made) return { action: 'replace', ...common, why: 'asked' }
  // Null is the account's default, which the account may change any day: unknown, not wrong. The plan tells.
  if (apiVersion !== undefined && endpoint.apiVersion !== null && endpoint.apiVersion !== apiVersion)
    return { action: 'replace', ...common, why: 'api version' }
  if (added.length > 0 || removed.length > 0) return { action: 'update', ...common }
  return { action: endpoint.status === 'disabled' ? 'enable' : 'keep', ...common }
}

/** Tells whether the endpoint is Purser's own and disabled, and nobody holds its secret any more: it goes before a new one comes. */
export function isUseless({ action, endpoint, why }: EndpointDecision): boolean {
  return (
    action === 'replace' &&
    why === 'secret' &&
    endpoint?.status === 'disabled' &&
    endpoint.metadata[managedBy] === 'purser'
  )
}

type Maker = Pick<EndpointFacts, 'run' | 'creation'>

/**
 * Tells whether this run made the endpoint. A run of the same number in another state database did not, so its request is
 * compared too; endpoints of earlier versions have their run only.
 */
export function isMadeBy({ run, creation }: Maker, { metadata }: WebhookEndpoint): boolean {
  const request = metadata[madeUnder]
  return metadata[madeBy] === String(run) && (request === undefined || request.split('.')[0] === creation)
}

/** Finds an endpoint that this run made before its worker died: its secret may not be in the cluster yet. */
export function unfinishedOf(maker: Maker, url: string, endpoints: readonly WebhookEndpoint[]) {
  return endpoints.find(
    (endpoint) =>
      sameUrl(endpoint.url, url) &&
      endpoint.metadata[managedBy] === 'purser' &&
      isMadeBy(maker, endpoint) &&
      endpoint.metadata[secretFingerprint] === undefined,
  )
}

/**
 * Chooses among several for the URL: the one whose secret the cluster holds, then an enabled one, then Purser's own.
 */
function chooseEndpoint(url: string, facts: EndpointFacts): WebhookEndpoint | undefined {
  const { endpoints, secret } = facts
  const unfinished = unfinishedOf(facts, url, endpoints)
  const rank = (endpoint: WebhookEndpoint) => {
    const held = secret.fingerprints.indexOf(endpoint.metadata[secretFingerprint] ?? '')
    return (
      // The first secret of a list is the one that the service is to be sent from now on.
      (held === 0 ? 8 : held > 0 ? 4 : 0) +
      (endpoint.status === 'enabled' ? 2 : 0) +
      (endpoint.metadata[managedBy] === 'purser' ? 1 : 0)
    )
  }
  return endpoints
    .filter((endpoint) => sameUrl(endpoint.url, url) && endpoint !== unfinished)
    .sort((a, b) => rank(b) - rank(a))[0]
}

/**
 * Tells from when on events were for the service: since its endpoint was enabled for the first time. One that took another's place says
 * nothing about that, as the former one was there before it. Pure.
 */
export function beganToReceive({ metadata, created }: WebhookEndpoint): Date | undefined {
  if (metadata[replaces] !== undefined) return undefined
  const enabled = metadata[firstEnabled]
  return enabled === undefined ? created : new Date(enabled)
}

function secretState(
  endpoint: WebhookEndpoint | undefined,
  { secret, rolled }: EndpointFacts,
): DeployPlan['stripe']['secret'] {
  if (!secret.keyExists) return 'missing'
  if (endpoint === undefined) return 'present'
  const known = rolled?.endpoint === endpoint.id ? rolled.fingerprint : endpoint.metadata[secretFingerprint]
  // An endpoint that somebody else made carries no fingerprint, and the signed probe tells. One of Purser's without it
  // was never finished.
  if (known === undefined) return endpoint.metadata[managedBy] === 'purser' ? 'mismatch' : 'present'
  return secret.fingerprints.includes(known) ? 'present' : 'mismatch'
}
