import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { phaseSamples } from '../../src/store/samples.ts'
import { openStores, type TestStores } from './stores.ts'

let stores: TestStores
beforeAll(async () => {
  stores = await openStores()
})
beforeEach(() => stores.reset())
afterAll(() => stores.close())

describe('test events that a service had to refuse', () => {
  it('are known from the steps and checks of every run of the environment, the newest first', async () => {
    const ago = (minutes: number) => new Date(Date.now() - minutes * 60_000).toISOString()
    const probes = [3, 20, 90].map((minutes) => ({ at: ago(minutes), unsigned: 400, madeUp: 400 }))
    const claim = await stores.under('stripe')
    for (const [index, refused] of probes.entries()) {
      await stores.phases.beginStep(claim, `probe ${index}`)
      await stores.phases.finishStep(claim, `probe ${index}`, { status: 200, refused })
    }
    await stores.phases.beginStep(claim, 'nothing')
    await stores.phases.finishStep(claim, 'nothing', null)
    const { refusedProbes } = phaseSamples(stores.phases.fence(claim, 'production'))
    expect(await refusedProbes(new Date(ago(60)))).toEqual(probes.slice(0, 2))
  })

  it('are announced before they are posted, for every run of the environment', async () => {
    const claim = await stores.under('stripe')
    const { announceTestEvent, testEventsSince } = phaseSamples(stores.phases.fence(claim, 'production'))
    const before = new Date(Date.now() - 60_000)
    await announceTestEvent()
    await stores.pool.query(
      `insert into purser.test_events values ('staging', 'billing', now()), ('production', 'other', now())`,
    )
    await stores.pool.query(
      `update purser.test_events set posted_at = now() - interval '2 days' where environment = 'production'`,
    )
    await announceTestEvent()
    const [posted, ...others] = await testEventsSince(before)
    expect(others).toEqual([])
    expect(Math.abs(Date.now() - (posted?.getTime() ?? 0))).toBeLessThan(60_000)
    const { rows } = await stores.pool.query(`select environment, service from purser.test_events order by 1, 2`)
    expect(rows).toHaveLength(3)
  })

  it('are outdated once a phase or a diagnosis has seen that the service takes them', async () => {
    const claim = await stores.under('stripe')
    const { sawUnchecked } = phaseSamples(stores.phases.fence(claim, 'production'))
    const since = new Date(Date.now() - 60_000)
    await expect(sawUnchecked(since)).resolves.toBe(false)
    const failure = (code: string) =>
      stores.pool.query(
        `update purser.phases set failure = $2, finished_at = now() where run = $1 and name = 'stripe'`,
        [claim.run, JSON.stringify({ code })],
      )
    await failure('probe_refused')
    await expect(sawUnchecked(since)).resolves.toBe(false)
    await failure('unsigned_accepted')
    await expect(sawUnchecked(since)).resolves.toBe(true)
    await expect(sawUnchecked(new Date(Date.now() + 60_000))).resolves.toBe(false)
    await failure('probe_refused')
    const causes = [{ code: 'signatures_unchecked' }]
    await stores.pool.query(`update purser.runs set diagnosis = $2 where number = $1`, [
      claim.run,
      JSON.stringify({ at: new Date().toISOString(), causes }),
    ])
    await expect(sawUnchecked(since)).resolves.toBe(true)
  })
})
