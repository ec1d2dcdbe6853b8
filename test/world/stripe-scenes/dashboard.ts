import { stripe as callStripe } from '../../../sandbox/breakages/hands.ts'
import type { Stage } from './stage.ts'

/** What somebody does in Stripe's dashboard, beside Purser. */

const at = (id: string) => `/v1/webhook_endpoints/${id}`

/** By a person; Stripe does the same to an endpoint that has failed for days: https://docs.stripe.com/webhooks#disable */
export function disables({ world, endpointId }: Stage): Promise<void> {
  return callStripe(world.sandbox, at(endpointId), { disabled: 'true' })
}

/** Leaves the endpoint these types only. */
export function leavesTypes({ world, endpointId }: Stage, types: readonly string[]): Promise<void> {
  const listed = types.map((type, index) => [`enabled_events[${index}]`, type])
  return callStripe(world.sandbox, at(endpointId), Object.fromEntries(listed) as Record<string, string>)
}

export async function deletes({ world, endpointId }: Stage, id: string = endpointId): Promise<void> {
  const { stripe, environment } = world.sandbox
  const headers = { authorization: `Bearer ${environment['STRIPE_SECRET_KEY']}` }
  const answer = await fetch(`${stripe.url}${at(id)}`, { method: 'DELETE', headers })
  if (!answer.ok) throw new Error(`DELETE ${at(id)}: ${answer.status} ${await answer.text()}`)
  await answer.body?.cancel()
}
