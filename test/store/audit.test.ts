import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { auditChainIsWhole } from '../../src/store/audit.ts'
import { knownSecret, openStores, type TestStores } from './stores.ts'

let stores: TestStores
beforeAll(async () => {
  stores = await openStores()
})
beforeEach(() => stores.reset())
afterAll(() => stores.close())

const dana = { actor: 'UDANA', source: 'CDEPLOYS' }

describe('the audit', () => {
  it('tells the whole story of a run, who and from where', async () => {
    const run = await stores.waiting()
    await stores.approve(run)
    await stores.runs.apply(run.number, { type: 'cancel', by: 'UDANA' }, dana)
    const told = (await stores.runs.events(run.number)).map((it) =>
      `${it.actor} ${it.source} ${it.kind} ${it.text}`.trim(),
    )
    expect(told).toEqual([
      'UDANA CDEPLOYS requested deploy v1.2.0 in production',
      'purser worker-1 planned',
      'UALEX CDEPLOYS approved',
      'UDANA CDEPLOYS cancel',
    ])
  })

  it('keeps nothing of a change that was refused', async () => {
    const run = await stores.waiting()
    const before = (await stores.everything())['audit_events']
    await stores.runs.apply(run.number, { type: 'retry', by: 'UDANA' }, dana).catch(() => undefined)
    expect((await stores.everything())['audit_events']).toEqual(before)
  })

  it.each([
    ['changed', `update purser.audit_events set actor = 'USAM'`],
    ['deleted', 'delete from purser.audit_events'],
    ['emptied', 'truncate purser.audit_events'],
  ])('cannot be %s', async (_, sql) => {
    await stores.waiting()
    await expect(stores.pool.query(sql)).rejects.toThrow('append-only')
  })

  it('is one unbroken chain, also when many write at once', async () => {
    const runs = await Promise.all(Array.from({ length: 8 }, () => stores.create()))
    await Promise.all(runs.map(({ run }) => stores.runs.apply(run.number, { type: 'cancel', by: 'UDANA' }, dana)))
    expect(await stores.runs.events(runs[0]?.run.number ?? 0)).toHaveLength(2)
    expect(await auditChainIsWhole(stores.db)).toBe(true)
  })

  it.each([
    ['a word was changed', `update purser.audit_events set text = 'deploy v9.9.9 in production' where id = 2`],
    ['a time was changed', `update purser.audit_events set at = at - interval '1 hour' where id = 2`],
    ['an event was put on another run', 'update purser.audit_events set run = 1 where id = 2'],
    ['an event was taken out', 'delete from purser.audit_events where id = 2'],
    [
      'two events changed places',
      'update purser.audit_events set id = case id when 2 then 9 else 8 end where id in (2, 3)',
    ],
  ])('gives it away when %s by someone with all rights', async (_, sql) => {
    for (let made = 0; made < 4; made += 1) await stores.create()
    expect(await auditChainIsWhole(stores.db)).toBe(true)
    await stores.pool.query('alter table purser.audit_events disable trigger audit_append_only')
    await stores.pool.query('alter table purser.audit_events alter id drop identity')
    await stores.pool.query(sql)
    expect(await auditChainIsWhole(stores.db)).toBe(false)
  })
})

describe('a secret that this process knows, and one that only looks like one', () => {
  const leak = `refused ${knownSecret} and sk_live_51HxAbCdEfGhIjKl at postgres://app:pw-for-app@db/live`

  it('reach no table, by whatever way they come', async () => {
    const { run } = await stores.create({ reason: leak })
    const planning = await stores.claim(run.number, 'plan')
    await stores.phases.report(planning, leak)
    await stores.phases.recordTransientFailure(planning, leak, 0)
    await stores.phases.finish(
      await stores.claim(run.number, 'plan'),
      { type: 'phase_failed', phase: 'plan' },
      { failure: { code: 'x', message: leak, hint: leak, evidence: [leak] }, line: leak },
    )
    const claim = await stores.under('preflight')
    await stores.phases.beginStep(claim, 'run')
    await stores.phases.finishStep(claim, 'run', { deep: [{ inside: leak }] })
    const manifest = { apiVersion: 'batch/v1', kind: 'CronJob', metadata: { name: 'webhook-retry', annotation: leak } }
    const effect = await stores.phases.beginEffect(claim, 'cronjob', 'webhook-retry', async () => ({ manifest }))
    await stores.phases.settleEffect(claim, effect.id, 'applied', { said: leak })
    await stores.phases.post(claim, { kind: 'output', title: leak, lines: [leak] })
    await stores.runs.post(claim.run, { kind: 'note', text: leak })
    await stores.records(claim).recordBackup({
      file: 'f',
      database: leak,
      bytes: 1,
      sha256: '',
      tables: 1,
      finishedAt: '',
    })
    await stores.locks.lock('staging', leak, 'UDANA', 'CDEPLOYS')
    await stores.runs.audit({ run: undefined, ...dana, kind: 'refused', text: leak })
    const stored = JSON.stringify(await stores.everything())
    expect(stored).toContain('[masked]')
    for (const secret of [knownSecret, 'AbCdEfGhIjKl', 'pw-for-app']) expect(stored).not.toContain(secret)
  })

  it('are masked in a log line before it is cut: half a secret is one too', async () => {
    const claim = await stores.under('monitor')
    const line = `${'x'.repeat(2_000 - 12)} ${knownSecret}`
    const group = { fingerprint: 'f', example: line, pod: 'api-1', firstAt: '', lastAt: '', count: 1 }
    await stores.records(claim).watch.addLogs({ groups: [group], pods: [] })
    expect(JSON.stringify(await stores.everything())).not.toContain(knownSecret.slice(0, 10))
  })
})
