import { expect, it } from 'vitest'
import { deploymentState, phaseContext } from './phase-context.ts'

it('a phase that asks for what its test did not expect is told what it was', async () => {
  const { world, records, signal } = phaseContext({ world: { cluster: { deployment: async () => deploymentState() } } })
  expect(await world.cluster.deployment('api', 'api', signal)).toMatchObject({ name: 'valuecanvas-api' })
  expect(() => world.cluster.history('api', 'api', signal)).toThrow('the test did not expect cluster.history')
  expect(() => world.cluster.namespace).toThrow('the test did not expect cluster.namespace')
  expect(() => world.stripe.endpoints(signal)).toThrow('the test did not expect stripe.endpoints')
  expect(() => world.secret('TOKEN')).toThrow('the test did not expect secret TOKEN')
  expect(() => records.effectsOf(42)).toThrow('the test did not expect records.effectsOf')
  expect(() => records.watch.state()).toThrow('the test did not expect records.watch.state')
})

it('steps and changes run what they are given, unless the test says otherwise', async () => {
  const context = phaseContext()
  expect(await context.step('look', async () => 'seen')).toBe('seen')
  const changed = await context.change('stop the pods', {
    kind: 'replicas',
    target: 'api',
    before: async () => ({ replicas: 3 }),
    act: async (before) => ({ replicas: before.replicas - 3 }),
  })
  expect(changed).toEqual({ replicas: 0 })
})
