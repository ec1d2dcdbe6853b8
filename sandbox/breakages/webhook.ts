import { randomBytes } from 'node:crypto'
import type { World } from '../world.ts'
import {
  endpointOf,
  kube,
  type Mend,
  paths,
  resendSince,
  restartPods,
  secretValue,
  sql,
  stripe,
  until,
} from './hands.ts'

const secret = { name: 'stripe-credentials', key: 'webhook-secret' } as const
/** Beyond the 300 s that signatures are good for. */
const clockSkewMs = -11 * 60_000
const deadEvents = 3

/** Somebody put another endpoint's signing secret into the Secret, and the pods were restarted with it. */
export async function wrongSecret(world: World): Promise<Mend> {
  const began = new Date()
  const right = secretValue(world, secret.name, secret.key)
  const wrong = Buffer.from(`whsec_${randomBytes(24).toString('hex')}`).toString('base64')
  const write = async (value: string) => {
    await kube(world, 'PATCH', paths.secret(secret.name), { data: { [secret.key]: value } })
    await restartPods(world)
  }
  await write(wrong)
  return async () => {
    await write(right)
    await resendSince(world, began)
  }
}

export async function disabledEndpoint(world: World): Promise<Mend> {
  const began = new Date()
  const path = `/v1/webhook_endpoints/${endpointOf(world).id}`
  await stripe(world, path, { disabled: 'true' })
  return async () => {
    await stripe(world, path, { disabled: 'false' })
    await resendSince(world, began)
  }
}

/** The load balancer takes no connections. */
export async function unreachableUrl(world: World): Promise<Mend> {
  const began = new Date()
  await world.kubernetes.openIngress(false)
  return async () => {
    await world.kubernetes.openIngress(true)
    await resendSince(world, began)
  }
}

/** The node's clock is eleven minutes late, and the pods were started there. */
export async function clockSkew(world: World): Promise<Mend> {
  const began = new Date()
  const set = async (ms: number) => {
    world.node.clockSkewMs = ms
    await restartPods(world)
  }
  await set(clockSkewMs)
  return async () => {
    await set(0)
    await resendSince(world, began)
  }
}

/** Events that the service cannot apply: a failed payment of nobody. */
export async function deadLetters(world: World): Promise<Mend> {
  const sent = Array.from({ length: deadEvents }, (_, index) =>
    world.stripe.emit('invoice.payment_failed', { id: `in_broken${index}_${Date.now()}`, object: 'invoice' }),
  )
  const ids = sent.map((event) => `'${event.id}'`).join(', ')
  const dead = `from webhook_dead_letter_queue where event_id in (${ids})`
  await until('the dead letters', async () => (await sql(world, `select ${dead}`)).length === deadEvents)
  return async () => {
    await sql(world, `delete ${dead}`)
    await sql(world, `update webhook_events set processed = true where event_id in (${ids})`)
  }
}

/** The endpoint was off for a while: what happened meanwhile was never sent. */
export async function missedEvents(world: World): Promise<Mend> {
  const began = new Date()
  const path = `/v1/webhook_endpoints/${endpointOf(world).id}`
  await stripe(world, path, { disabled: 'true' })
  const before = world.stripe.events().length
  await until('a few events', () => world.stripe.events().length >= before + 3)
  await stripe(world, path, { disabled: 'false' })
  return () => resendSince(world, began)
}
