import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { deployment, namespace } from '../../sandbox/world.ts'
import { standingOf, type Standing } from './standing.ts'
import { startTown, type Town } from './town.ts'

describe('when the world has changed since the plan was approved', () => {
  let town: Town
  let before: Standing
  beforeAll(async () => {
    town = await startTown({ monitorSeconds: 3 })
    await town.startBot('purser')
    before = standingOf(town)
  })
  afterAll(() => town.close())

  const board = () => town.seenBy('dana').findLast((it) => it.includes('→')) ?? ''

  async function planned(): Promise<void> {
    await town.types('dana', '/billing deploy v1.2.0')
    await town.waitFor('the plan', () => board().includes('waiting for approval'))
  }

  async function askedAgain(why: RegExp): Promise<void> {
    await expect
      .poll(
        async () =>
          (
            await town.state('select count(*)::int as count from purser.audit_events where kind = $$plan_outdated$$')
          )[0]?.['count'],
        { timeout: 30_000 },
      )
      .toBeGreaterThan(0)
    await town.waitFor('the question', () => board().includes('waiting for approval') && why.test(board()))
    expect(standingOf(town)).toEqual({ ...before, image: standingOf(town).image })
    expect(await town.service(`select 1 from pg_tables where tablename = 'grace_periods'`)).toEqual([])
  }

  it('a moved image tag stops the run before anything happens, and it asks again', async () => {
    await planned()
    const approvedDigest = town.world.registry.digestOf('valuecanvas/api', 'v1.2.0')
    const [commit] = await town.state(`select plan->'commit'->>'sha' as sha from purser.runs where number = 1`)
    town.world.registry.push({
      repository: 'valuecanvas/api',
      tag: 'v1.2.0',
      revision: String(commit?.['sha']),
      platforms: ['linux/amd64'],
    })
    expect(town.world.registry.digestOf('valuecanvas/api', 'v1.2.0')).not.toBe(approvedDigest)
    await town.presses('alex', 'approve')
    await askedAgain(/image tag v1\.2\.0 moved/)
    await town.presses('alex', 'reject')
    await town.waitFor('the end', () => board().includes('rejected'))
  }, 60_000)

  it('somebody else changing the deployment stops the run, and it asks again', async () => {
    await planned()
    const { url, token } = town.world.kubernetes
    const answer = await fetch(`${url}/apis/apps/v1/namespaces/${namespace}/deployments/${deployment}`, {
      method: 'PATCH',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/merge-patch+json' },
      body: JSON.stringify({ spec: { template: { metadata: { annotations: { 'somebody/else': 'was here' } } } } }),
    })
    expect(answer.status).toBe(200)
    await town.presses('alex', 'approve')
    await askedAgain(/someone else changed deployment valuecanvas-api/)
  }, 60_000)

  it('the new plan can be approved, by the same person, and goes through', async () => {
    await town.presses('alex', 'approve')
    await town.waitFor('the end', () => /: (succeeded|failed)/.test(board()), 90_000)
    expect(board()).toContain(': succeeded')
  }, 120_000)
})
