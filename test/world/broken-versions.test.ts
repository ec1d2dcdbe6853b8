import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { onCallGroup, people } from '../../sandbox/people.ts'
import { plainText } from '../../sandbox/slack/plain-text.ts'
import { snapshotOf } from './snapshot.ts'
import { sessionWith } from '../support/postgres.ts'
import { startTestWorld, type TestWorld } from './test-world.ts'

/** One world for all: each broken version is rolled back before the next, so second and third deploys are tried too. */
describe('a broken version', () => {
  let world: TestWorld
  beforeAll(async () => {
    world = await startTestWorld()
    await world.startBot('purser')
  })
  afterAll(() => world.close())

  async function failsAt(version: string): Promise<{ board: string; phases: readonly string[]; thread: string }> {
    const callingOut = () =>
      ['chat.postMessage', 'chat.update']
        .flatMap((method) => world.sandbox.slack.control.apiCalls(method))
        .filter(({ args }) => JSON.stringify(args).includes(onCallGroup.id)).length
    const before = callingOut()
    const [outcome] = await world.plays(`deploy ${version}`)
    expect(outcome?.ok).toBe(false)
    // One failure calls those on call once, in all messages and edits together.
    expect(callingOut() - before).toBe(1)
    const phases = await world.state(
      `select name, status from purser.phases where run = (select max(number) from purser.runs) order by ordinal`,
    )
    return {
      board: world.seenBy('dana').at(-1) ?? '',
      phases: phases.map((it) => `${String(it['name'])} ${String(it['status'])}`),
      thread: world.threads(),
    }
  }

  const upTo = (...statuses: readonly string[]) =>
    ['plan', 'preflight', 'migrate', 'rollout', 'stripe', 'cronjobs', 'e2e', 'monitor'].map(
      (name, index) => `${name} ${statuses[index] ?? 'pending'}`,
    )
  const ok = 'succeeded'

  it('with a bad migration stops there, names the SQL error, and leaves nothing of that file', async () => {
    const { board, phases, thread } = await failsAt('v1.3.0-badmigration')
    expect(phases).toEqual(upTo(ok, ok, 'failed'))
    expect(board).toContain('column "amount_total" does not exist')
    expect(board).toMatch(/\[Retry phase\].*\[Leave as is\]/)
    expect(thread).toContain('20260201090000_invoice_totals.sql')
    expect(await world.service(`select 1 from purser.migrations where version = '20260201090000'`)).toEqual([])
    // Its first statement had succeeded before the second failed: it is gone too.
    expect(await world.service(`select 1 from pg_tables where tablename = 'invoice_totals'`)).toEqual([])
    expect(snapshotOf(world).image).toBe('valuecanvas/api:v1.1.0')
  }, 180_000)

  it('with an image that cannot be pulled fails within seconds, with the registry’s own words', async () => {
    const before = Date.now()
    const { board, phases, thread } = await failsAt('v1.3.0-badimage')
    expect(Date.now() - before).toBeLessThan(120_000)
    expect(phases).toEqual(upTo(ok, ok, ok, 'failed'))
    expect(board).toContain('manifest unknown')
    expect(board).toMatch(/\[Retry phase\].*\[Roll back…\].*\[Leave as is\]/)
    expect(thread).toContain('@billing-oncall')
    await rollBack()
  }, 270_000)

  it('that crashes shows the last lines of the crashed container', async () => {
    const { board, phases, thread } = await failsAt('v1.3.0-crash')
    expect(phases).toEqual(upTo(ok, ok, ok, 'failed'))
    expect(board).toContain('CrashLoopBackOff')
    expect(thread).toMatch(/Error|Cannot|not found/)
    await rollBack()
  }, 270_000)

  it('whose end-to-end test fails shows the failing check', async () => {
    const { board, phases, thread } = await failsAt('v1.3.0-e2efail')
    expect(phases).toEqual(upTo(ok, ok, ok, ok, ok, ok, 'failed'))
    expect(board).toContain('exited with 1')
    expect(thread).toContain('not ok')
    await rollBack()
  }, 270_000)

  it('that takes a column away names its price first and who is in its way, and no older version may follow it', async () => {
    const report = await sessionWith(
      world.sandbox.serviceDatabaseUrl,
      `set application_name = 'nightly report'; begin; select from invoices where id = 'in_dana'`,
    )
    await world.service(`select pg_sleep(5.1)`)
    const playing = world.plays('deploy v1.4.0-dropscolumn')
    await world.waitFor('the plan', () => world.threads().includes('blocks reads and writes on invoices'))
    const plan = world.threads().slice(world.threads().lastIndexOf('Risks'))
    expect(plan).toMatch(
      /No rollback to v1\.1\.0 after this: it can't run once 20260401090000_one_currency\.sql drops column invoices\.currency/,
    )
    expect(plan).toMatch(
      /invoices is held by pid \d+ \(nightly report, user \w+, idle in transaction, for under a minute\)/,
    )
    expect(plan).toMatch(/20260401090000_one_currency\.sql:2 ban-drop-column/)
    await world.waitFor('the name of the blocker', () =>
      /waits for a lock held by pid \d+ \(nightly report.*invoices where id = \?\. Purser doesn't end it\./.test(
        world.threads(),
      ),
    )
    await report.end()
    expect((await playing)[0]).toMatchObject({ ok: true })

    const before = snapshotOf(world)
    const [run] = await world.state('select max(number)::int as number from purser.runs')
    const { control } = world.sandbox.slack
    await world.types('dana', '/billing rollback')
    const dialog = () => plainText({ text: '', blocks: [...(control.openView(people.dana.id)?.blocks ?? [])] })
    await world.waitFor('a refusal', () => dialog().includes("v1.1.0 can't run on the current schema of production"))
    const number = String(run?.['number'])
    expect(dialog()).toContain(
      `restore the earlier backup: /billing restore #${number}, with the version that ran then`,
    )
    expect(control.openView(people.dana.id)?.['submit']).toBeUndefined()
    await control.closeView(people.dana.id, true)
    const [outcome] = await world.plays('deploy v1.2.0')
    expect(outcome?.ok).toBe(false)
    expect(world.threads()).toContain(
      "v1.2.0 can't run on the current schema of production: 20260401090000_one_currency.sql drops",
    )
    expect(snapshotOf(world)).toEqual(before)
    const releases = await world.state(`select version, schema from purser.releases order by at desc limit 1`)
    expect(releases).toEqual([{ version: 'v1.4.0-dropscolumn', schema: '20260401090000' }])
  }, 360_000)

  it('with an applied migration that was edited since stops at its plan', async () => {
    await world.service(`update purser.migrations set sha256 = repeat('0', 64) where version = '20260101092000'`)
    const [outcome] = await world.plays('deploy v1.4.0-dropscolumn')
    expect(outcome?.ok).toBe(false)
    expect(world.threads()).toContain('20260101092000_grace_periods.sql changed after being applied')
    const [last] = await world.state('select status, failure from purser.runs order by number desc limit 1')
    expect(last).toMatchObject({ status: 'failed', failure: { code: 'migration_drift' } })
  }, 180_000)

  async function rollBack(): Promise<void> {
    await world.succeeds('rollback')
    const { image, cronJobs, secret, endpoints } = snapshotOf(world)
    expect({ image, cronJobs, secret }).toEqual({ image: 'valuecanvas/api:v1.1.0', cronJobs: [], secret: undefined })
    expect(endpoints.map((it) => it.status)).toEqual(['disabled'])
  }
})
