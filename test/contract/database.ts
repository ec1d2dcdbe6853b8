import { createHash } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import type { ApplyMigration, MigrationFile, ServiceDatabase } from '../../src/adapters/postgres/port.ts'
import type { Major } from '../../sandbox/postgres/home.ts'
import { ask, sessionWith, startTestPostgres, type TestPostgres } from '../support/postgres.ts'

const never = new AbortController().signal

export function migrationFile(name: string, sql: string): MigrationFile {
  return { version: name.split('_')[0] ?? '', name, sha256: createHash('sha256').update(sql).digest('hex'), sql }
}

export function migration(name: string, sql: string, more: Partial<ApplyMigration> = {}): ApplyMigration {
  const file = migrationFile(name, sql)
  return { file, run: 42, release: 'v1.2.0', lockTimeoutMs: 1_000, statementTimeoutMs: 20_000, ...more }
}

/** What every ServiceDatabase promises, on the server of TEST_DATABASE_URL or on our own; of this major, if one is asked for. */
export function databaseContract(name: string, open: (url: string) => ServiceDatabase, major?: Major): void {
  describe(name, () => {
    let postgres: TestPostgres
    let url: string
    let database: ServiceDatabase

    beforeAll(async () => {
      postgres = await startTestPostgres(major)
    }, 60_000)
    afterAll(() => postgres.close())
    beforeEach(async () => {
      url = await postgres.database()
      database = open(url)
    })

    it('tells what kind of server it talks to', async () => {
      const facts = await database.facts(never)
      expect(facts).toMatchObject({ transactionPooled: false, inRecovery: false })
      expect(facts.database).toBe(new URL(url).pathname.slice(1))
      expect(facts.serverVersionNumber).toBeGreaterThan(130_000)
      expect(facts.sizeBytes).toBeGreaterThan(1_000_000)
    })

    it('tells the database from every other one, and the server by what its databases share', async () => {
      const [here, again] = [await database.identity(never), await open(url).identity(never)]
      expect(here).toEqual(again)
      expect(here.database).toBe(new URL(url).pathname.slice(1))
      expect(here.address).toBe(new URL(url).host)
      expect(here.systemIdentifier).toMatch(/^\d{10,}$/)
      const beside = await open(await postgres.database()).identity(never)
      expect(beside.systemIdentifier).toBe(here.systemIdentifier)
      expect(beside.oid).not.toBe(here.oid)
    })

    it('says nothing of the server to whoever may not ask, and fails at nothing', async () => {
      const revoked = 'revoke execute on function pg_control_system() from public'
      const granted = 'grant execute on function pg_control_system() to public'
      const role = `stranger_${Date.now()}`
      await ask(url, `${revoked}; create role ${role} login password 'x'`)
      try {
        const as = new URL(url)
        as.username = role
        as.password = 'x'
        expect(await open(as.href).identity(never)).toEqual({
          ...(await database.identity(never)),
          systemIdentifier: undefined,
        })
      } finally {
        await ask(url, `${granted}; drop role ${role}`)
      }
    })

    it('applies a migration once, with its row in the ledger', async () => {
      const audit = migration(
        '20260101_audit.sql',
        'create table audit (id bigint); create table audit_more (id bigint);',
      )
      expect(await database.ledger(never)).toEqual([])
      expect((await database.apply(audit, never)).outcome).toBe('applied')
      expect((await database.apply(audit, never)).outcome).toBe('already_applied')
      const { version, name: fileName, sha256 } = audit.file
      expect(await database.ledger(never)).toMatchObject([{ version, name: fileName, sha256 }])
      expect(await database.missingTables(['audit', 'public.audit_more', 'grace_periods'], never)).toEqual([
        'grace_periods',
      ])
    })

    it('leaves nothing behind, not even a ledger, when a later statement fails', async () => {
      const sql = 'create table totals (id bigint);\n\ninsert into totals\nselect amount_total from pg_class;'
      await expect(database.apply(migration('20260201_totals.sql', sql), never)).rejects.toMatchObject({
        code: 'undefined_column',
        sqlState: '42703',
        transient: false,
        evidence: [expect.stringContaining('42703'), 'LINE 4: select amount_total from pg_class;', '               ^'],
      })
      expect(await database.missingTables(['totals'], never)).toEqual(['totals'])
      expect(await ask(url, `select nspname from pg_namespace where nspname = 'purser'`)).toEqual([])
    })

    it('stops at a migration whose text changed after it was applied', async () => {
      await database.apply(migration('1_a.sql', 'create table a (id bigint)'), never)
      const edited = migration('1_a.sql', 'create table a (id bigint, extra text)')
      await expect(database.apply(edited, never)).rejects.toMatchObject({ code: 'migration_drift' })
    })

    it.each([
      [
        'create table b (id bigint);\nCOMMIT;\ncreate table c (id bigint)',
        'line 2 begins or ends a transaction of its own',
      ],
      ['begin;\ncreate table b (id bigint);\nend; select 1', 'line 1 begins or ends a transaction of its own'],
    ])('refuses a file that would escape its transaction: %j', async (sql, why) => {
      await expect(database.apply(migration('1_b.sql', sql), never)).rejects.toMatchObject({
        code: 'migration_not_transactional',
        message: expect.stringContaining(why),
      })
      expect(await database.missingTables(['b'], never)).toEqual(['b'])
    })

    it('builds indexes concurrently, statement by statement, and goes on where a try was broken off', async () => {
      await ask(url, `create table orders as select n as id, n % 7 as kind from generate_series(1, 2000) n`)
      const sql = `create table notes (id bigint);
        -- while billing goes on
        create index concurrently orders_id on orders (id);
        create unique index concurrently "Odd kind" on public.orders (kind);
        insert into notes values (1);
        drop index concurrently orders_id;`
      const file = migration('20260301_indexes.sql', sql)
      const error: unknown = await database.apply(file, never).catch((thrown: unknown) => thrown)
      expect(error).toMatchObject({
        code: 'unique_violation',
        message: expect.stringMatching(/statement 3 of 5, line 4\. Those before it are done/),
        evidence: expect.arrayContaining([expect.stringMatching(/index public."Odd kind" is left invalid/)]),
      })
      expect(await database.invalidIndexes(never)).toEqual(['public."Odd kind"'])
      expect(await database.ledger(never)).toEqual([])

      await ask(url, 'update orders set kind = id')
      expect((await database.apply(file, never)).outcome).toBe('applied')
      expect(await database.invalidIndexes(never)).toEqual([])
      expect(await ask(url, 'select count(*)::int as n from notes')).toEqual([{ n: 1 }])
      expect(await ask(url, `select indexname from pg_indexes where tablename = 'orders'`)).toEqual([
        { indexname: 'Odd kind' },
      ])
      expect((await database.apply(file, never)).outcome).toBe('already_applied')
    })

    it('does nothing twice when it died between a statement and its note', async () => {
      await ask(url, `create table orders as select n as id from generate_series(1, 10) n`)
      const sql = `create index concurrently orders_id on orders (id); insert into orders values (11); drop index concurrently orders_id`
      const { sha256 } = migrationFile('x', sql)
      // The places of statements that are done; of one that was begun, -1 less its place.
      for (const [died, notes] of [
        ['select', []],
        ['create index orders_id on orders (id)', [-1]],
        ['drop index if exists orders_id', [-1, 0, -3]],
      ] as const) {
        await ask(url, died)
        for (const note of notes)
          await ask(url, `insert into purser.migration_statements values ('20260302', '${sha256}', ${note})`)
        await database.apply(migration('20260302_died.sql', sql), never)
        expect(await ask(url, 'select count(*)::int as n from orders')).toEqual([{ n: 11 }])
        await ask(url, `delete from orders where id = 11; truncate purser.migrations, purser.migration_statements`)
      }
    })

    it.each([
      ['an index that stands already', 'create index concurrently orders_id on orders (id)', 'already_exists'],
      ['a lack of one', 'drop index concurrently orders_kind', 'database_failed'],
    ])('does not take %s for its own work', async (_, sql, code) => {
      await ask(url, 'create table orders (id int, kind int); create index orders_id on orders (kind)')
      await expect(database.apply(migration('1_i.sql', sql), never)).rejects.toMatchObject({ code })
      await expect(database.apply(migration('1_i.sql', `select 1; ${sql}`), never)).rejects.toMatchObject({ code })
    })

    it.each([
      ['create index concurrently on b (id)', 'line 1 builds an index without a name'],
      ['select 1; drop subscription s', 'line 1 could not be tried again'],
    ])('refuses what could not be told apart after a crash: %j', async (sql, why) => {
      await expect(database.apply(migration('1_b.sql', sql), never)).rejects.toMatchObject({
        code: 'migration_not_repeatable',
        message: expect.stringContaining(why),
      })
    })

    it('takes a file that is one transaction as meant: together with its row in the ledger', async () => {
      const sql = '-- as a tool writes it\nBEGIN;\n\ncreate table b (id bigint);\nselect missing from b;\nCOMMIT;\n'
      await expect(database.apply(migration('1_b.sql', sql), never)).rejects.toMatchObject({
        evidence: expect.arrayContaining([expect.stringMatching(/LINE 5/)]),
      })
      expect(await database.missingTables(['b'], never)).toEqual(['b'])
      const right = migration('1_b.sql', sql.replace('missing', 'id'))
      expect((await database.apply(right, never)).outcome).toBe('applied')
      expect(await database.ledger(never)).toMatchObject([{ name: '1_b.sql', sha256: right.file.sha256 }])
    })

    it('goes on in a new session as if it were the first: what the file has set is set again', async () => {
      await ask(
        url,
        `create schema billing;
        create table public.payments as select n as id, n % 3 as ref from generate_series(1, 30) n;
        create table billing.payments (like public.payments); insert into billing.payments select * from public.payments`,
      )
      const sql = 'set search_path to billing; create unique index concurrently payments_ref on payments (ref)'
      await expect(database.apply(migration('1_i.sql', sql), never)).rejects.toMatchObject({ code: 'unique_violation' })
      await ask(url, 'update billing.payments set ref = id')
      expect((await database.apply(migration('1_i.sql', sql), never)).outcome).toBe('applied')
      expect(await ask(url, `select schemaname from pg_indexes where indexname = 'payments_ref'`)).toEqual([
        { schemaname: 'billing' },
      ])
    })

    it.each([
      ['as a whole', 'set role ROLE; create table theirs (id bigint)'],
      [
        'statement by statement',
        'set role ROLE; create table theirs (id bigint); create index concurrently i on theirs (id)',
      ],
    ])('writes its ledger as itself, whatever role a file has left: run %s', async (_how, sql) => {
      const role = `app_${Date.now()}`
      await ask(url, `create role ${role}; grant create, usage on schema public to ${role}`)
      try {
        await database.apply(migration('1_role.sql', sql.replace('ROLE', role)), never)
        const [row] = await ask(url, `select applied_by, session_user as us from purser.migrations`)
        expect(row).toMatchObject({ applied_by: new URL(url).username })
        expect(await ask(url, `select tableowner from pg_tables where tablename = 'theirs'`)).toEqual([
          { tableowner: role },
        ])
      } finally {
        await ask(url, `drop owned by ${role}; drop role ${role}`)
      }
    })

    it.each([
      ['set lock_timeout = 0; alter table busy add column more text'],
      ['vacuum full busy'],
      ['cluster busy using busy_pkey; vacuum busy'],
      ['alter table busy_parts detach partition busy concurrently'],
    ])('keeps nobody waiting behind a lock that it cannot get: %s', async (sql) => {
      await ask(url, 'create table busy (id bigint primary key)')
      if (sql.includes('detach'))
        await ask(
          url,
          `create table busy_parts (id bigint primary key) partition by range (id);
           alter table busy_parts attach partition busy for values from (1) to (9)`,
        )
      const holder = await sessionWith(url, 'begin; select * from busy')
      const retries: number[] = []
      const onRetry = (attempt: number): void => {
        retries.push(attempt)
        void holder.end()
      }
      const file = migration('1_busy.sql', sql, { lockTimeoutMs: 300, onRetry })
      expect((await database.apply(file, never)).outcome).toBe('applied')
      expect(retries).toEqual([1])
    })

    it.each([
      ['set local lock_timeout = 0', '1s'],
      ["set lock_timeout = '100ms'", '100ms'],
      ["select set_config('lock_timeout', '0', false)", '1s'],
      ["select set_config('lock_timeout', '100ms', false)", '100ms'],
      ["update pg_settings set setting = '0' where name = 'lock_timeout'", '1s'],
      ['reset all', '1s'],
      ['reset lock_timeout', '1s'],
      ["do $$ begin perform set_config('lock_' || 'timeout', '1h', true); end $$", '1s'],
      ['create function f() returns void language sql as $$ set lock_timeout = 0 $$; select f() /* ; */', '1s'],
    ])('has its own limit for locks after %s', async (sql, limit) => {
      const seen = migration(
        '1_seen.sql',
        `${sql};\ncreate table seen as select current_setting('lock_timeout') as limit`,
      )
      await database.apply(seen, never)
      expect(await ask(url, 'select * from seen')).toEqual([{ limit }])
      const wrong = migration(
        '2_wrong.sql',
        `select '🐘', set_config('lock_timeout', '0', true);\nselect missing from seen`,
      )
      await expect(database.apply(wrong, never)).rejects.toMatchObject({
        evidence: expect.arrayContaining(['LINE 2: select missing from seen', '               ^']),
      })
    })

    it.each([
      ['as a whole', 'select pg_sleep(0.3); create table public.theirs (id bigint)'],
      [
        'statement by statement',
        'create table public.theirs (id bigint); create index concurrently i on public.theirs (id); select pg_sleep(0.3)',
      ],
    ])('has its own limits, whatever the role has for ordinary sessions: run %s', async (_how, sql) => {
      const role = `hasty_${Date.now()}`
      const database = new URL(url).pathname.slice(1)
      await ask(
        url,
        `create role ${role} login password 'x'; grant create on schema public to ${role}; grant create on database ${database} to ${role};
         alter role ${role} set statement_timeout = '100ms'; alter role ${role} set lock_timeout = '1ms'; alter role ${role} set search_path = nowhere;
         alter role ${role} set idle_in_transaction_session_timeout = '50ms'; alter role ${role} set default_transaction_read_only = on`,
      )
      const address = new URL(url)
      address.username = role
      address.password = 'x'
      try {
        expect((await open(address.href).apply(migration('1_hasty.sql', sql), never)).outcome).toBe('applied')
      } finally {
        await ask(url, `drop owned by ${role}; drop role ${role}`)
      }
    })

    it('says of a text what keeps it from being applied, and which of its limits does not count', async () => {
      const read = (sql: string) => database.applicability(sql, { lockTimeoutMs: 5_000 }, never)
      expect(await read('set lock_timeout = 0;\nselect 1;\ncopy t from stdin;')).toMatchObject({
        obstacles: [{ line: 3, what: 'copies rows from stdin', code: 'migration_not_transactional' }],
        overruled: [{ line: 1, text: 'set lock_timeout = 0' }],
      })
      expect(await read('begin; select 1; commit')).toMatchObject({
        obstacles: [],
        overruled: [],
        sql: expect.stringMatching(/^ +; select 1; +$/),
      })
    })

    it('tells which tables a migration locks, and how large they are, partitions together', async () => {
      await ask(
        url,
        `create table big as select n, repeat('x', 100) from generate_series(1, 5000) n; analyze big;
        create table parts (n int) partition by range (n); create table parts_1 partition of parts for values from (1) to (9999);
        insert into parts select n from generate_series(1, 5000) n`,
      )
      const sql = 'alter table big add x int; alter table public.parts add x int; create index on nowhere (x)'
      const [locks = []] = await database.locks([sql], never)
      expect(locks.map(({ table, mode }) => `${table} ${mode}`)).toEqual([
        'big ACCESS EXCLUSIVE',
        'parts ACCESS EXCLUSIVE',
      ])
      expect(locks[0]).toMatchObject({ rows: 5000, blocks: 'reads and writes' })
      expect(Math.min(...locks.map(({ bytes }) => bytes))).toBeGreaterThan(100_000)
    })

    it('runs functions whose bodies look like transaction control', async () => {
      const sql = `
        create function one() returns int language plpgsql as $$ begin return 1; end; $$;
        create function two() returns int language sql begin atomic select case when true then 2 end; select 2; end;
        comment on function one() is 'commit; -- not really';`
      expect((await database.apply(migration('1_functions.sql', sql), never)).outcome).toBe('applied')
    })

    it('tries again when a lock is not free, names who holds it, and goes on when it is', async () => {
      await ask(url, 'create table busy (id bigint)')
      const holder = await sessionWith(
        url,
        `set application_name = 'report'; begin; select * from busy where 'a' <> 'secret' and e'it\\'s hidden' <> 'hidden'`,
      )
      const retries: (readonly string[])[] = []
      const onRetry = (_attempt: number, blockers: readonly string[]): void => {
        retries.push(blockers)
        void holder.end()
      }
      const add = migration('1_busy.sql', 'alter table busy add column more text', { lockTimeoutMs: 400, onRetry })
      expect((await database.apply(add, never)).outcome).toBe('applied')
      expect(retries[0]?.[0]).toMatch(/^pid \d+ \(report, idle in transaction for \d+ s\): .*select \* from busy/)
      expect(retries[0]?.[0]).not.toMatch(/secret|hidden/)
    })

    it('ends who is in the way before the last try when the policy says so, and only then', async () => {
      await ask(url, 'create table busy (id bigint, note text); create table calm (id bigint)')
      const query = `select * from busy where note = 'dana@example.com' and id < 4711`
      const holder = await sessionWith(url, `set application_name = 'report'; begin; ${query}`)
      const told: string[] = []
      const add = migration('1_busy.sql', 'alter table busy add column more text', {
        lockTimeoutMs: 500,
        endBlockers: true,
        onRetry: (attempt) => void told.push(`try ${attempt}`),
        onEnded: (sessions) => void told.push(...sessions),
      })
      const applying = database.apply(add, never)
      applying.catch(() => {})
      const blocking = (table: string, mode: 'SHARE' | 'ACCESS EXCLUSIVE') =>
        database.blocking([{ table, mode }], never)
      // For somebody who plans meanwhile; a session that has only just begun would not be worth a word.
      expect(await blocking('busy', 'ACCESS EXCLUSIVE')).toEqual([])
      await ask(
        url,
        `select pg_sleep(5.1 - extract(epoch from now() - min(xact_start))) from pg_stat_activity where application_name = 'report'`,
      )
      expect(await blocking('public.busy', 'ACCESS EXCLUSIVE')).toMatchObject([
        {
          table: 'public.busy',
          who: 'report',
          state: 'idle in transaction',
          query: 'set application_name = ?; begin; select * from busy where note = ? and id < ?',
        },
      ])
      expect(await blocking('busy', 'SHARE')).toEqual([])
      expect(await blocking('calm', 'ACCESS EXCLUSIVE')).toEqual([])
      expect((await applying).outcome).toBe('applied')
      expect(told.slice(0, 4)).toEqual(['try 1', 'try 2', 'try 3', 'try 4'])
      expect(told[4]).toMatch(/^pid \d+ \(report, /)
      await expect(holder.query('select 1')).rejects.toThrow(/terminat|not queryable|closed/i)
    }, 20_000)

    it('gives two workers that apply the same migration at the same time one effect', async () => {
      const slow = migration('1_slow.sql', 'create table slow (id bigint); select pg_sleep(0.3)')
      const outcomes = await Promise.all([database.apply(slow, never), database.apply(slow, never)])
      expect(outcomes.map(({ outcome }) => outcome).sort()).toEqual(['already_applied', 'applied'])
    })

    it('cancels a migration on the server, not only here', async () => {
      const cancel = new AbortController()
      const reason = new Error('cancelled by Dana')
      const long = migration('1_long.sql', 'create table long (id bigint); select pg_sleep(60) as purser_sleeps')
      const running = database.apply(long, cancel.signal)
      running.catch(() => {})
      await vi.waitFor(async () => expect(await sleepers(url)).toHaveLength(1), { timeout: 5_000 })
      cancel.abort(reason)
      await expect(running).rejects.toBe(reason)
      expect(await sleepers(url)).toEqual([])
      expect(await database.missingTables(['long'], never)).toEqual(['long'])
    })

    it('ends a migration that takes longer than it may', async () => {
      const long = migration('1_long.sql', 'select pg_sleep(60)', { statementTimeoutMs: 200 })
      await expect(database.apply(long, never)).rejects.toMatchObject({ code: 'statement_timeout', transient: false })
    })

    it('keeps customer data out of its errors', async () => {
      await ask(
        url,
        `create table people (email text); insert into people values ('dana@example.com'), ('dana@example.com')`,
      )
      const unique = migration('1_unique.sql', 'create unique index on people (email)')
      const error: unknown = await database.apply(unique, never).catch((thrown: unknown) => thrown)
      expect(error).toMatchObject({ code: 'unique_violation' })
      expect(JSON.stringify((error as { evidence: unknown }).evidence)).not.toContain('dana@')
    })

    it('answers queries as text, and lets none write', async () => {
      const answer = await database.query(`select 1 as n, null as nothing, true as yes`, { timeoutMs: 1_000 }, never)
      expect(answer).toEqual({ columns: ['n', 'nothing', 'yes'], rows: [['1', null, 't']] })
      await ask(url, 'create table kept (id bigint)')
      const write = (sql: string) => database.query(sql, { timeoutMs: 300 }, never)
      await expect(write('drop table kept')).rejects.toMatchObject({ code: 'not_read_only' })
      await expect(write('commit; drop table kept')).rejects.toMatchObject({ code: 'not_read_only' })
      await expect(write('select pg_sleep(10)')).rejects.toMatchObject({ code: 'not_read_only' })
      const slow = 'select count(*) from generate_series(1, 3000000000)'
      await expect(write(slow)).rejects.toMatchObject({ code: 'statement_timeout' })
      expect(await database.missingTables(['kept'], never)).toEqual([])
    })

    it('tells Supabase’s own ledger what it applied', async () => {
      const table =
        'create table supabase_migrations.schema_migrations (version text primary key, statements text[], name text)'
      await ask(url, `create schema supabase_migrations; ${table}`)
      await database.apply(migration('20260101_audit.sql', 'create table audit (id bigint)'), never)
      expect(await ask(url, 'select version, name from supabase_migrations.schema_migrations')).toEqual([
        { version: '20260101', name: 'audit' },
      ])
    })

    it('takes for applied what Supabase’s ledger has, whose text nobody can compare', async () => {
      await ask(
        url,
        `create schema supabase_migrations;
        create table supabase_migrations.schema_migrations (version text primary key, statements text[], name text);
        insert into supabase_migrations.schema_migrations values ('20250101', '{}', 'first')`,
      )
      expect(await database.ledger(never)).toEqual([
        { version: '20250101', name: '20250101_first.sql', sha256: undefined, appliedAt: '', appliedBy: 'supabase' },
      ])
      const again = migration('20250101_first.sql', 'create table twice (id bigint)')
      expect((await database.apply(again, never)).outcome).toBe('already_applied')
      expect(await database.missingTables(['twice'], never)).toEqual(['twice'])
    })

    it('calls a server that cannot be reached a temporary error, without its password', async () => {
      const error: unknown = await open('postgresql://purser:hunter2@127.0.0.1:1/app')
        .facts(never)
        .catch((thrown: unknown) => thrown)
      expect(error).toMatchObject({ code: 'database_unreachable', transient: true })
      expect(`${String(error)} ${JSON.stringify(error)}`).not.toContain('hunter2')
    })
  })
}

function sleepers(url: string): Promise<Record<string, unknown>[]> {
  return ask(
    url,
    `select pid from pg_stat_activity where query like '%purser_sleeps%' and state = 'active' and pid <> pg_backend_pid()`,
  )
}
