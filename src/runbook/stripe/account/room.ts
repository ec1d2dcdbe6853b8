import type { EventDestination, WebhookEndpoint } from '../../../adapters/stripe/port.ts'
import { CheckFailed } from '../../errors.ts'
import type { LookContext } from '../../phase.ts'

/** Stripe's limit of endpoints and other destinations together; live and test are counted apart. https://docs.stripe.com/webhooks#register-webhook */
const destinationLimit = 16

interface Room {
  readonly endpoints: readonly WebhookEndpoint[]
  /** How many of them take no room from the one to be made: those that this deploy deletes before, and the one that it has begun to make. */
  readonly freed: number
}

/**
 * Raises when another endpoint has no room. What only API v2 shows (thin events, event buses) takes room too; where the key is
 * not allowed to see it, what is seen is not called room but told as a risk. Returns the risks. Changes nothing.
 */
export async function requireRoom(
  { world, signal }: LookContext,
  { endpoints, freed }: Room,
): Promise<readonly string[]> {
  const seen = await world.stripe.destinations(signal)
  const ids = new Set(endpoints.map(({ id }) => id))
  const others = 'refused' in seen ? [] : seen.filter(({ id }) => !ids.has(id))
  const taken = endpoints.length + others.length
  if (taken - freed >= destinationLimit) throw full(endpoints, others)
  if (!('refused' in seen)) return []
  return [
    `The account has ${endpoints.length} of ${destinationLimit} webhook endpoints. Thin ones and event buses count too, but the key can't list them.`,
  ]
}

function full(endpoints: readonly WebhookEndpoint[], others: readonly EventDestination[]): CheckFailed {
  const of = others.length === 0 ? 'webhook endpoints' : 'webhook endpoints and other event destinations'
  const unused = endpoints.filter(({ status }) => status === 'disabled')
  return new CheckFailed(
    'stripe_endpoint_limit',
    `planning the Stripe endpoint: the account has ${endpoints.length + others.length} of ${destinationLimit} ${of}, and this deploy needs one more`,
    {
      hint: 'Delete endpoints that nobody uses in the Stripe dashboard (Developers > Webhooks), then plan again.',
      evidence: [
        ...unused.map(({ id, url }) => `${id}, disabled: ${url}`),
        ...others.map(({ id, sort, status, name }) => `${id}, ${sort}, ${status}: ${name}`),
      ],
    },
  )
}
