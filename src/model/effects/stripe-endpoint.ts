import { z } from 'zod'
import { subscriptionSize } from '../subscription.ts'
import { undoable } from './kind.ts'
import { formerSecretLost } from './secret-key.ts'

const before = z
  .object({
    /** The id of the endpoint; null when the run created it. */
    id: z.string().nullable(),
    enabledEvents: z.array(z.string()).readonly(),
    status: z.enum(['enabled', 'disabled']),
    /**
     * The events of the endpoint that this one took the place of and whose secret nobody holds: a rollback keeps this
     * one, with these events.
     */
    insteadOf: z.array(z.string()).readonly().exactOptional(),
    /** No pod believes both endpoints, so a rollback disables this one only when the former pods are back. */
    bridges: z.literal(true).exactOptional(),
    /** Nobody holds its secret, so a rollback leaves it disabled. */
    unusable: z.literal(true).exactOptional(),
    /** The half of the idempotency key that is known to this state database only; missing in older records. */
    creation: z.string().exactOptional(),
  })
  .readonly()

export type EndpointBefore = z.output<typeof before>

export const stripeEndpoint = undoable({
  kind: 'stripe-endpoint',
  before,
  after: z
    .object({
      id: z.string(),
      /** How the run left it; missing in older records. */
      status: z.enum(['enabled', 'disabled']).exactOptional(),
      enabledEvents: z.array(z.string()).readonly().exactOptional(),
    })
    .readonly(),
  undoLine({ target, before: { id, insteadOf, enabledEvents, status } }, { strict }) {
    if (insteadOf !== undefined && !strict)
      return `Stripe endpoint ${target}: the new one stays, with ${subscriptionSize(insteadOf)}`
    if (id === null || strict) return `Stripe endpoint ${target}: disable`
    return `Stripe endpoint ${target}: back to ${status} with ${subscriptionSize(enabledEvents)}`
  },
  unusableWhen: 'unusable',
  stays: formerSecretLost,
  place: ({ bridges }) => (bridges === true ? 'after pods' : undefined),
})
