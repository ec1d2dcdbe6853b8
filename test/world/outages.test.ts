import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { redisIsHere, startTestRedis, type TestRedis } from '../support/redis.ts'
import { namespace, trafficEveryMs } from '../../sandbox/world.ts'
import { revisionOf, snapshotOf } from './snapshot.ts'
import { startTestWorld, type TestWorld } from './test-world.ts'

describe('a deploy during which', () => {
  let world: TestWorld
  let redis: TestRedis | undefined
  beforeEach(() => {
    redis = undefined
  })
  afterEach(async () => {
    await world.close()
    await redis?.close()
  })

  async function deployUntil(phase: string): Promise<void> {
    await world.startBot('purser')
    await world.types('dana', '/billing deploy v1.2.0')
    await world.waitFor('the plan', () => board().includes('waiting for approval'))
    await world.presses('alex', 'approve')
    await world.waitFor(phase, () => board().includes(phase))
  }

  const board = () => world.seenBy('dana').findLast((it) => it.includes('→')) ?? ''

  async function endsWell(): Promise<void> {
    await world.waitFor('the end', () => /: (succeeded|failed)/.test(board()), 360_000)
    expect(board()).toContain(': succeeded')
    expect(snapshotOf(world).endpoints).toEqual([expect.objectContaining({ status: 'enabled', events: 38 })])
    expect(await world.state(`select 1 from purser.phases where run = 1 and attempt > 1`)).toEqual([])
  }

  it('PostgreSQL crashes and comes back goes on and ends well', async () => {
    world = await startTestWorld({ monitorSeconds: 8 })
    const { postgres, stripe } = world.sandbox
    await deployUntil('running, 7 of 7')
    // The service's database is on the same server: an event delivered meanwhile would be an error in its logs, for which a
    // watch rightly fails. Here it is Purser's own database that is tried.
    stripe.setTraffic(0)
    const newest = stripe.events().at(0)?.id
    await world.waitFor('its last delivery', () => stripe.deliveries().some(({ eventId }) => eventId === newest))
    await postgres.restart('immediate')
    stripe.setTraffic(trafficEveryMs)
    await endsWell()
  }, 540_000)

  it.runIf(redisIsHere)(
    'Redis is restarted goes on and ends well',
    async () => {
      redis = await startTestRedis()
      world = await startTestWorld({ monitorSeconds: 8, redisUrl: redis.url })
      await deployUntil('running, 7 of 7')
      await redis.restart()
      await endsWell()
    },
    540_000,
  )

  it('Stripe’s answer is lost, and then the cluster’s API goes away in the middle of the rollout, goes on and ends well', async () => {
    world = await startTestWorld({ monitorSeconds: 3 })
    const { stripe, kubernetes } = world.sandbox
    stripe.setFault({ does: 'cut', when: 'after', on: 'POST /v1/webhook_endpoints', times: 2 })
    await deployUntil('running')
    const image = `valuecanvas/api@${world.sandbox.registry.digestOf('valuecanvas/api', 'v1.2.0')}`
    await world.waitFor('the new image', () => snapshotOf(world).image === image)
    // The pods come up while nobody can see it.
    await kubernetes.restart(async () => {
      await expect.poll(() => readyPods(image), { timeout: 180_000, interval: 100 }).toBe(3)
    })
    await endsWell()
    expect(stripe.endpoints()).toHaveLength(1)
    expect(revisionOf(world)).toBe('2')
  }, 540_000)

  function readyPods(image: string): number {
    const pods = world.sandbox.kubernetes.list('Pod', namespace) as unknown as readonly {
      spec: { containers: readonly { image: string }[] }
      status?: { containerStatuses?: readonly { ready: boolean }[] }
    }[]
    return pods.filter(
      ({ spec, status }) => spec.containers[0]?.image === image && status?.containerStatuses?.[0]?.ready === true,
    ).length
  }

  // The other ways in which nothing can be opened are in test/slack/socket-connections.test.ts.
  it('Slack drops a connection and lets nobody connect goes on in the same process and ends well, and commands arrive by the other one', async () => {
    world = await startTestWorld({ monitorSeconds: 12 })
    await deployUntil('running, 7 of 7')
    const { control } = world.sandbox.slack
    const tries = () => control.apiCalls('apps.connections.open').length
    const before = tries()
    control.setFault({ method: 'apps.connections.open', status: 503 })
    control.dropSockets('oldest')
    await world.waitFor('five attempts', () => tries() >= before + 5)
    await world.types('dana', '/billing help')
    await world.waitFor('an answer', () => world.toldOnly('dana')?.includes('/billing deploy') === true)
    await endsWell()
    expect(await world.state('select distinct epoch from purser.phases where run = 1 and epoch > 1')).toEqual([])
    control.clearFaults()
    await world.waitFor('both connections', () => control.connections === 2)
  }, 540_000)

  it('Slack is away goes on, and the board shows what is so when Slack is back', async () => {
    world = await startTestWorld({ monitorSeconds: 5 })
    await deployUntil('running')
    const { control } = world.sandbox.slack
    control.setFault({ status: 503 })
    const settled = async () => (await world.state('select status from purser.runs where number = 1'))[0]?.['status']
    await expect.poll(settled, { timeout: 360_000, interval: 250 }).toBe('succeeded')
    expect(board()).not.toContain(': succeeded')
    control.clearFaults()
    await endsWell()
  }, 540_000)
})
