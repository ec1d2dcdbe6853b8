import type { ProbeAnswer } from '../../../adapters/stripe/port.ts'
import type { RefusedProbe } from '../../../model/refused-probe.ts'
import { CheckFailed } from '../../errors.ts'
import type { PhaseContext } from '../../phase.ts'
import { roughly } from '../../../text.ts'
import { madeUpSecret, probeEvent } from './probe-event.ts'
import { triedAgain } from './probe-tries.ts'
import { type ProbeVerdict, probeVerdict, toleranceSeconds } from './probe-verdict.ts'

/** What a probe that was accepted came to. */
type Proof = {
  readonly status: number
  readonly milliseconds: number
  /** How the service refused what it must refuse, and when it was asked. */
  readonly refused?: { readonly at: string; readonly unsigned: number; readonly madeUp: number }
}

interface ProbeOptions {
  /** Events that must be refused are not posted again where this was seen already: services log each as an error. */
  readonly refused?: RefusedProbe | undefined
  /** Whether only the cluster's secret is in question, as before missed events are sent again. */
  readonly signedOnly?: true
}

/**
 * Proves that the pods hold the right secret and really check it: an event signed with it is accepted, the same one is refused unsigned and
 * with a made-up secret. Raises CheckFailed with the service's own answer first. Safe to repeat: for a service that knows events by
 * their id all test events of a run are one.
 */
export async function probe(
  context: PhaseContext,
  signal: AbortSignal,
  { refused: seen, signedOnly }: ProbeOptions = {},
): Promise<Proof> {
  const { world, service, environment } = context
  const url = environment.probeUrl ?? environment.webhookUrl
  const { name, key } = service.stripe.secret
  const value = await world.cluster.readSecretKey(name, key, signal)
  const [secret] = value?.parts(',') ?? []
  if (secret === undefined)
    throw new CheckFailed('secret_missing', `reading Secret ${name}: it has no key ${key}`, {
      hint: 'Retry the rollout phase, which creates it.',
    })
  const event = await probeEvent(context, signal)
  const signed = await triedAgain(() => world.webhook.signed(url, event, secret, signal), signal)
  const { status } = signed
  const enough = status >= 200 && status < 300 && (signedOnly === true || seen !== undefined)
  const at = new Date().toISOString()
  const others = enough ? undefined : await mustBeRefused(context, url, event, signal)
  const { readsBack } = service.stripe.probe
  const verdict = probeVerdict({ signed, madeUp: others?.madeUp, unsigned: others?.unsigned, readsBack })
  if (verdict !== 'accepted') throw refusal(context, verdict, { signed, ...others }, value?.strays ?? [])
  const refused = others === undefined ? seen : { at, unsigned: others.unsigned.status, madeUp: others.madeUp.status }
  const milliseconds = Math.round(signed.milliseconds)
  return { status, milliseconds, ...(refused === undefined ? {} : { refused: { ...refused } }) }
}

async function mustBeRefused(
  { world, records }: PhaseContext,
  url: string,
  event: Awaited<ReturnType<typeof probeEvent>>,
  signal: AbortSignal,
) {
  const secret = madeUpSecret()
  const announced = (post: () => Promise<ProbeAnswer>) =>
    triedAgain(() => records.announceTestEvent().then(post), signal, { mayFail: true })
  return {
    madeUp: await announced(() => world.webhook.signed(url, event, secret, signal)),
    unsigned: await announced(() => world.webhook.unsigned(url, event, signal)),
  }
}

interface Answers {
  readonly signed: ProbeAnswer
  readonly madeUp?: ProbeAnswer
  readonly unsigned?: ProbeAnswer
}

function refusal(
  context: PhaseContext,
  verdict: Exclude<ProbeVerdict, 'accepted'>,
  { signed, madeUp, unsigned }: Answers,
  strays: readonly string[],
): CheckFailed {
  const told = [answerLine('signed with the cluster’s secret', signed)]
  if (madeUp !== undefined) told.push(answerLine('signed with a made-up secret', madeUp))
  if (unsigned !== undefined) told.push(answerLine('unsigned', unsigned))
  const { service } = context
  if (verdict === 'unchecked')
    return new CheckFailed('unsigned_accepted', 'posting an event that must be refused: the service accepted it', {
      hint: 'The service does not check signatures: anybody could send it events. Do not enable the endpoint.',
      evidence: told,
    })
  const hints: Readonly<Record<typeof verdict, string>> = {
    secret:
      strays.length > 0
        ? `In Secret ${service.stripe.secret.name}/${service.stripe.secret.key} ${strays.join(', ')}: a deploy of a new plan takes it away.`
        : "The pods answer as to a made-up secret: they use a different one from the cluster's. Restart the pods, then retry.",
    content:
      'The signature was accepted, the event refused. Read the answer: `service.stripe.probe` says what the service wants of a test event.',
    redirect: 'Stripe follows no redirect. Point webhookUrl to the final address.',
    kept_out: 'Something before the service keeps Purser out. If only Stripe is let in, set `probeUrl`.',
    too_large:
      'Something before the service takes no body of this size, and those of real events are larger. Raise its limit.',
    path: 'The service does not know this path: a different version runs, or the ingress routes elsewhere.',
    limited: 'The service, or something before it, limits requests. Wait, then try again.',
    other_reason:
      'This status is about the request, and not about its signature. Check the proxy or load balancer, and the logs of the pods.',
    failing: 'Look at the logs of the pods for this request.',
  }
  const untold = verdict === 'kept_out' || verdict === 'limited'
  const code = untold ? 'probe_kept_out' : 'probe_refused'
  return new CheckFailed(code, `posting a signed event: the service answered ${signed.status}`, {
    evidence: told,
    hint: clockHint(verdict, signed) ?? hints[verdict],
  })
}

/** A service whose clock is off refuses the age of every signature, whatever secret it has. */
function clockHint(verdict: ProbeVerdict, { clockAheadMs: ahead = 0 }: ProbeAnswer): string | undefined {
  if (Math.abs(ahead) <= toleranceSeconds * 1_000 || (verdict !== 'secret' && verdict !== 'content')) return undefined
  const apart = `${roughly(Math.abs(ahead))} ${ahead > 0 ? 'ahead of' : 'behind'}`
  return `The service's clock is ${apart} Purser's, and signatures expire after ${toleranceSeconds / 60} min. Fix the clocks (NTP).`
}

function answerLine(what: string, { status, milliseconds, body }: ProbeAnswer): string {
  return `${what}: HTTP ${status} in ${Math.round(milliseconds)} ms: ${body}`
}
