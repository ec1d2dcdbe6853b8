import { type Cause, type Remedy, rotate } from '../../model/diagnosis.ts'
import { known } from './seen.ts'
import { contentRefused, redeploy, signaturesUnchecked, urlAnswersWrong, urlWithoutAnswer } from './webhook-answers.ts'
import type { WebhookFacts } from './webhook-facts.ts'
import {
  clocks,
  deliveriesArrive,
  endpointFingerprint,
  isAccepted,
  missingEvents,
  retriesOverSeconds,
  serviceAheadMs,
  stalePods,
  verdictOf,
} from './webhook.ts'
import { toleranceSeconds } from '../stripe/probe/probe-verdict.ts'
import { counted, roughly } from '../../text.ts'

const rotation: readonly Remedy[] = [{ kind: 'deploy', target: rotate }]

/** Lists every cause that the facts show, the most likely first: each explains the ones after it. Pure. */
export function webhookCauses(facts: WebhookFacts): readonly Cause[] {
  return rules.flatMap((rule) => rule(facts) ?? [])
}

type Rule = (facts: WebhookFacts) => Cause | undefined

const rules: readonly Rule[] = [
  wrongAccount,
  endpointMissing,
  secretMissing,
  urlWithoutAnswer,
  clockSkew,
  ownClock,
  secretPadded,
  podsStale,
  urlAnswersWrong,
  signaturesUnchecked,
  contentRefused,
  secretMismatch,
  signatureRefused,
  deliveriesRefused,
  endpointDisabled,
  eventsIncomplete,
  eventsMissed,
  deadLettersGrow,
  eventsNotRetried,
]

/** In test mode every sandbox's key looks alike: what Stripe says for one of another account is about another endpoint. */
function wrongAccount({ account, pinned }: WebhookFacts): Cause | undefined {
  const other = known(account)
  if (other === undefined) return undefined
  return {
    code: 'wrong_account',
    sentence: `Purser's Stripe key belongs to ${other}, but this environment to ${pinned}. Nothing can be said about its endpoint.`,
    next: `Put a key of ${pinned} into Purser's environment, restart Purser and diagnose again.`,
    remedies: [],
  }
}

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
  if (strays.length === 0 || probe?.kind !== 'answer' || verdictOf(facts) !== 'secret') return undefined
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
  if (stale.length === 0 || probe?.kind !== 'answer' || verdictOf(facts) !== 'secret') return undefined
  if (secretPadded(facts) !== undefined) return undefined
  return {
    code: 'pods_stale',
    sentence: `${counted(stale.length, 'pod')} started before the Secret changed and ${stale.length === 1 ? 'uses' : 'use'} the previous signing secret.`,
    next: 'Redeploy the current version: new pods use the current secret.',
    remedies: redeploy,
  }
}

function secretMismatch(facts: WebhookFacts): Cause | undefined {
  const secret = known(facts.secret)
  const expected = endpointFingerprint(facts)
  if (secret === undefined || !secret.keyExists || expected === undefined) return undefined
  if (secret.fingerprints.includes(expected) || deliveriesArrive(facts)) return undefined
  return {
    code: 'secret_mismatch',
    sentence: "The Secret doesn't hold the secret with which the endpoint was made.",
    next: "Redeploy the current version: it issues a new secret. The old one can't be recovered from Stripe.",
    remedies: redeploy,
  }
}

function signatureRefused(facts: WebhookFacts): Cause | undefined {
  if (verdictOf(facts) !== 'secret') return undefined
  // A service whose clock is off refuses this signature, made by our clock, for another reason.
  const apart = Math.abs(clocks(facts).service ?? 0) > toleranceSeconds * 1_000
  if (apart || podsStale(facts) !== undefined || secretPadded(facts) !== undefined) return undefined
  return {
    code: 'signature_refused',
    sentence:
      "The service answers an event signed with the cluster's secret as one signed with a made-up secret: its pods use a different one.",
    next: 'Redeploy the current version with a new signing secret (--rotate-secret).',
    remedies: rotation,
  }
}

/**
 * Stripe's own deliveries are refused while the same pods take what the cluster's secret signs: a secret that was rolled in the dashboard,
 * or an endpoint of another API version. A service that was down for a while looks the same, so its pods must have been up before the
 * newest refused event was made. What stood before the service and was repaired since cannot be told apart from here: Stripe itself
 * sending them again tells.
 */
function deliveriesRefused(facts: WebhookFacts): Cause | undefined {
  const endpoint = known(facts.endpoint)
  const undelivered = known(facts.undelivered)
  if (endpoint?.status !== 'enabled' || undelivered?.newestAt === undefined) return undefined
  if (verdictOf(facts) !== 'accepted') return undefined
  const last = known(facts.events)?.lastReceivedSeconds
  const missed = known(facts.missed) ?? { count: 0, since: undelivered.newestAt }
  const pods = known(facts.pods) ?? []
  const { newestAt, oldestSeconds, count } = undelivered
  const wereUp =
    pods.length > 0 &&
    pods.every(({ ready, startedAt = newestAt }) => ready && Date.parse(startedAt) < Date.parse(newestAt))
  if (!wereUp || !facts.events.ok || (last !== undefined && last < oldestSeconds)) return undefined
  return {
    code: 'deliveries_refused',
    sentence: `${counted(count, 'delivery', 'deliveries')} of Stripe's failed and none arrived since, though the service takes events signed with the cluster's secret. Either it was repaired since, or Stripe signs with a different secret or delivers another API version.`,
    next:
      missed.count === 0
        ? 'Redeploy the current version with a new signing secret (--rotate-secret).'
        : 'Have Stripe send them again. If they are not taken, redeploy with a new signing secret (--rotate-secret).',
    remedies:
      missed.count === 0
        ? rotation
        : [{ kind: 'resend_events', target: facts.url, since: missed.since, byStripe: true }, ...rotation],
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
  // Signed with the cluster's secret they would be taken, and it would look healed: what Stripe signs is refused all the same.
  if (deliveriesRefused(facts) !== undefined || secretMismatch(facts) !== undefined) return undefined
  // A dead letter was taken and could not be processed: it would not be the next time, and is told as what it is.
  if ((known(facts.dead)?.lastHour ?? 0) >= missed.count) return undefined
  return {
    code: 'events_missed',
    sentence: `The service takes events now, but ${missed.line}.`,
    next:
      missed.stale === 0
        ? 'Send them again. Duplicates are ignored.'
        : `Send the other ${counted(missed.count, 'event')} again. Outdated ones are left out, duplicates are ignored.`,
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
