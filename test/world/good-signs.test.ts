import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { kube, paths, restartPods, secretValue, until } from '../../sandbox/breakages/hands.ts'
import { deployment, namespace } from '../../sandbox/world.ts'
import { startTestWorld, type TestWorld } from './test-world.ts'

/** What looks like a good sign and is none: each was once taken for one. */
describe('nothing is taken for a good sign', () => {
  let world: TestWorld
  beforeAll(async () => {
    world = await startTestWorld({ monitorSeconds: 6 })
    await world.startBot('purser', { NODE_OPTIONS: '--trace-warnings' })
  })
  afterAll(() => world.close())

  const lastFailure = async () => {
    const [run] = await world.state('select failure from purser.runs order by number desc limit 1')
    return run?.['failure']
  }

  it('because the migrations of a commit are not where purser.yaml says', async () => {
    const [outcome] = await world.plays('plan v1.3.0-moved')
    expect(outcome?.ok).toBe(false)
    expect(await lastFailure()).toMatchObject({
      code: 'directory_missing',
      hint: expect.stringContaining('database/migrations') as unknown,
    })
    expect(world.seenBy('dana').at(-1)).toContain('database/migrations')
  }, 60_000)

  it('because errors are logged in colours, or name the service in their second line only', async () => {
    const [outcome] = await world.plays('deploy v1.3.0-coloured')
    expect(outcome?.ok).toBe(false)
    expect(await lastFailure()).toMatchObject({ code: 'monitor_breach' })
    const groups = await world.state('select example from purser.log_groups where attempt > 0 order by example')
    expect(groups.map(({ example }) => example)).toEqual([
      "TypeError: Cannot read properties of undefined (reading 'rate') … at convert (/app/src/services/billing/rates.mjs:12:7)",
      'error: billing currency rates refresh failed',
    ])
    expect(world.threads()).toContain('error: billing currency rates refresh failed')
    await world.succeeds('rollback')
  }, 180_000)

  it('because no pod is missing where none is wanted', async () => {
    const scale = (replicas: number) => kube(world.sandbox, 'PATCH', paths.deployment, { spec: { replicas } })
    await scale(0)
    await until('no pods', () => {
      const { status } = world.sandbox.kubernetes.read('Deployment', namespace, deployment) as { status?: object }
      return !('replicas' in (status ?? {}))
    })
    const [outcome] = await world.plays('deploy v1.2.0')
    expect(outcome?.ok).toBe(false)
    expect(world.threads()).toContain(
      `Deployment ${deployment} is scaled to zero. The deploy will wait at its rollout until you scale it up`,
    )
    expect(await lastFailure()).toMatchObject({ code: 'no_pods' })
    expect(world.threads()).not.toContain('0 of 0 pods')
    await scale(3)
    await world.presses('dana', 'retry_phase')
    await world.waitFor(
      'the end',
      () => (world.seenBy('dana').at(-1) ?? '').includes('v1.2.0 → production: succeeded'),
      120_000,
    )
  }, 240_000)

  it('because the right secret stands in the Secret, with a newline that the service does not take off', async () => {
    const held = secretValue(world.sandbox, 'stripe-credentials', 'webhook-secret')
    const padded = Buffer.from(`${Buffer.from(held, 'base64').toString()}\n`).toString('base64')
    const path = `${paths.secret('stripe-credentials')}?fieldManager=kubectl-patch`
    await kube(world.sandbox, 'PATCH', path, { data: { 'webhook-secret': padded } })
    await restartPods(world.sandbox)
    await world.plays('verify')
    const [seen] = await world.state(`select verification from purser.runs where kind = 'verify'`)
    expect(seen?.['verification']).toMatchObject({
      state: expect.arrayContaining([
        expect.objectContaining({
          name: 'endpoint',
          verdict: 'warn',
          value: expect.stringContaining('in Secret stripe-credentials a newline is at its end') as unknown,
        }),
      ]) as unknown,
    })
    await world.succeeds('deploy v1.2.0')
    expect(world.threads()).toContain('In Secret stripe-credentials/webhook-secret a newline is at its end')
    expect(secretValue(world.sandbox, 'stripe-credentials', 'webhook-secret')).toBe(held)
  }, 240_000)
})
