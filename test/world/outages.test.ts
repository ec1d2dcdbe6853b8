import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { redisIsHere, startTestRedis, type TestRedis } from '../support/redis.ts'
import { namespace } from '../../sandbox/world.ts'
import { revisionOf, standingOf } from './standing.ts'
import { startTown, type Town } from './town.ts'

describe('a deploy during which', () => {
  let town: Town
  let redis: TestRedis | undefined
  beforeEach(() => {
    redis = undefined
  })
  afterEach(async () => {
    await town.close()
    await redis?.close()
  })

  async function deployUntil(phase: string): Promise<void> {
    await town.startBot('purser')
    await town.types('dana', '/billing deploy v1.2.0')
    await town.waitFor('the plan', () => board().includes('waiting for approval'))
    await town.presses('alex', 'approve')
    await town.waitFor(phase, () => board().includes(phase))
  }

  const board = () => town.seenBy('dana').findLast((it) => it.includes('→')) ?? ''

  async function endsWell(): Promise<void> {
    await town.waitFor('the end', () => /: (succeeded|failed)/.test(board()), 120_000)
    expect(board()).toContain(': succeeded')
    expect(standingOf(town).endpoints).toEqual([expect.objectContaining({ status: 'enabled', events: 38 })])
    expect(await town.state(`select 1 from purser.phases where run = 1 and attempt > 1`)).toEqual([])
  }

  it('PostgreSQL crashes and comes back goes on and ends well', async () => {
    town = await startTown({ monitorSeconds: 8 })
    await deployUntil('▸ Monitor')
    await town.world.postgres.restart('immediate')
    await endsWell()
  }, 180_000)

  it.runIf(redisIsHere)(
    'Redis is restarted goes on and ends well',
    async () => {
      redis = await startTestRedis()
      town = await startTown({ monitorSeconds: 8, redisUrl: redis.url })
      await deployUntil('▸ Monitor')
      await redis.restart()
      await endsWell()
    },
    180_000,
  )

  it('Stripe’s answer is lost, and then the cluster’s API goes away in the middle of the rollout, goes on and ends well', async () => {
    town = await startTown({ monitorSeconds: 3 })
    const { stripe, kubernetes } = town.world
    stripe.setFault({ does: 'cut', when: 'after', on: 'POST /v1/webhook_endpoints', times: 2 })
    await deployUntil('running')
    const image = `valuecanvas/api@${town.world.registry.digestOf('valuecanvas/api', 'v1.2.0')}`
    await town.waitFor('the new image', () => standingOf(town).image === image)
    // The pods come up while nobody can see it.
    await kubernetes.restart(async () => {
      await expect.poll(() => readyPods(image), { timeout: 60_000, interval: 100 }).toBe(3)
    })
    await endsWell()
    expect(stripe.endpoints()).toHaveLength(1)
    expect(revisionOf(town)).toBe('2')
  }, 180_000)

  function readyPods(image: string): number {
    const pods = town.world.kubernetes.list('Pod', namespace) as unknown as readonly {
      spec: { containers: readonly { image: string }[] }
      status?: { containerStatuses?: readonly { ready: boolean }[] }
    }[]
    return pods.filter(
      ({ spec, status }) => spec.containers[0]?.image === image && status?.containerStatuses?.[0]?.ready === true,
    ).length
  }

  it('Slack is away goes on, and the board tells the truth when Slack is back', async () => {
    town = await startTown({ monitorSeconds: 5 })
    await deployUntil('running')
    const { control } = town.world.slack
    control.setFault({ status: 503 })
    const settled = async () => (await town.state('select status from purser.runs where number = 1'))[0]?.['status']
    await expect.poll(settled, { timeout: 120_000, interval: 250 }).toBe('succeeded')
    expect(board()).not.toContain(': succeeded')
    control.clearFaults()
    await endsWell()
  }, 180_000)
})
