import { readFileSync } from 'node:fs'
import { randomBytes } from 'node:crypto'
import { pino } from 'pino'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { checkAudit } from '../../src/start/audit.ts'
import { verifyAudit } from '../../src/store/audit-verification.ts'
import { StateDatabase, statePool } from '../../src/store/database.ts'
import { migrateStateDatabase } from '../../src/store/schema.ts'
import { RunStore } from '../../src/store/runs.ts'
import { append } from '../../src/store/audit.ts'
import { openStores, type TestStores } from '../store/stores.ts'
import { rewritten, withoutTrigger } from '../store/tampering.ts'
import { ask } from '../support/postgres.ts'

let stores: TestStores
beforeAll(async () => {
  stores = await openStores()
})
beforeEach(() => stores.reset())
afterAll(() => stores.close())

type Line = Record<string, unknown> & { readonly level: number; readonly msg: string }

/** What a start says of the audit. */
async function started(db: StateDatabase): Promise<readonly Line[]> {
  const lines: Line[] = []
  await checkAudit(db, 'bot-1', pino({}, { write: (line: string) => void lines.push(JSON.parse(line) as Line) }))
  return lines
}

const [info, warn, error] = [30, 40, 50]
const texts = (lines: readonly Line[], level: number) =>
  lines.filter((line) => line.level === level).map(({ msg }) => msg)
const unkeyed = () => new StateDatabase(stores.pool, (value) => value, [])

describe('a start', () => {
  it('finds a sound audit sound, and logs its head', async () => {
    await stores.failedAt('rollout')
    const lines = await started(stores.db)
    expect(texts(lines, error)).toEqual([])
    const head = await stores.runs.auditHead()
    expect(lines.find(({ msg }) => msg === 'audit head')).toMatchObject({
      level: info,
      sequence: head?.sequence,
      hash: head?.hash,
    })
  })

  it('warns without a key', async () => {
    await rewritten(stores, 1, () => ({}), [])
    expect(texts(await started(unkeyed()), warn)).toContainEqual(expect.stringContaining("PURSER_AUDIT_KEY isn't set"))
  })

  it('takes a key that is new, and says so', async () => {
    await rewritten(stores, 1, () => ({}), [])
    const lines = await started(stores.db)
    expect(texts(lines, error)).toEqual([])
    expect(texts(lines, warn)).toContainEqual(
      expect.stringContaining('the key of the audit is used from this event on'),
    )
    expect((await verifyAudit(stores.db, { kind: 'everything' })).breaks).toEqual([])
  })

  it('without the key that the audit has, says what will come of it', async () => {
    expect(texts(await started(unkeyed()), error)).toEqual([expect.stringContaining("PURSER_AUDIT_KEY isn't set")])
  })

  it.each([
    [
      'edited',
      `update purser.audit_events set text = 'x' where sequence = 3`,
      /^the audit is broken: Event 3 was edited/,
    ],
    [
      'cut off',
      'delete from purser.audit_events where sequence > 3',
      /^the audit is broken: Events 4 to \d+ are missing/,
    ],
    ['emptied', 'delete from purser.audit_events', /^the audit is broken: All events are missing/],
  ])('logs an error that names the first break when the audit was %s, and goes on', async (_, sql, told) => {
    await stores.failedAt('rollout')
    await withoutTrigger(stores, () => stores.pool.query(sql))
    expect(texts(await started(stores.db), error)).toEqual([expect.stringMatching(told)])
  })

  it('looks at the newest thousand events', async () => {
    const told = Array.from({ length: 1_500 }, () => ({
      run: undefined,
      actor: 'a',
      source: '',
      kind: 'told',
      text: '',
    }))
    await stores.db.transaction(async (sql) => append(sql, stores.db.auditKeys, await stores.runs.auditHead(), told))
    await withoutTrigger(stores, () =>
      stores.pool.query(`update purser.audit_events set actor = 'b' where sequence = 300`),
    )
    expect(texts(await started(stores.db), error)).toEqual([])
    await withoutTrigger(stores, () =>
      stores.pool.query(`update purser.audit_events set actor = 'b' where sequence = 600`),
    )
    expect(texts(await started(stores.db), error)).toEqual([expect.stringContaining('Event 600 was edited')])
  })

  it('looks at how the chain began, however long ago', async () => {
    const told = Array.from({ length: 1_500 }, () => ({
      run: undefined,
      actor: 'a',
      source: '',
      kind: 'told',
      text: '',
    }))
    await stores.db.transaction(async (sql) => append(sql, stores.db.auditKeys, await stores.runs.auditHead(), told))
    await withoutTrigger(stores, () =>
      stores.pool.query(`update purser.audit_events set actor = 'b' where sequence = 1`),
    )
    expect(texts(await started(stores.db), error)).toEqual([expect.stringContaining('Event 1 is forged')])
    await withoutTrigger(stores, () => stores.pool.query('delete from purser.audit_events where sequence <= 100'))
    expect(texts(await started(stores.db), error)).toEqual([expect.stringContaining('are missing')])
  })
})

describe('the table of audit events', () => {
  it('that belongs to the role of the app is told at the start', async () => {
    expect(texts(await started(stores.db), warn)).toEqual([
      "the app's role owns the audit table: it could disable the trigger (docs/audit.md)",
    ])
  })

  it('that was given to another role by the SQL of docs/audit.md takes nothing but new events from the app', async () => {
    const suffix = randomBytes(4).toString('hex')
    const [app, owner] = [`purser_app_${suffix}`, `purser_audit_${suffix}`]
    const page = readFileSync(new URL('../../docs/audit.md', import.meta.url), 'utf8')
    const sql = (/```sql\n([\s\S]*?)```/.exec(page)?.[1] ?? '')
      .replaceAll('purser_audit', owner)
      .replaceAll(/\b(to|from) purser;/g, `$1 ${app};`)
    expect(sql).toContain(`owner to ${owner}`)
    await stores.pool.query('drop schema purser cascade')
    await stores.pool.query(`create role ${app} login password 'app'`)
    await stores.pool.query(
      `do $$ begin execute format('grant create on database %I to ${app}', current_database()); end $$`,
    )
    const url = new URL(stores.url)
    url.username = app
    url.password = 'app'
    const pool = statePool(url.href, () => undefined)
    try {
      const db = new StateDatabase(pool, (value) => value, stores.db.auditKeys)
      await migrateStateDatabase(pool, db.auditKeys)
      expect(texts(await started(db), warn)).toEqual([expect.stringContaining("the app's role owns the audit table")])
      await ask(stores.url, sql)
      expect(texts(await started(db), warn)).toEqual([])

      await new RunStore(db).audit({ run: undefined, actor: 'UDANA', source: 'C', kind: 'command', text: 'status' })
      for (const refused of [
        `update purser.audit_events set actor = 'USAM'`,
        'delete from purser.audit_events',
        'truncate purser.audit_events',
        'alter table purser.audit_events disable trigger audit_append_only',
        'alter table purser.audit_events disable trigger all',
        'drop trigger audit_append_only on purser.audit_events',
        'drop table purser.audit_events',
        'drop schema purser cascade',
        'alter table purser.audit_events owner to current_user',
        `set role ${owner}`,
        `create or replace function purser.refuse_change() returns trigger language plpgsql as $$ begin return null; end $$`,
      ])
        await expect(pool.query(refused), refused).rejects.toThrow(
          /permission denied|must be owner|must be (?:a )?member|append-only/,
        )
      // PostgreSQL only warns that nothing was granted.
      await pool.query(`grant update, delete, truncate on purser.audit_events to ${app}`)
      expect(texts(await started(db), warn)).toEqual([])
      // The next start finds nothing to migrate, and the other tables are the app's own.
      await migrateStateDatabase(pool, db.auditKeys)
      await pool.query('alter table purser.locks add column tried text')
      expect((await verifyAudit(db, { kind: 'everything' })).breaks).toEqual([])
    } finally {
      await pool.end()
      await stores.pool.query('drop schema purser cascade')
      await stores.pool.query(`drop owned by ${app}, ${owner}; drop role ${app}, ${owner}`)
    }
  })
})
