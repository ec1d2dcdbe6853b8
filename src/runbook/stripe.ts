import type { ProbeAnswer } from '../adapters/stripe/port.ts'
import type { Sensitive } from '../sensitive.ts'
import { confirmPlan } from './confirm-plan.ts'
import type { Phase, PhaseContext } from './context.ts'
import { endpointBefore } from './credentials.ts'
import { CheckFailed } from './errors.ts'
import { expandedEvents } from './plan.ts'
import { decideEndpoint } from './webhook-endpoint.ts'

/** Chapter 3, Configure Stripe Webhook: traffic after pods. Sets the events, enables the endpoint, proves delivery. */
export const stripe: Phase = async (context) => {
  const { world, environment } = context
  await confirmPlan(context)
  const events = expandedEvents(context)
  await context.report('asking the service with a signed and an unsigned event')
  await context.step('probe before enabling', (signal) => probe(context, signal))

  const endpoint = await endpointOf(context, events)
  await context.report(`enabling ${endpoint.id} with ${events.length} events`)
  await context.change('enable the endpoint', {
    kind: 'stripe-endpoint',
    target: environment.webhookUrl,
    before: async () => endpointBefore(endpoint),
    act: async (_before, signal) => {
      await world.stripe.updateEndpoint(endpoint.id, { enabledEvents: events, disabled: false }, signal)
      return { id: endpoint.id }
    },
  })
  const answer = await context.step('prove delivery', (signal) => probe(context, signal))
  return {
    line: `${endpoint.id} enabled with ${events.length} events; signed probe accepted in ${answer.milliseconds} ms`,
  }
}

async function endpointOf(context: PhaseContext, events: readonly string[]) {
  const { world, service, environment, signal } = context
  const { name, key } = service.stripe.secret
  const [endpoints, secret] = await Promise.all([
    world.stripe.endpoints(signal),
    world.cluster.secretKey(name, key, signal),
  ])
  const { endpoint } = decideEndpoint({ url: environment.webhookUrl, events, endpoints, secret })
  if (endpoint === undefined)
    throw new CheckFailed(
      'endpoint_missing',
      `finding the Stripe endpoint for ${environment.webhookUrl}: there is none`,
      {
        hint: 'Somebody deleted it during this run: retry from a new deploy.',
      },
    )
  return endpoint
}

/** A signed event is accepted and an unsigned one refused: the pods hold the right secret and really check it. */
export async function probe(context: PhaseContext, signal: AbortSignal) {
  const { world, service, environment } = context
  const { name, key } = service.stripe.secret
  const secret = await world.cluster.readSecretKey(name, key, signal)
  if (secret === undefined)
    throw new CheckFailed('secret_missing', `reading Secret ${name}: it has no key ${key}`, {
      hint: 'Retry the rollout phase, which creates it.',
    })
  const signed = await signedProbe(context, secret, signal)
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
  { world, environment }: PhaseContext,
  secret: Sensitive,
  signal: AbortSignal,
): Promise<ProbeAnswer> {
  const answer = await world.webhook.signed(environment.webhookUrl, secret, signal)
  if (answer.status >= 200 && answer.status < 300) return answer
  throw new CheckFailed('probe_refused', `posting a signed event: the service answered ${answer.status}`, {
    evidence: [answerLine(answer)],
    hint:
      answer.status === 400
        ? 'The pods hold another signing secret than the cluster: roll the pods, then retry.'
        : 'Look at the logs of the pods for this request.',
  })
}

function answerLine(answer: ProbeAnswer): string {
  return `HTTP ${answer.status} in ${Math.round(answer.milliseconds)} ms: ${answer.body}`
}
