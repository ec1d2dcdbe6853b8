import { type Cause, type Remedy, rotate } from '../../model/diagnosis.ts'
import { known } from './seen.ts'
import type { WebhookFacts } from './webhook-facts.ts'
import {
  clocks,
  endpointFingerprint,
  isAccepted,
  missingEvents,
  retriesOverSeconds,
  serviceAheadMs,
  stalePods,
  toleranceSeconds,
} from './webhook.ts'
import { counted, roughly } from '../../text.ts'

const redeploy: readonly Remedy[] = [{ kind: 'deploy', target: '' }]
const rotation: readonly Remedy[] = [{ kind: 'deploy', target: rotate }]

/** Lists every cause that the facts show, the most likely first: each explains the ones after it. Pure. */
export function webhookCauses(facts: WebhookFacts): readonly Cause[] {
  return rules.flatMap((rule) => rule(facts) ?? [])
}

type Rule = (facts: WebhookFacts) => Cause | undefined

const rules: readonly Rule[] = [
  endpointMissing,
  secretMissing,
  urlWithoutAnswer,
  clockSkew,
  ownClock,
  secretPadded,
  podsStale,
  urlAnswersWrong,
  secretMismatch,
  signatureRefused,
  endpointDisabled,
  eventsIncomplete,
  eventsMissed,
  deadLettersGrow,
  eventsNotRetried,
]

function endpointMissing({ endpoint, url }: WebhookFacts): Cause | undefined {
  if (!endpoint.ok || endpoint.value !== undefined) return undefined
  return {
    code: 'endpoint_missing',
    sentence: `Stripe has no endpoint for ${url}, so it sends nothing.`,
    next: 'Redeploy the current version: it creates the endpoint and its secret.',
    remedies: redeploy,
  }
}

function secretMissing({ secret }: WebhookFacts): Cause | undefined {
  if (!secret.ok || secret.value.keyExists) return undefined
  return {
    code: 'secret_missing',
    sentence: "The Secret with the signing secret is missing, so the service can't check events and refuses them all.",
    next: 'Redeploy the current version: it issues a new secret and gives it to the pods.',
    remedies: redeploy,
  }
}

function urlWithoutAnswer({ unsigned, url }: WebhookFacts): Cause | undefined {
  const probe = known(unsigned)
  if (probe?.kind !== 'none') return undefined
  const host = URL.canParse(url) ? new URL(url).host : url
  const words: Readonly<Record<typeof probe.reason, string>> = {
    name: `The host name of ${host} doesn't resolve, so Stripe can't reach the service.`,
    refused: `${host} refuses connections, so Stripe can't reach the service.`,
    tls: `The TLS certificate of ${host} isn't accepted, so Stripe delivers nothing.`,
    timeout: `${host} doesn't answer in time, so every delivery fails.`,
    cut: `${host} drops connections, so every delivery fails.`,
    other: `${host} doesn't answer, so every delivery fails.`,
  }
  return {
    code: 'url_unreachable',
    sentence: words[probe.reason],
    next: 'Check DNS, certificate, load balancer and ingress of that host. Stripe keeps retrying for up to 3 days.',
    remedies: [],
  }
}

/**
 * Names the cause when the service's clock differs from that of Stripe, which signs, by more than signatures may be
 * old.
 */
function clockSkew(facts: WebhookFacts): Cause | undefined {
  const ahead = (serviceAheadMs(facts) ?? 0) / 1_000
  if (Math.abs(ahead) <= toleranceSeconds) return undefined
  return {
    code: 'clock_skew',
    sentence: `The service's clock is ${roughly(Math.abs(ahead) * 1_000)} ${ahead > 0 ? 'ahead of' : 'behind'} Stripe's. Signatures expire after ${toleranceSeconds / 60} min, so it refuses every event.`,
    next: "Fix the nodes' clock (NTP). The pods need no restart.",
    remedies: [],
  }
}

function ownClock(facts: WebhookFacts): Cause | undefined {
  const { service, stripe } = clocks(facts)
  if (stripe === undefined || Math.abs(stripe) <= toleranceSeconds * 1_000) return undefined
  // Where the service's clock differs from Stripe's too, that is the graver trouble.
  if (service !== undefined && Math.abs(service - stripe) > toleranceSeconds * 1_000) return undefined
  return {
    code: 'own_clock',
    sentence: `Purser's own clock is ${roughly(Math.abs(stripe))} ${stripe > 0 ? 'behind' : 'ahead of'} Stripe's, so its signed test event proves nothing.`,
    next: "Fix the clock of Purser's machine, then diagnose again.",
    remedies: [],
  }
}

/** Stripe signs with the bare secret; a service that takes the value as it stands refuses every event. */
function secretPadded(facts: WebhookFacts): Cause | undefined {
  const strays = known(facts.secret)?.strays ?? []
  const probe = known(facts.signed)
  if (strays.length === 0 || probe?.kind !== 'answer' || probe.answer.status !== 400) return undefined
  return {
    code: 'secret_padded',
    sentence: `In the Secret's signing secret ${strays.join(', ')}, so the service compares with a different value from Stripe's.`,
    next: 'Redeploy the current version: it writes the clean value, and new pods read it.',
    remedies: redeploy,
  }
}

function podsStale(facts: WebhookFacts): Cause | undefined {
  const stale = stalePods(facts)
  const probe = known(facts.signed)
  if (stale.length === 0 || probe?.kind !== 'answer' || isAccepted(probe)) return undefined
  if (secretPadded(facts) !== undefined) return undefined
  return {
    code: 'pods_stale',
    sentence: `${counted(stale.length, 'pod')} started before the Secret changed and ${stale.length === 1 ? 'uses' : 'use'} the previous signing secret.`,
    next: 'Redeploy the current version: new pods use the current secret.',
    remedies: redeploy,
  }
}

function urlAnswersWrong({ signed, unsigned }: WebhookFacts): Cause | undefined {
  const probe = known(signed) ?? known(unsigned)
  if (probe?.kind !== 'answer' || isAccepted(probe)) return undefined
  const { status, location } = probe.answer
  if (status >= 300 && status < 400)
    return {
      code: 'url_redirects',
      sentence: `The webhook URL redirects${location === undefined ? '' : ` to ${location}`} (HTTP ${status}), and Stripe doesn't follow redirects.`,
      next: 'Point webhookUrl in purser.yaml to the final address and deploy, or remove the redirect.',
      remedies: [],
    }
  if (status === 401 || status === 403)
    return {
      code: 'url_forbidden',
      sentence: `Something before the service asks for credentials (HTTP ${status}), which Stripe does not have.`,
      next: 'Let the webhook path through: firewall, ingress rules, basic authentication.',
      remedies: [],
    }
  if (status === 404 || status === 405 || status === 410)
    return {
      code: 'url_not_found',
      sentence: `The service does not know the webhook path (HTTP ${status}): a different version runs, or the ingress routes elsewhere.`,
      next: 'Compare the running version with the last deploy, then deploy the right one.',
      remedies: redeploy,
    }
  if (status >= 500)
    return {
      code: 'service_errors',
      sentence: `The service answers events with HTTP ${status}.`,
      next: 'Check the log lines above. If it began with a deploy, roll back.',
      remedies: [],
    }
  return undefined
}

function secretMismatch(facts: WebhookFacts): Cause | undefined {
  const secret = known(facts.secret)
  const expected = endpointFingerprint(facts)
  if (secret === undefined || !secret.keyExists || expected === undefined) return undefined
  if (secret.fingerprints.includes(expected)) return undefined
  return {
    code: 'secret_mismatch',
    sentence: "The Secret doesn't hold the endpoint's signing secret, so the service refuses Stripe's events.",
    next: "Redeploy the current version: it issues a new secret. The old one can't be recovered from Stripe.",
    remedies: redeploy,
  }
}

function signatureRefused(facts: WebhookFacts): Cause | undefined {
  const probe = known(facts.signed)
  if (probe?.kind !== 'answer' || probe.answer.status !== 400) return undefined
  // A service whose clock is off refuses this signature, made by our clock, for another reason.
  const apart = Math.abs(clocks(facts).service ?? 0) > toleranceSeconds * 1_000
  if (apart || podsStale(facts) !== undefined || secretPadded(facts) !== undefined) return undefined
  return {
    code: 'signature_refused',
    sentence: "The service refuses an event signed with the cluster's secret: its pods use a different one.",
    next: 'Redeploy the current version with a new signing secret (--rotate-secret).',
    remedies: rotation,
  }
}

function endpointDisabled(facts: WebhookFacts): Cause | undefined {
  const endpoint = known(facts.endpoint)
  if (endpoint?.status !== 'disabled') return undefined
  const probe = known(facts.signed)
  // Traffic comes after pods: an endpoint whose events would be refused is not offered to be enabled.
  const ready = probe?.kind === 'answer' && isAccepted(probe) && secretMismatch(facts) === undefined
  return {
    code: 'endpoint_disabled',
    sentence: `The Stripe endpoint ${endpoint.id} is disabled, so Stripe sends nothing.`,
    next: ready ? 'Enable it: the service takes signed events.' : 'Fix the causes above, then enable it.',
    remedies: ready ? [{ kind: 'enable_endpoint', target: endpoint.id }] : [],
  }
}

function eventsIncomplete(facts: WebhookFacts): Cause | undefined {
  const missing = missingEvents(facts)
  if (missing.length === 0) return undefined
  return {
    code: 'events_incomplete',
    sentence: `The endpoint is not subscribed to ${counted(missing.length, 'event type')} of purser.yaml: ${missing.slice(0, 3).join(', ')}${missing.length > 3 ? ' …' : ''}.`,
    next: 'Redeploy the current version: it sets the event list.',
    remedies: redeploy,
  }
}

/** Names missed events as the cause only where the service would accept them now. */
function eventsMissed(facts: WebhookFacts): Cause | undefined {
  const missed = known(facts.missed)
  const probe = known(facts.signed)
  if (missed === undefined || missed.count === 0 || probe?.kind !== 'answer' || !isAccepted(probe)) return undefined
  return {
    code: 'events_missed',
    sentence: `The service takes events now, but ${missed.line}.`,
    next: 'Send them again. Duplicates are ignored.',
    remedies: [{ kind: 'resend_events', target: facts.url, since: missed.since }],
  }
}

function deadLettersGrow({ dead }: WebhookFacts): Cause | undefined {
  const seen = known(dead)
  if (seen === undefined || seen.lastHour === 0) return undefined
  const [kind] = seen.kinds
  return {
    code: 'dead_letters',
    sentence: `Events arrive but can't be applied: ${seen.lastHour} went to the dead letter queue in the last hour${kind === undefined ? '' : `, mostly ${kind}`}.`,
    next: 'Fix the cause, then reprocess the dead letters by hand. If it began with a deploy, roll back.',
    remedies: [],
  }
}

function eventsNotRetried({ events }: WebhookFacts): Cause | undefined {
  const seen = known(events)
  if (seen === undefined || seen.waiting === 0 || seen.oldestWaitingSeconds <= retriesOverSeconds) return undefined
  return {
    code: 'events_not_retried',
    sentence: `${counted(seen.waiting, 'event')} came in and ${seen.waiting === 1 ? 'is' : 'are'} not processed for up to ${roughly(seen.oldestWaitingSeconds * 1_000)}: nothing retries them.`,
    next: 'Check the job that retries them: `/billing diagnose cronjob`',
    remedies: [],
  }
}
