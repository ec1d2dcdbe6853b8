import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { breakWorld, mendWorld } from '../../sandbox/breakages/breakages.ts'
import { namespace } from '../../sandbox/world.ts'
import { startTestWorld, type TestWorld } from './test-world.ts'

/** What people have done to the cluster with kubectl, and what a manifest wants on purpose, through the front door. */
describe('in a cluster that people have touched', () => {
  let world: TestWorld
  beforeAll(async () => {
    world = await startTestWorld({ monitorSeconds: 3 })
    await world.startBot('purser')
    const [first] = await world.plays('deploy v1.2.0')
    if (first?.ok !== true) throw new Error(first?.why)
  }, 180_000)
  afterAll(() => world.close())

  const board = () => world.seenBy('dana').findLast((it) => it.includes('→')) ?? ''
  const cronJob = () =>
    world.sandbox.kubernetes.read('CronJob', namespace, 'webhook-retry')?.['spec'] as { readonly suspend: boolean }

  it('a CronJob that somebody suspended and resumed by hand is taken over once the plan has said so', async () => {
    await breakWorld(world.sandbox, 'resumed-by-hand')
    await world.succeeds('deploy v1.2.0')
    expect(world.threads()).toContain(
      'kubectl-patch has set spec.suspend of CronJob webhook-retry by hand. This deploy overwrites it.',
    )
    const [{ risks } = {}] = await world.state(
      `select plan -> 'risks' as risks from purser.runs order by number desc limit 1`,
    )
    expect(risks).toEqual([...new Set(risks as string[])])
    expect(cronJob()).toMatchObject({ suspend: false })
  }, 120_000)

  it('a Job that somebody has started is waited for before another one is', async () => {
    await breakWorld(world.sandbox, 'running-job')
    const deploying = world.plays('deploy v1.2.0')
    await world.waitFor(
      'the deploy to wait for it',
      () => /waiting for Job webhook-retry-by-hand of webhook-retry, which still runs \(policy Forbid\)/.test(board()),
      120_000,
    )
    const tried = () =>
      world.sandbox.kubernetes
        .list('Job', namespace)
        .map(({ metadata }) => metadata.name)
        .filter((name) => /^webhook-retry-run-/.test(name))
    const before = tried()
    // Its end lets the deploy go on.
    await mendWorld(world.sandbox, 'running-job')
    expect((await deploying)[0]).toMatchObject({ ok: true })
    expect(tried().filter((name) => !before.includes(name))).toHaveLength(1)
  }, 240_000)

  it('pods that exit twice and then serve are a rollout that succeeds', async () => {
    await world.succeeds('deploy v1.3.0-slowstart')
    expect(world.threads()).not.toContain('CrashLoopBackOff')
  }, 120_000)

  it('a CronJob that its manifest suspends is one that does as it should: for the deploy, a verification and a diagnosis', async () => {
    const outcomes = await world.plays('deploy v1.3.0-suspended; verify; diagnose cronjob')
    expect(outcomes.map(({ ok, why }) => ({ ok, why }))).toEqual([
      { ok: true, why: expect.stringContaining('succeeded') },
      { ok: true, why: expect.any(String) },
      { ok: true, why: expect.stringContaining('no cause found') },
    ])
    expect(cronJob()).toMatchObject({ suspend: true })
    expect(world.threads()).toContain('suspended by its manifest')
    expect(world.seenBy('dana').join('\n')).toContain('7 of 7 success criteria are met')
    // Purser has started a Job of it by hand, and the controller warns of every one of those.
    expect(world.threads()).not.toContain('UnexpectedJob')
  }, 150_000)
})
