import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { phaseEffects } from '../../src/store/effects.ts'
import { openStores, type TestStores } from './stores.ts'

let stores: TestStores
beforeAll(async () => {
  stores = await openStores()
})
beforeEach(() => stores.reset())
afterAll(() => stores.close())

it('what runs did to endpoints is read from a time on, of the own run too, and of this environment only', async () => {
  const claim = await stores.under('stripe')
  const { run } = claim
  const before = JSON.stringify({ id: 'we_1', enabledEvents: ['invoice.paid'], status: 'enabled' })
  const insert = `insert into purser.effects (run, phase, kind, target, "before", status, at, settled_at)
    values ($1, 'stripe', $2, $3, $4, 'undone', now() - make_interval(mins => $5), now() - make_interval(mins => $6))`
  await stores.pool.query(insert, [run, 'stripe-endpoint', 'recent', before, 5, 4])
  await stores.pool.query(insert, [run, 'stripe-endpoint', 'put back since', before, 90, 4])
  await stores.pool.query(insert, [run, 'stripe-endpoint', 'long ago', before, 90, 80])
  const since = new Date(Date.now() - 3_600_000)
  const targets = async (environment: string) =>
    (await phaseEffects(stores.phases.fence(claim, environment)).endpointEffects(since)).map(({ target }) => target)
  expect(await targets('production')).toEqual(['recent', 'put back since'])
  expect(await targets('staging')).toEqual([])
})
