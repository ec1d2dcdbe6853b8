import type { Cause, Remedy } from '../../model/diagnosis.ts'
import { known } from './seen.ts'
import { toleranceSeconds } from '../stripe/probe/probe-verdict.ts'
import { clocks, deliveriesArrive, isAccepted, verdictOf } from './webhook.ts'
import type { WebhookFacts } from './webhook-facts.ts'

/*
 * The causes that the answers of the webhook URL show. Pure.
 */

export const redeploy: readonly Remedy[] = [{ kind: 'deploy', target: '' }]

export function urlWithoutAnswer({ unsigned, url }: WebhookFacts): Cause | undefined {
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

export function urlAnswersWrong(facts: WebhookFacts): Cause | undefined {
  const { signed, unsigned } = facts
  const probe = known(signed) ?? known(unsigned)
  if (probe?.kind !== 'answer' || isAccepted(probe)) return undefined
  const { status, location } = probe.answer
  const verdict = verdictOf(facts)
  if (verdict === 'content' || verdict === 'accepted') return undefined
  if (status >= 300 && status < 400)
    return {
      code: 'url_redirects',
      sentence: `The webhook URL redirects${location === undefined ? '' : ` to ${location}`} (HTTP ${status}), and Stripe doesn't follow redirects.`,
      next: 'Point webhookUrl in purser.yaml to the final address and deploy, or remove the redirect.',
      remedies: [],
    }
  if (status === 401 || status === 403) return refusedBefore(facts, status)
  if (status === 413)
    return {
      code: 'url_too_large',
      sentence: `Something before the service refuses the test event as too large (HTTP ${status}), so deliveries fail too.`,
      next: 'Raise the limit for bodies on the webhook path, such as `client_max_body_size` of nginx.',
      remedies: [],
    }
  if (status === 429) return limited(facts, status)
  if (status === 404 || status === 405 || status === 410)
    return {
      code: 'url_not_found',
      sentence: `The service does not know the webhook path (HTTP ${status}): a different version runs, or the ingress routes elsewhere.`,
      next: 'Compare the running version with the last deploy, then deploy the right one.',
      remedies: redeploy,
    }
  if (verdict === 'other_reason')
    return {
      code: 'url_refuses_request',
      sentence: `The service, or something before it, refuses the test event for a reason other than its signature (HTTP ${status}).`,
      next: 'Read its answer above. Compare the rules of the proxy or load balancer with what the webhook path needs.',
      remedies: [],
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

/** An allow list of Stripe's addresses keeps Purser out and nobody else. */
function refusedBefore(facts: WebhookFacts, status: number): Cause | undefined {
  // Stripe's deliveries arrive, so nothing is wrong but the view from here.
  if (deliveriesArrive(facts)) return undefined
  return {
    code: 'url_forbidden',
    sentence: `Something before the service refuses Purser's test event (HTTP ${status}): an allow list, or a login that webhookUrl lacks.`,
    next: 'Let the webhook path through. If only Stripe is let in, set `probeUrl`, then diagnose again.',
    remedies: [],
  }
}

/** A limit for one sender, which the many test events of a diagnosis meet, is no trouble of Stripe's. */
function limited(facts: WebhookFacts, status: number): Cause | undefined {
  if (deliveriesArrive(facts)) return undefined
  return {
    code: 'url_limited',
    sentence: `The service, or something before it, limits requests (HTTP ${status}).`,
    next: 'Raise the limit for the webhook path. Stripe tries refused deliveries again for up to 3 days.',
    remedies: [],
  }
}

/** The service knows the secret and refuses the event all the same. */
export function contentRefused(facts: WebhookFacts): Cause | undefined {
  const probe = known(facts.signed)
  if (verdictOf(facts) !== 'content' || probe?.kind !== 'answer' || deliveriesArrive(facts)) return undefined
  // A service whose clock is off refuses the age of the signature, which is told by itself.
  if (Math.abs(clocks(facts).service ?? 0) > toleranceSeconds * 1_000) return undefined
  return {
    code: 'content_refused',
    sentence: `The service accepts the signature and then refuses the event (HTTP ${probe.answer.status}): its API version, mode, type or content.`,
    next: 'Read its answer above. `service.stripe.probe` says what the service wants of a test event.',
    remedies: [],
  }
}

export function signaturesUnchecked(facts: WebhookFacts): Cause | undefined {
  if (verdictOf(facts) !== 'unchecked') return undefined
  return {
    code: 'signatures_unchecked',
    sentence: 'The service accepts an event that nobody signed rightly: anybody could send it events.',
    next: 'Fix the check of signatures in the service. Disable the endpoint until then.',
    remedies: [],
  }
}
