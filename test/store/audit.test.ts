import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { breakText } from '../../src/messages/audit/audit-report.ts'
import { type AuditHead, auditKey } from '../../src/model/audit-chain.ts'
import { append, recordAudit, takeKey } from '../../src/store/audit.ts'
import { type AuditScope, verifyAudit } from '../../src/store/audit-verification.ts'
import type { Sql } from '../../src/store/database.ts'
import { Sensitive } from '../../src/sensitive.ts'
import { knownAuditKey, knownSecret, openStores, type TestStores } from './stores.ts'
import { rewritten, withoutTrigger } from './tampering.ts'

let stores: TestStores
beforeAll(async () => {
  stores = await openStores()
})
beforeEach(() => stores.reset())
afterAll(() => stores.close())

const dana = { actor: 'UDANA', source: 'CDEPLOYS' }
const everything: AuditScope = { kind: 'everything' }
const rightKey = auditKey(new Sensitive(knownAuditKey))
const wrongKey = auditKey(new Sensitive('another-key-0123456789abcdef012345'))

/** What a verification says is wrong, the first first. */
async function breaks(anchors: readonly AuditHead[] = [], scope = everything, keys = stores.db.auditKeys) {
  const db = { auditKeys: keys, snapshot: <T>(work: (sql: Sql) => Promise<T>) => stores.db.snapshot(work) }
  return (await verifyAudit(db, scope, anchors)).breaks.map(breakText)
}

async function head(): Promise<AuditHead> {
  const newest = await stores.runs.auditHead()
  if (newest === undefined) throw new Error('there is no event')
  return { sequence: newest.sequence, hash: newest.hash }
}

/** Twenty commands, a deploy with an approval and two effects that failed, and four that wait for their plan. */
async function something(): Promise<number> {
  const asked = Array.from({ length: 20 }, () => ({
    run: undefined,
    ...dana,
    kind: 'command',
    text: '/billing status',
  }))
  await stores.db.transaction(async (sql) => append(sql, stores.db.auditKeys, await head(), asked))
  const claim = await stores.under('rollout')
  for (const name of ['webhook-retry', 'cleanup']) {
    const { id } = await stores.phases.beginEffect(claim, 'cronjob', name, async () => ({ manifest: null }))
    await stores.phases.settleEffect(claim, id, 'applied', { outcome: 'created' })
  }
  await stores.phases.finish(claim, { type: 'phase_failed', phase: 'rollout' }, {})
  for (let made = 0; made < 4; made += 1) await stores.create()
  return claim.run
}

const tampering = (sql: string) => withoutTrigger(stores, () => stores.pool.query(sql))

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

  it('holds a decision with the hash of its plan, and an effect with what was there before and after', async () => {
    const number = await something()
    const run = await stores.runs.get(number)
    const events = await stores.runs.events(number)
    const approval = { user: 'UALEX', decision: 'approved', planHash: run.planHash, reason: null }
    expect(events.find(({ kind }) => kind === 'approved')?.facts).toMatchObject({ status: 'executing', approval })
    const effects = events.filter(({ kind }) => kind.startsWith('effect_'))
    expect(effects.map(({ kind, text }) => `${kind} ${text}`)).toEqual([
      'effect_started rollout: cronjob webhook-retry',
      'effect_applied rollout: cronjob webhook-retry',
      'effect_started rollout: cronjob cleanup',
      'effect_applied rollout: cronjob cleanup',
    ])
    expect(effects[1]?.facts).toMatchObject({
      effect: { kind: 'cronjob', before: { manifest: null }, after: { outcome: 'created' }, status: 'applied' },
    })
  })

  it('tells of an effect that a rollback put back, in the run whose effect it was', async () => {
    const parent = await something()
    const { run } = await stores.create({ kind: 'verify', environment: 'staging', approvalsNeeded: 0 })
    const claim = await stores.claim(run.number, run.phases[0]?.name ?? 'verify')
    const [effect] = await stores.runs.effects(parent)
    await stores.phases.settleEffect(claim, effect?.id ?? 0, 'undone')
    const [last] = (await stores.runs.events(parent)).slice(-1)
    expect(last).toMatchObject({ kind: 'effect_undone', text: `rollout: cronjob webhook-retry, by run #${run.number}` })
    expect(await breaks()).toEqual([])
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

  it('is one unbroken chain without gaps, also when many write at once and some give up', async () => {
    const runs = await Promise.all(Array.from({ length: 8 }, () => stores.create()))
    const changes = runs.flatMap(({ run }) => [
      stores.runs.apply(run.number, { type: 'cancel', by: 'UDANA' }, dana),
      stores.db
        .transaction(async (sql) => {
          await recordAudit(sql, stores.db, { run: run.number, ...dana, kind: 'told', text: '' })
          throw new Error('given up')
        })
        .catch(() => undefined),
    ])
    await Promise.all(changes)
    expect(await stores.runs.events(runs[0]?.run.number ?? 0)).toHaveLength(2)
    expect(await head()).toMatchObject({ sequence: 1 + 8 + 8 })
    expect(await breaks()).toEqual([])
  })

  it('is appended to with three statements: the lock, the head, the event', async () => {
    const asked: string[] = []
    await stores.db.transaction((sql) => {
      const counting: Sql = { query: (text, values) => (asked.push(text), sql.query(text, values)) }
      return recordAudit(counting, stores.db, { run: undefined, ...dana, kind: 'told', text: '' })
    })
    expect(asked).toHaveLength(3)
  })

  it('tells its head where a run ends: to the caller, and to the thread in the same transaction', async () => {
    const run = await stores.waiting()
    const { ended } = await stores.runs.apply(run.number, { type: 'rejected', by: 'UALEX' }, dana)
    expect(ended).toEqual(await head())
    const posts = (await stores.boards.waiting(run.number)).map(({ post }) => post)
    expect(posts.at(-1)).toEqual({ kind: 'audit_head', ...ended })
    expect((await stores.approve(await stores.waiting())).ended).toBeUndefined()
  })

  it('is verified a batch at a time, and says what was looked at', async () => {
    const told = Array.from({ length: 2_500 }, (_, index) => ({
      run: undefined,
      ...dana,
      kind: 'told',
      text: `${index}`,
    }))
    await stores.db.transaction(async (sql) => append(sql, stores.db.auditKeys, await head(), told))
    const asked: number[] = []
    const counting = {
      auditKeys: stores.db.auditKeys,
      snapshot: <T>(work: (sql: Sql) => Promise<T>) =>
        stores.db.snapshot((sql) =>
          work({
            query: async (text, values) => {
              const answer = await sql.query<never>(text, values)
              asked.push(answer.rows.length)
              return answer
            },
          }),
        ),
    }
    const report = await verifyAudit(counting, everything)
    expect(report).toMatchObject({ from: 1, to: 2_501, keyed: 2_501, unkeyed: 0, breaks: [] })
    expect(Math.max(...asked)).toBe(1_000)
  })
})

describe('somebody with all rights on the database and without the key is found out who', () => {
  it.each([
    ['edits a word', `update purser.audit_events set text = 'deploy v9.9.9' where sequence = 3`, /^Event 3 was edited/],
    ['edits a name', `update purser.audit_events set actor = 'USAM' where sequence = 3`, /^Event 3 was edited/],
    [
      'edits a time',
      `update purser.audit_events set at = at - interval '1 h' where sequence = 3`,
      /^Event 3 was edited/,
    ],
    [
      'edits facts',
      `update purser.audit_events set facts = '{"status":"failed"}' where sequence = 3`,
      /^Event 3 was edited/,
    ],
    [
      'puts an event on another run',
      'update purser.audit_events set run = 77 where sequence = 3',
      /^Event 3 was edited/,
    ],
    [
      'edits the newest',
      `update purser.audit_events set text = 'x' where sequence = (select max(sequence) from purser.audit_events)`,
      /^Event \d+ is forged: Purser wouldn't compute this hash/,
    ],
    ['removes one', 'delete from purser.audit_events where sequence = 3', /^Event 3 is missing\.$/],
    ['removes some', 'delete from purser.audit_events where sequence between 3 and 6', /^Events 3 to 6 are missing\.$/],
    [
      'removes one and closes the gap',
      `delete from purser.audit_events where sequence = 3;
       update purser.audit_events set sequence = sequence + 10000 where sequence > 3;
       update purser.audit_events set sequence = sequence - 10001 where sequence > 3`,
      /^Events before event 3 are missing/,
    ],
    ['removes the first', 'delete from purser.audit_events where sequence <= 2', /^Events 1 to 2 are missing\.$/],
    [
      'lets two change places',
      `update purser.audit_events set sequence = case sequence when 3 then 10004 else 10003 end where sequence in (3, 4);
       update purser.audit_events set sequence = sequence - 10000 where sequence > 10000`,
      /^Event 3 was reordered/,
    ],
    [
      'puts one before the first',
      `alter table purser.audit_events drop constraint audit_events_sequence_check;
       insert into purser.audit_events (sequence, run, at, actor, source, kind, text, previous_hash, hash, format, key_id)
         select 0, run, at, 'USAM', source, kind, text, '', hash, format, key_id from purser.audit_events where sequence = 3`,
      /^Event 0 is forged: its place was taken/,
    ],
    [
      'changes the link',
      `update purser.audit_events set previous_hash = 'x' where sequence = 3`,
      /^Event 3 was edited/,
    ],
    [
      'changes a hash',
      `update purser.audit_events set hash = 'x' where sequence = 3`,
      /^Event 3 is forged: Purser wouldn't compute this hash/,
    ],
    ['removes all', 'delete from purser.audit_events', /^All events are missing/],
    ['empties the table', 'truncate purser.audit_events', /^All events are missing/],
    [
      'removes the newest twenty, which the thread of an ended run has',
      'delete from purser.audit_events where sequence > (select max(sequence) - 20 from purser.audit_events)',
      /^Events \d+ to \d+ are missing: the head is event \d+, and the thread of run #1 has event \d+/,
    ],
    [
      'removes the newest three, of runs that still go on',
      'delete from purser.audit_events where sequence > (select max(sequence) - 3 from purser.audit_events)',
      /^Run #3 is in the tables, but no event records it/,
    ],
    [
      'removes the newest twenty and what the threads have of them',
      `delete from purser.posts; delete from purser.audit_events where sequence > (select max(sequence) - 20 from purser.audit_events)`,
      /^Run #1 is in the tables, but no event records it/,
    ],
    ['writes one at the end', '', /^Event \d+ is forged: Purser wouldn't compute this hash for it/],
  ])('%s', async (_, sql, told) => {
    await something()
    expect(await breaks()).toEqual([])
    if (sql === '') await forgedAtTheEnd()
    else await tampering(sql)
    expect((await breaks())[0]).toMatch(told)
  })

  async function forgedAtTheEnd(): Promise<void> {
    await stores.pool.query(
      `insert into purser.audit_events (sequence, run, at, actor, source, kind, text, previous_hash, hash, format, key_id)
       select sequence + 1, run, at, 'USAM', source, 'approved', '', hash, repeat('ab', 32), format, key_id
       from purser.audit_events order by sequence desc limit 1`,
    )
  }

  it.each([
    ['without a key', [], /^Event 5 is forged: it has no key or an older one/],
    ['with a key of their own', [wrongKey], /^Event 5 is forged: its key isn't in PURSER_AUDIT_KEY/],
    [
      'with a key of their own, under the name of the right one',
      [{ ...wrongKey, id: rightKey.id }],
      /^Event 5 is forged: Purser wouldn't compute this hash/,
    ],
  ])('writes the chain anew from an event on, %s', async (_, keys, told) => {
    await something()
    await rewritten(stores, 5, ({ sequence }) => (sequence === 5 ? { actor: 'USAM' } : {}), keys)
    expect((await breaks())[0]).toMatch(told)
  })

  it('writes the whole chain anew without a key', async () => {
    await something()
    await rewritten(stores, 1, () => ({ actor: 'USAM' }), [])
    expect((await breaks())[0]).toMatch(/^Events after event \d+ are missing: it doesn't have the first key/)
  })

  it.each([
    [
      'the name of an approver',
      `update purser.approvals set user_id = 'USAM'`,
      /^The decision of UALEX on run #1 is gone/,
    ],
    [
      'a decision',
      `update purser.approvals set decision = 'rejected'`,
      /^The decision of UALEX on run #1 \(decision\) differs from event \d+/,
    ],
    [
      'the plan that was approved',
      `update purser.approvals set plan_hash = 'x'`,
      /^The decision of UALEX on run #1 is gone/,
    ],
    [
      'the time of an approval',
      `update purser.approvals set at = at - interval '1 day'`,
      /^The decision .* \(at\) differs from event/,
    ],
    ['an approval: it is gone', 'delete from purser.approvals', /^The decision of UALEX on run #1 is gone/],
    [
      'an approval: there is one more',
      `insert into purser.approvals (run, user_id, decision, plan_hash) select run, 'USAM', decision, plan_hash from purser.approvals`,
      /^The decision of USAM on run #1 is in the tables, but no event/,
    ],
    [
      'what was there before',
      `update purser.effects set "before" = '{"manifest":{}}'`,
      /^Effect 1 \(cronjob webhook-retry\) of run #1 \(before\) differs from event/,
    ],
    [
      'what is there after',
      `update purser.effects set "after" = null where id = 2`,
      /^Effect 2 \(cronjob cleanup\) of run #1 \(after\) differs/,
    ],
    [
      'whether it was put back',
      `update purser.effects set status = 'undone'`,
      /^Effect 1 .* \(status\) differs from event/,
    ],
    [
      'an effect: it is gone',
      'delete from purser.effects where id = 1',
      /^Effect 1 \(cronjob webhook-retry\) of run #1 is gone/,
    ],
    [
      'an effect: there is one more',
      `insert into purser.effects (run, phase, kind, target, "before", status) values (1, 'stripe', 'restart', 'x', '{}', 'applied')`,
      /^Effect 3 \(restart x\) of run #1 is in the tables, but no event/,
    ],
    [
      'the state of a run',
      `update purser.runs set status = 'succeeded' where number = 1`,
      /^Run #1 \(status\) differs from event/,
    ],
    [
      'the plan of a run',
      `update purser.runs set plan_hash = 'x' where number = 1`,
      /^Run #1 \(planHash\) differs from event/,
    ],
    [
      'what the plan of a run holds',
      `update purser.runs set plan = plan || '{"version":"v9.9.9"}' where number = 1`,
      /^Run #1 \(planContent\) differs from event/,
    ],
    [
      'what its thread has of the audit',
      `update purser.posts set post = post || '{"hash":"x"}' where post ->> 'kind' = 'audit_head'`,
      /^Event \d+ was replaced: the thread of run #1 has a different hash/,
    ],
  ])('changes %s', async (_, sql, told) => {
    await something()
    await stores.pool.query(sql)
    expect((await breaks())[0]).toMatch(told)
    expect((await breaks([], { kind: 'run', run: 1 }))[0]).toMatch(told)
  })
})

describe('an anchor from outside', () => {
  it('is compared, and still holds when more has been written', async () => {
    await something()
    const anchor = await head()
    await stores.create()
    expect(await breaks([anchor])).toEqual([])
    expect(await breaks([{ ...anchor, hash: 'ab'.repeat(32) }])).toEqual([
      `Event ${anchor.sequence} was replaced: the given anchor has a different hash for it.`,
    ])
  })

  it('shows that the newest events were cut off, which nothing else in the database can tell', async () => {
    await stores.runs.audit({ run: undefined, ...dana, kind: 'command', text: '/billing status' })
    const anchor = await head()
    await tampering('delete from purser.audit_events where sequence = 2')
    expect(await breaks()).toEqual([])
    expect(await breaks([anchor])).toEqual([
      'Events 2 to 2 are missing: the head is event 1, and the given anchor has event 2.',
    ])
  })

  it('is not needed to see that a chain does not begin as every chain does', async () => {
    await stores.create()
    await rewritten(stores, 1, () => ({ kind: 'command' }), [])
    expect((await breaks([], everything, []))[0]).toMatch(
      /^Event 1 is forged: the chain begins with an event of another kind/,
    )
  })

  it('shows that a chain without a key was written anew, which the chain itself cannot tell', async () => {
    await rewritten(stores, 1, () => ({}), [])
    await stores.db.transaction(async (sql) =>
      recordAudit(
        sql,
        { ...stores.db, auditKeys: [], mask: (value) => value },
        { run: undefined, ...dana, kind: 'a', text: 'b' },
      ),
    )
    const anchor = await head()
    await rewritten(stores, 1, () => ({ actor: 'USAM' }), [])
    expect(await breaks([], everything, [])).toEqual([])
    expect((await breaks([anchor], everything, []))[0]).toMatch(/^Event 2 was replaced/)
  })
})

describe('a key', () => {
  const newKey = auditKey(new Sensitive('the-next-key-0123456789abcdef01234'))

  it('that comes later is taken by an event, and expected from there on', async () => {
    await rewritten(stores, 1, () => ({}), [])
    expect((await breaks())[0]).toMatch(/doesn't have the first key/)
    expect(await stores.db.transaction((sql) => takeKey(sql, stores.db.auditKeys, 'bot-1'))).toMatchObject({
      sequence: 2,
    })
    await stores.create()
    expect(await breaks()).toEqual([])
    expect(await stores.db.transaction((sql) => takeKey(sql, stores.db.auditKeys, 'bot-1'))).toBeUndefined()
  })

  it('is changed by NEW,OLD; the old one makes no event after that', async () => {
    await stores.create()
    await stores.db.transaction((sql) => takeKey(sql, [newKey, rightKey], 'bot-1'))
    expect(await breaks([], everything, [newKey, rightKey])).toEqual([])
    await stores.create()
    expect(await breaks([], everything, [newKey, rightKey])).toEqual([
      expect.stringMatching(/^Event 4 is forged: it has no key or an older one/),
      expect.stringMatching(/^Events after event 4 are missing: it doesn't have the first key/),
    ])
  })

  it('that is not given leaves events unchecked, and the report says how many', async () => {
    await stores.create()
    const db = { auditKeys: [], snapshot: <T>(work: (sql: Sql) => Promise<T>) => stores.db.snapshot(work) }
    expect(await verifyAudit(db, everything)).toMatchObject({ unchecked: 2, hasKey: false })
  })
})

it('the newest events alone show that the places before them were closed up', async () => {
  await something()
  const newest: AuditScope = { kind: 'newest', events: 3 }
  expect(await breaks([], newest)).toEqual([])
  await tampering(
    `delete from purser.posts; delete from purser.audit_events where sequence = 3;
     update purser.audit_events set sequence = sequence + 10000 where sequence > 3;
     update purser.audit_events set sequence = sequence - 10001 where sequence > 3`,
  )
  expect((await breaks([], newest))[0]).toMatch(/^Events before event \d+ are missing|^Event \d+ was reordered/)
})

describe('one run', () => {
  it('is verified by the events from its first to its last and by its rows', async () => {
    await stores.create()
    const number = await something()
    const report = await verifyAudit(stores.db, { kind: 'run', run: number })
    expect(report).toMatchObject({ from: 23, runs: 1, approvals: 1, effects: 2, anchors: 1, breaks: [] })
    expect(report.to).toBeLessThan((await head()).sequence)
    await tampering(`update purser.audit_events set text = 'x' where sequence = 25`)
    expect((await breaks([], { kind: 'run', run: number }))[0]).toMatch(/^Event 25 was edited/)
    expect(await breaks([], { kind: 'run', run: 1 })).toEqual([])
  })

  it('that nobody knows is no sound one', async () => {
    expect(await breaks([], { kind: 'run', run: 99 })).toEqual([
      'Run #99 is unknown: neither the audit nor the tables mention it.',
    ])
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
    await stores.locks.lock({ environment: 'staging', reason: leak, by: 'UDANA', source: 'CDEPLOYS' })
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
