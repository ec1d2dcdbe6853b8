import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { verifyAudit } from '../../src/store/audit-verification.ts'
import { pruneDetails } from '../../src/store/retention.ts'
import { openStores, type TestStores } from './stores.ts'

let stores: TestStores
beforeAll(async () => {
  stores = await openStores()
})
beforeEach(() => stores.reset())
afterAll(() => stores.close())

const pruned = ['steps', 'posts', 'samples', 'log_groups', 'log_pods']
const at = new Date('2026-01-05T14:20:00Z')

/** A deploy whose phase `monitor` left a row of each kind, and which was then left as it is. */
async function watchedAndLeft(): Promise<number> {
  const claim = await stores.under('monitor')
  await stores.phases.beginStep(claim, 'one')
  await stores.phases.finishStep(claim, 'one', {})
  const records = stores.records(claim)
  await records.watch.begin(at, at)
  await records.recordSamples([{ metric: 'errors', at, value: 1 }], 'before')
  await records.recordSamples([{ metric: 'errors', at: new Date(at.getTime() + 1_000), value: 2 }])
  await records.watch.addLogs({
    groups: [{ fingerprint: 'a', example: 'an error', pod: 'api-1', firstAt: 'a', lastAt: 'a', count: 1 }],
    pods: [{ pod: 'api-1', stamp: 'a', errors: 1 }],
  })
  const { id } = await stores.phases.beginEffect(claim, 'cronjob', 'cleanup', async () => ({ manifest: null }))
  await stores.phases.settleEffect(claim, id, 'applied', { outcome: 'created' })
  await stores.phases.finish(claim, { type: 'phase_failed', phase: 'monitor' }, {})
  await stores.runs.apply(claim.run, { type: 'leave', by: 'UDANA' }, { actor: 'UDANA', source: 'CDEPLOYS' })
  return claim.run
}

async function shownDaysAgo(run: number, days: number): Promise<void> {
  await stores.pool.query('update purser.posts set posted_at = now() where run = $1', [run])
  await stores.pool.query(
    `update purser.runs set board_rev = rev, finished_at = now() - make_interval(days => $2) where number = $1`,
    [run, days],
  )
}

async function rowsOf(run: number): Promise<Readonly<Record<string, number>>> {
  const counts = pruned.map(async (table) => {
    const { rows } = await stores.pool.query<{ n: number }>(
      `select count(*)::int as n from purser.${table} where run = $1`,
      [run],
    )
    return [table, rows[0]?.n ?? 0] as const
  })
  return Object.fromEntries(await Promise.all(counts))
}

it('removes the details of a run that ended long ago, and nothing that the audit is compared with', async () => {
  const run = await watchedAndLeft()
  await shownDaysAgo(run, 91)
  const before = await stores.everything()
  expect(await pruneDetails(stores.db, 90)).toBe(1)
  // Of the posts those stay that tell the audit's head, and of the samples the baseline.
  expect(await rowsOf(run)).toEqual({ steps: 0, posts: 2, samples: 1, log_groups: 0, log_pods: 0 })
  expect((await stores.runs.get(run)).detailsRemovedAt).toBeInstanceOf(Date)
  const after = await stores.everything()
  for (const table of ['audit_events', 'effects', 'approvals', 'phases', 'watches', 'backups', 'releases'])
    expect(after[table]).toEqual(before[table])
  const report = await verifyAudit(stores.db, { kind: 'everything' }, [])
  expect(report.breaks).toEqual([])
  expect(report).toMatchObject({ anchors: 2 })
  expect(await pruneDetails(stores.db, 90)).toBe(0)
})

it.each<[string, (run: number) => Promise<unknown>]>([
  ['that ended a short while ago', (run) => shownDaysAgo(run, 89)],
  [
    'whose board lags behind',
    async (run) => {
      await shownDaysAgo(run, 91)
      await stores.pool.query('update purser.runs set rev = rev + 1 where number = $1', [run])
    },
  ],
  [
    'of which a post waits',
    async (run) => {
      await shownDaysAgo(run, 91)
      await stores.pool.query('update purser.posts set posted_at = null where run = $1', [run])
    },
  ],
  [
    'that failed and may be retried',
    async (run) => {
      await shownDaysAgo(run, 91)
      await stores.pool.query(`update purser.runs set status = 'failed' where number = $1`, [run])
    },
  ],
])('keeps all of a run %s', async (_, make) => {
  const run = await watchedAndLeft()
  await make(run)
  const before = await rowsOf(run)
  expect(await pruneDetails(stores.db, 90)).toBe(0)
  expect(await rowsOf(run)).toEqual(before)
})

it('prunes a verification that failed, which nobody decides about', async () => {
  const { run } = await stores.create({ kind: 'verify', approvalsNeeded: 0 })
  const claim = await stores.claim(run.number, 'verify')
  await stores.phases.finish(claim, { type: 'phase_failed', phase: 'verify' }, {})
  await shownDaysAgo(run.number, 91)
  expect(await pruneDetails(stores.db, 90)).toBe(1)
  await stores.runs.apply(run.number, { type: 'retry', by: 'UDANA' }, { actor: 'UDANA', source: 'CDEPLOYS' })
  expect((await stores.runs.get(run.number)).detailsRemovedAt).toBeUndefined()
})

it('prunes a failed deploy once it was rolled back', async () => {
  const run = await watchedAndLeft()
  await shownDaysAgo(run, 91)
  await stores.pool.query(`update purser.runs set status = 'failed' where number = $1`, [run])
  const { run: rollback } = await stores.create({ kind: 'rollback', parent: run })
  expect(await pruneDetails(stores.db, 90)).toBe(0)
  await stores.pool.query(`update purser.runs set status = 'succeeded' where number = $1`, [rollback.number])
  expect(await pruneDetails(stores.db, 90)).toBe(1)
})

it('keeps the baselines of the newest ten runs of an environment, however old', async () => {
  const runs: number[] = []
  for (let made = 0; made < 12; made += 1) {
    const run = await watchedAndLeft()
    await shownDaysAgo(run, 200 - made)
    runs.push(run)
  }
  expect(await pruneDetails(stores.db, 90)).toBe(12)
  const { rows } = await stores.pool.query<{ run: string }>(`select run from purser.samples order by run`)
  expect(rows.map(({ run }) => Number(run))).toEqual(runs.slice(2))
})
