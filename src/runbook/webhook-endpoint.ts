import type { SecretKeyState } from '../adapters/kubernetes/port.ts'
import type { WebhookEndpoint } from '../adapters/stripe/port.ts'
import type { DeployPlan } from '../runs/plan.ts'

export interface EndpointFacts {
  readonly url: string
  readonly events: readonly string[]
  readonly endpoints: readonly WebhookEndpoint[]
  readonly secret: SecretKeyState
}

export interface EndpointDecision extends Pick<DeployPlan['stripe'], 'action' | 'added' | 'removed' | 'secret'> {
  readonly endpoint: WebhookEndpoint | undefined
}

/** Marks an endpoint as Purser's own, and tells which secret it has without telling the secret. */
export const managedBy = 'managed_by'
export const secretFingerprint = 'purser_secret'

/**
 * Pure: what the endpoint of a URL needs. Never a second one beside a working one: it is created when there is none,
 * and replaced when nobody holds its signing secret any more (Stripe shows a secret only once, at creation).
 */
export function decideEndpoint({ url, events, endpoints, secret }: EndpointFacts): EndpointDecision {
  const endpoint = chooseEndpoint(url, endpoints, secret)
  const state = secretState(endpoint, secret)
  if (endpoint === undefined) return { action: 'create', endpoint, added: events, removed: [], secret: state }
  const added = events.filter((event) => !endpoint.enabledEvents.includes(event))
  const removed = endpoint.enabledEvents.filter((event) => !events.includes(event))
  const common = { endpoint, added, removed, secret: state }
  if (state !== 'present') return { action: 'replace', ...common }
  if (added.length > 0 || removed.length > 0) return { action: 'update', ...common }
  return { action: endpoint.status === 'disabled' ? 'enable' : 'keep', ...common }
}

/** Of several for the URL: the one whose secret the cluster holds, then an enabled one, then ours. */
function chooseEndpoint(
  url: string,
  endpoints: readonly WebhookEndpoint[],
  secret: SecretKeyState,
): WebhookEndpoint | undefined {
  const rank = (endpoint: WebhookEndpoint) =>
    (secret.fingerprint !== undefined && endpoint.metadata[secretFingerprint] === secret.fingerprint ? 4 : 0) +
    (endpoint.status === 'enabled' ? 2 : 0) +
    (endpoint.metadata[managedBy] === 'purser' ? 1 : 0)
  return endpoints.filter((it) => it.url === url).sort((a, b) => rank(b) - rank(a))[0]
}

function secretState(endpoint: WebhookEndpoint | undefined, secret: SecretKeyState): DeployPlan['stripe']['secret'] {
  if (!secret.keyExists) return 'missing'
  if (endpoint === undefined) return 'present'
  const known = endpoint.metadata[secretFingerprint]
  // An endpoint that somebody else made carries no fingerprint: the signed probe tells. Ours without one was never
  // finished.
  if (known === undefined) return endpoint.metadata[managedBy] === 'purser' ? 'mismatch' : 'present'
  return known === secret.fingerprint ? 'present' : 'mismatch'
}
