import type { PodExamination } from '../../adapters/kubernetes/pods/port.ts'
import type { ProbeAnswer } from '../../adapters/stripe/port.ts'
import type { Finding } from '../../model/diagnosis.ts'
import { subscribesTo } from '../../model/subscription.ts'
import { type ProbeVerdict, probeVerdict, refusesSignature, toleranceSeconds } from '../stripe/probe/probe-verdict.ts'
import { secretAnnotation } from '../stripe/signing-secret.ts'
import { secretFingerprint } from '../stripe/webhook-endpoint.ts'
import { judged, known, readable } from './seen.ts'
import type { Probe, WebhookFacts } from './webhook-facts.ts'
import { counted, roughly } from '../../text.ts'

/** The age of an event at which the service's own retries are over. */
export const retriesOverSeconds = 30 * 60

/** States what each look at "Webhook Not Receiving Events" found. Pure. */
export function webhookFindings(facts: WebhookFacts): readonly Finding[] {
  return [
    judged('endpoint', 'Stripe endpoint', facts.endpoint, (endpoint) => {
      if (endpoint === undefined) return { verdict: 'fail', seen: `none for ${facts.url}` }
      const missing = missingEvents(facts)
      const version = endpoint.apiVersion ?? "the account's default"
      const parts = [
        `${endpoint.id} ${endpoint.status}`,
        missing.length === 0
          ? `${endpoint.enabledEvents.includes('*') ? 'all' : endpoint.enabledEvents.length} event types`
          : `${counted(missing.length, 'event type')} missing`,
        `API version ${version}`,
      ]
      const wrong = endpoint.status === 'disabled' || missing.length > 0
      const other = facts.apiVersion !== undefined && endpoint.apiVersion !== facts.apiVersion
      return {
        verdict: wrong ? 'fail' : other ? 'warn' : 'pass',
        seen: parts.join(', '),
        evidence: missing.slice(0, 10),
      }
    }),
    judged(
      'undelivered',
      'Undelivered at Stripe',
      facts.undelivered,
      ({ count, oldestSeconds, line, unclear, complete }) => ({
        verdict: count > 0 ? 'fail' : !complete ? 'unknown' : unclear > 0 ? 'warn' : 'pass',
        seen: count === 0 ? line : `${line}, the oldest for ${roughly(oldestSeconds * 1_000)}`,
      }),
    ),
    judged('missed', 'Events the service lacks', facts.missed, ({ count, stale, doubtful, line, complete }) => ({
      verdict: count > 0 ? 'fail' : !complete ? 'unknown' : stale > 0 || doubtful ? 'warn' : 'pass',
      seen: line,
    })),
    judged('secret', 'Signing secret in the cluster', facts.secret, () => secretLook(facts)),
    judged('signed', 'Signed test event', facts.signed, (probe) => {
      if (probe === undefined) return { verdict: 'unknown', seen: 'no secret to sign with' }
      const words = probeWords(probe)
      const only = isAccepted(probe) ? undefined : onlyPurser(facts)
      if (only !== undefined) return { ...words, verdict: 'unknown', seen: `${words.seen}: ${only}` }
      return { verdict: isAccepted(probe) ? 'pass' : 'fail', ...words }
    }),
    judged('madeUp', 'Wrongly signed test event', facts.madeUp, (probe) => refusedWords(facts, probe)),
    judged('unsigned', 'Unsigned test event', facts.unsigned, (probe) => refusedWords(facts, probe)),
    clockFinding(facts),
    judged('pods', 'Pods have the secret of now', facts.pods, (pods) => {
      if (pods === undefined) return { verdict: 'fail', seen: 'no such Deployment' }
      const stale = stalePods(facts)
      const evidence = stale.map((pod) => `${pod.name} started ${readable(pod.startedAt)}`)
      const ready = pods.filter((pod) => pod.ready).length
      if (stale.length > 0)
        return {
          verdict: 'fail',
          seen: `${stale.length} of ${pods.length} started before the Secret changed`,
          evidence,
        }
      return {
        verdict: ready === pods.length && ready > 0 ? 'pass' : 'warn',
        seen: `${ready} of ${pods.length} pods ready`,
      }
    }),
    judged('log', 'Log lines about webhooks', facts.log, ({ matching, troubled, last }) => ({
      // Refusals are the service's right, and our own unsigned test event makes some: they are shown and judge nothing.
      verdict: matching > 0 ? 'pass' : 'warn',
      seen: `${counted(matching, 'line')}${troubled === 0 ? '' : `, ${troubled} of a refusal or a failure`}`,
      evidence: last,
    })),
    judged(
      'events',
      'Events in the database',
      facts.events,
      ({ received, waiting, oldestWaitingSeconds, lastReceivedSeconds }) => {
        const last =
          lastReceivedSeconds === undefined ? 'none received' : `the last ${roughly(lastReceivedSeconds * 1_000)} ago`
        const rest =
          waiting === 0
            ? 'all processed'
            : `${waiting} not processed for up to ${roughly(oldestWaitingSeconds * 1_000)}`
        const verdict = oldestWaitingSeconds > retriesOverSeconds ? 'fail' : waiting > 0 ? 'warn' : 'pass'
        return { verdict, seen: received === 0 ? last : `${received} received, ${last}, ${rest}` }
      },
    ),
    judged('dead', 'Dead letters', facts.dead, ({ total, lastHour, kinds }) => ({
      verdict: lastHour > 0 ? 'fail' : total > 0 ? 'warn' : 'pass',
      seen: total === 0 ? 'none' : `${total}, ${lastHour} of the last hour`,
      evidence: kinds,
    })),
  ]
}

function secretLook(facts: WebhookFacts) {
  const state = known(facts.secret)
  if (state === undefined || !state.secretExists) return { verdict: 'fail' as const, seen: 'no such Secret' }
  if (!state.keyExists) return { verdict: 'fail' as const, seen: 'the Secret lacks the key' }
  const when = state.changedAt === undefined ? '' : `, written ${readable(state.changedAt)}`
  const { fingerprints } = state
  const prints = `fingerprint ${fingerprints.join(' and ')}`
  const expected = endpointFingerprint(facts)
  const odd = state.strays.join(', ')
  const works = acceptsSigned(facts)
  if (odd !== '' && (expected === undefined || fingerprints.includes(expected)))
    return { verdict: works ? ('warn' as const) : ('fail' as const), seen: `${prints}, but ${odd}${when}` }
  if (expected === undefined)
    return { verdict: 'warn' as const, seen: `${prints}. The endpoint doesn't show its own${when}` }
  if (!fingerprints.includes(expected))
    return {
      // The mark on the endpoint is what Purser remembers of its creation: deliveries that arrive know better.
      verdict: deliveriesArrive(facts) ? ('warn' as const) : ('fail' as const),
      seen: `${prints}, but the endpoint was made with ${expected}${when}`,
    }
  return { verdict: 'pass' as const, seen: `${prints}, as the endpoint's${when}` }
}

function clockFinding(facts: WebhookFacts): Finding {
  const { service, stripe, cluster } = clocks(facts)
  const told = [
    ['service', service],
    ['Stripe', stripe],
    ['cluster', cluster],
  ] as const
  const seen = told.flatMap(([name, ms]) => (ms === undefined ? [] : [`${name} ${offset(ms)}`]))
  const far = told.some(([, ms]) => ms !== undefined && Math.abs(ms) > toleranceSeconds * 1_000)
  const near = told.some(([, ms]) => ms !== undefined && Math.abs(ms) > 5_000)
  return {
    name: 'clock',
    title: 'Clocks against ours',
    verdict: seen.length === 0 ? 'unknown' : far ? 'fail' : near ? 'warn' : 'pass',
    seen: seen.length === 0 ? 'no answer told its time' : seen.join(', '),
    evidence: [],
    milliseconds: Math.max(facts.stripeClock.milliseconds, facts.clusterClock.milliseconds),
  }
}

function offset(ms: number): string {
  if (Math.abs(ms) < 2_000) return 'agrees'
  return `${roughly(Math.abs(ms))} ${ms > 0 ? 'ahead' : 'behind'}`
}

/**
 * Tells how far the service is ahead of Stripe, which signs by its own clock. Where Stripe's is unknown and the cluster
 * says that ours is right, ours takes its place.
 */
export function serviceAheadMs(facts: WebhookFacts): number | undefined {
  const { service, stripe, cluster } = clocks(facts)
  const oursIsRight = cluster !== undefined && Math.abs(cluster) <= toleranceSeconds * 1_000
  const reference = stripe ?? (oursIsRight ? 0 : undefined)
  return service === undefined || reference === undefined ? undefined : service - reference
}

export function clocks(facts: WebhookFacts) {
  const of = (probe: Probe | undefined) => (probe?.kind === 'answer' ? probe.answer.clockAheadMs : undefined)
  return {
    service: of(known(facts.signed)) ?? of(known(facts.unsigned)),
    stripe: known(facts.stripeClock),
    cluster: known(facts.clusterClock),
  }
}

/** Tells which secret the endpoint was made with, by Purser's own mark on it. */
export function endpointFingerprint({ endpoint }: WebhookFacts): string | undefined {
  return known(endpoint)?.metadata[secretFingerprint]
}

export function missingEvents({ endpoint, wanted }: WebhookFacts): readonly string[] {
  const enabled = known(endpoint)?.enabledEvents
  return enabled === undefined ? [] : wanted.filter((type) => !subscribesTo(enabled, type))
}

/**
 * Lists the pods that started before the Secret changed, for they read it at their start. One that was rolled out with
 * this very secret is never stale.
 */
export function stalePods({ pods, secret }: WebhookFacts): readonly PodExamination[] {
  const state = known(secret)
  if (state?.changedAt === undefined) return []
  const changed = Date.parse(state.changedAt)
  return (known(pods) ?? []).filter(
    (pod) =>
      pod.startedAt !== undefined &&
      Date.parse(pod.startedAt) < changed &&
      pod.annotations[secretAnnotation] !== state.fingerprint,
  )
}

/** Tells whether the service took the signed test event: one that trims its secret does, whatever stands around it. */
function acceptsSigned({ signed }: WebhookFacts): boolean {
  const probe = known(signed)
  return probe !== undefined && isAccepted(probe)
}

/** What is older says nothing about now. */
const arrivedMs = 3_600_000

/**
 * Tells whether Stripe's own deliveries are taken: one of the last hour is in the table, it came when the pods and the Secret of now were
 * there, and none is undelivered. Kubernetes tells whole seconds.
 */
export function deliveriesArrive({ events, undelivered, secret, pods, lookedAt }: WebhookFacts): boolean {
  const last = known(events)?.lastReceivedSeconds
  const changed = known(secret)?.changedAt
  if (last === undefined || changed === undefined || known(undelivered)?.count !== 0) return false
  const starts = (known(pods) ?? []).map(({ startedAt = lookedAt }) => Date.parse(startedAt))
  const came = Date.parse(lookedAt) - last * 1_000
  const since = Math.max(Date.parse(changed), ...starts, Date.parse(lookedAt) - arrivedMs)
  return starts.length > 0 && came > since + 1_000
}

/** Tells what the answers to the test events mean together; undefined while one of them is not there. */
export function verdictOf({ signed, madeUp, unsigned, readsBack }: WebhookFacts): ProbeVerdict | undefined {
  const answer = (probe: Probe | undefined) => (probe?.kind === 'answer' ? probe.answer : undefined)
  const own = answer(known(signed))
  if (own === undefined) return undefined
  return probeVerdict({ signed: own, madeUp: answer(known(madeUp)), unsigned: answer(known(unsigned)), readsBack })
}

export function isAccepted(probe: Probe): boolean {
  return probe.kind === 'answer' && probe.answer.status >= 200 && probe.answer.status < 300
}

/** Words why the test event is refused while Stripe's deliveries arrive; undefined where that is not known. */
function onlyPurser(facts: WebhookFacts): string | undefined {
  if (!deliveriesArrive(facts)) return undefined
  const verdict = verdictOf(facts)
  if (verdict === 'kept_out' || verdict === 'limited') return 'only Purser is kept out. Set `probeUrl`'
  return verdict === 'content' ? "Stripe's events are taken, this one isn't. See `service.stripe.probe`" : undefined
}

/** What stands before the service answers so, whatever is signed how. */
const beforeService: readonly (ProbeVerdict | undefined)[] = [
  'redirect',
  'kept_out',
  'too_large',
  'path',
  'limited',
  'other_reason',
]

/** A service must refuse it by a 4xx. Another refusal is odd, and says nothing about whether signatures are checked. */
function refusedWords(facts: WebhookFacts, probe: Probe) {
  const refused = probe.kind === 'answer' && refusesSignature(probe.answer) && !beforeService.includes(verdictOf(facts))
  const verdict = refused ? ('pass' as const) : isAccepted(probe) ? ('fail' as const) : ('warn' as const)
  return { verdict, ...probeWords(probe) }
}

function probeWords(probe: Probe): { readonly seen: string; readonly evidence?: readonly string[] } {
  if (probe.kind === 'none') return { seen: probe.text }
  const { status, milliseconds, body, location }: ProbeAnswer = probe.answer
  const where = location === undefined ? '' : `, to ${location}`
  return {
    seen: `HTTP ${status} in ${milliseconds} ms${where}`,
    evidence: body.trim() === '' ? [] : [body.trim()],
  }
}
