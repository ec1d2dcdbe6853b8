import type { ProbeAnswer } from '../../adapters/stripe/port.ts'
import type { Sensitive } from '../../sensitive.ts'
import type { PhaseContext } from '../phase.ts'
import { CheckFailed } from '../errors.ts'

/**
 * Proves that the pods hold the right secret and really check it: a signed event is accepted, an unsigned one refused.
 */
export async function probe(context: PhaseContext, signal: AbortSignal) {
  const { world, service, environment } = context
  const { name, key } = service.stripe.secret
  const value = await world.cluster.readSecretKey(name, key, signal)
  const [secret] = value?.parts(',') ?? []
  if (secret === undefined)
    throw new CheckFailed('secret_missing', `reading Secret ${name}: it has no key ${key}`, {
      hint: 'Retry the rollout phase, which creates it.',
    })
  const signed = await signedProbe(context, secret, value?.strays ?? [], signal)
  const unsigned = await world.webhook.unsigned(environment.webhookUrl, signal)
  if (unsigned.status < 400 || unsigned.status >= 500)
    throw new CheckFailed(
      'unsigned_accepted',
      `posting an unsigned event: the service answered ${unsigned.status}, not 400`,
      {
        hint: 'The service does not check signatures: anybody could send it events. Do not enable the endpoint.',
        evidence: [answerLine(unsigned)],
      },
    )
  return { status: signed.status, milliseconds: Math.round(signed.milliseconds) }
}

async function signedProbe(
  { world, service, environment }: PhaseContext,
  secret: Sensitive,
  strays: readonly string[],
  signal: AbortSignal,
): Promise<ProbeAnswer> {
  const answer = await world.webhook.signed(environment.webhookUrl, secret, signal)
  if (answer.status >= 200 && answer.status < 300) return answer
  throw new CheckFailed('probe_refused', `posting a signed event: the service answered ${answer.status}`, {
    evidence: [answerLine(answer)],
    hint:
      answer.status === 400 && strays.length > 0
        ? `In Secret ${service.stripe.secret.name}/${service.stripe.secret.key} ${strays.join(', ')}: a deploy of a new plan takes it away.`
        : answer.status === 400
          ? "The pods use a different signing secret from the cluster's. Restart the pods, then retry."
          : 'Look at the logs of the pods for this request.',
  })
}

function answerLine(answer: ProbeAnswer): string {
  return `HTTP ${answer.status} in ${Math.round(answer.milliseconds)} ms: ${answer.body}`
}
