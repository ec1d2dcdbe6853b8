import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { deployPhases } from '../../src/model/phases.ts'
import { planUndo } from '../../src/model/undo-plan.ts'
import { isUndoPlan } from '../../src/model/run.ts'
import { verifyAudit } from '../../src/store/audit-verification.ts'
import { migrateStateDatabase } from '../../src/store/schema.ts'
import { auditEvents } from '../../src/store/audit.ts'
import { breakText } from '../../src/messages/audit/audit-report.ts'
import { boardMessage } from '../../src/messages/board/board.ts'
import { openStores, staleMs, type TestStores } from './stores.ts'
import { tampered } from './tampering.ts'

/** A dump of the state database of the version before the glossary, with a run of every kind and two plans that wait. */
const dump = readFileSync(new URL('../fixtures/state-database-before-redesign.sql', import.meta.url), 'utf8')

let stores: TestStores

beforeAll(async () => {
  stores = await openStores()
  await stores.pool.query('drop schema if exists purser cascade')
  await stores.pool.query(dump)
  // A rollback that waits: it has no phase that plans.
  await stores.pool.query(`update purser.runs set status = 'awaiting_approval', finished_at = null where number = 13`)
  await migrateStateDatabase(stores.pool, stores.db.auditKeys)
})

afterAll(() => stores.close())

it('every run of the former version can be read and drawn', async () => {
  const runs = await stores.runs.list({ limit: 100 })
  expect(runs).toHaveLength(17)
  for (const run of runs) {
    const view = {
      now: new Date(),
      rollbackUntil: undefined,
      onCall: undefined,
      approvers: [],
      pace: {},
      decisions: [],
    }
    expect(boardMessage(run, view).text).toContain(`#${run.number}`)
  }
})

it('what its runs left behind that can be put back is still known', async () => {
  const runs = await stores.runs.list({ limit: 100 })
  const changed = runs.filter(({ hasEffects }) => hasEffects).map(({ number }) => number)
  expect(changed.toSorted((a, b) => a - b)).toEqual([4, 5, 7, 14, 16])
  // The state database answers for many runs at once, a dialog for one: both by the table of kinds.
  for (const { number, hasEffects } of runs)
    expect(planUndo(number, await stores.runs.effects(number), { strict: false }).steps.length > 0).toBe(hasEffects)
})

describe('its audit', () => {
  const former = 'select count(*)::int as count from purser.audit_events where format = 1'

  it('is whole, and taken over by an event with a key that binds the former head', async () => {
    const { rows } = await stores.pool.query<{ count: number }>(former)
    const report = await verifyAudit(stores.db, { kind: 'everything' })
    expect(report).toMatchObject({ breaks: [], former: rows[0]?.count, unkeyed: 0, runs: 17 })
    expect(report.former).toBeGreaterThan(50)
    expect(report.effects).toBeGreaterThan(10)
    const [begun] = (await auditEvents(stores.db)).filter(({ kind }) => kind === 'chain_begun')
    expect(begun).toMatchObject({ sequence: report.former + 1, facts: { former: { sequence: report.former } } })
  })

  it.each([
    [
      'a former event is edited',
      `update purser.audit_events set actor = 'USAM' where sequence = 5`,
      /Event 5 was edited/,
    ],
    ['a former event is removed', 'delete from purser.audit_events where sequence = 5', /Event 5 is missing/],
    [
      'two former events change places',
      `update purser.audit_events set sequence = case sequence when 5 then 90006 else 90005 end where sequence in (5, 6);
       update purser.audit_events set sequence = sequence - 90000 where sequence > 90000`,
      /Event 5 was reordered/,
    ],
    [
      'all that came after it is removed',
      'delete from purser.audit_events where format = 2',
      /Events after event \d+ are missing: it has the previous format/,
    ],
    [
      'an approval of a former run is changed',
      `update purser.approvals set user_id = 'USAM' where run = 1`,
      /The decision of \S+ on run #1 is gone/,
    ],
    [
      'an effect of a former run is changed',
      `update purser.effects set target = 'x' where run = 4`,
      /^Effect \d+ .* of run #4 \(target\)/,
    ],
  ])('gives it away when %s', async (_, sql, told) => {
    const undo = await tampered(stores, sql)
    try {
      const { breaks } = await verifyAudit(stores.db, { kind: 'everything' })
      expect(breaks.map(breakText)[0]).toMatch(told)
    } finally {
      await undo()
    }
  })
})

it('a plan that waited is made again, not obeyed', async () => {
  for (const number of [15, 17]) {
    const run = await stores.runs.get(number)
    expect(run).toMatchObject({ status: 'planning', failure: { code: 'plan_outdated' } })
    expect(run.phases[0]).toMatchObject({ name: 'plan', status: 'queued', attempt: 2 })
    const approve = { type: 'approved', by: 'U0ALEX', planHash: run.planHash ?? '' } as const
    await expect(stores.runs.apply(number, approve, { actor: 'U0ALEX', source: 'C1' })).rejects.toMatchObject({
      code: 'wrong_status',
    })
  }
  const wanted = await stores.sweeps.wantedPhases(staleMs)
  expect(wanted).toContainEqual(expect.objectContaining({ run: 17, phase: 'plan', attempt: 2 }))
})

it('a list of what to undo that waited is not obeyed either: it has to be asked for again', async () => {
  expect(await stores.runs.get(13)).toMatchObject({ status: 'expired', failure: { code: 'plan_outdated' } })
})

it('a phase in the middle is taken up with the steps and the temporary errors that it had', async () => {
  const run = await stores.runs.get(16)
  expect(run.phases.find(({ name }) => name === 'stripe')).toMatchObject({ status: 'running', transientFailures: 1 })
  const claim = await stores.claim(16, 'stripe')
  expect(await stores.phases.beginStep(claim, 'probe before enabling')).toMatchObject({ finished: true })
})

it('the last phase of a restore has its new name, in its steps, effects and posts too', async () => {
  const restore = await stores.runs.get(5)
  expect(restore.phases.map(({ name }) => name)).toEqual(['plan', 'prepare', 'swap', 'check'])
  const { rows } = await stores.pool.query(`
    select 1 from purser.steps where phase = 'look'
    union all select 1 from purser.effects where phase = 'look'
    union all select 1 from purser.posts where post ->> 'phase' = 'look'`)
  expect(rows).toEqual([])
})

it('what a rollback brought back, and what a diagnosis found, is still told', async () => {
  const rollback = await stores.runs.get(6)
  expect(isUndoPlan(rollback.plan) && rollback.plan.rollbackTarget).toMatchObject({ kind: 'seen' })
  expect((await stores.runs.get(12)).watch?.decision?.undo?.rollbackTarget).toBeDefined()
  expect((await stores.runs.get(3)).diagnosis?.findings.length).toBeGreaterThan(3)
})

it('a deploy of the former version has the phases of this one', async () => {
  const names = (await stores.runs.get(1)).phases.map(({ name }) => name)
  expect(names).toEqual(['plan', ...deployPhases.map(({ name }) => name)])
})
