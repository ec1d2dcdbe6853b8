import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { openBackups } from '../../src/adapters/postgres/backups/backups.ts'
import type { DumpBackups as Backups } from '../../src/adapters/postgres/backups/port.ts'
import type { RestoreNames, Restores } from '../../src/adapters/postgres/restores/port.ts'
import { openRestores } from '../../src/adapters/postgres/restores/restores.ts'
import { locksNeeded } from '../../src/adapters/postgres/restores/in-place/locks-needed.ts'
import { withSession } from '../../src/adapters/postgres/connection/session.ts'
import { Sensitive } from '../../src/sensitive.ts'
import { everythingOf } from './everything-of.ts'
import { ask, sessionWith, startTestPostgres, type TestPostgres } from '../support/postgres.ts'

const never = new AbortController().signal
const quiet = (): void => {}

/** TEST_DATABASE_ROWS=1000000 takes a minute. */
const rows = Number(process.env['TEST_DATABASE_ROWS'] ?? 5_000)

/** Everything that restores have been seen to lose: sequences, generated columns, policies, partitions, large objects. */
const awkward = `
  create extension if not exists pg_trgm;
  create type plan as enum ('free', 'pro');
  create table customers (id bigint generated always as identity primary key, name text not null, plan plan not null,
    shout text generated always as (upper(name)) stored);
  create table "Odd ""name"" é" (id serial primary key, customer bigint references customers (id) deferrable);
  create table events (at date not null, customer bigint references customers (id), body text) partition by range (at);
  create table events_2025 partition of events for values from ('2025-01-01') to ('2026-01-01');
  create table events_2026 partition of events for values from ('2026-01-01') to ('2027-01-01');
  create index on customers using gin (name gin_trgm_ops);
  alter table customers enable row level security;
  create policy mine on customers using (name = current_user);
  create sequence far start 9007199254740993;
  create view pros as select * from customers where plan = 'pro';
  insert into customers (name, plan) select 'c' || n, case when n % 3 = 0 then 'pro' else 'free' end::plan
    from generate_series(1, 3000) n;
  insert into "Odd ""name"" é" (customer) select id from customers limit 10;
  insert into events select date '2025-06-01' + n % 500, 1 + n % 3000, md5(n::text) from generate_series(1, ${rows}) n;
  select nextval('far'), lo_from_bytea(4242, 'invoice');`

describe('restores of the service database', () => {
  let postgres: TestPostgres
  let directory: string
  let url: string
  let backups: Backups
  let restores: Restores
  let names: RestoreNames
  let run = 100

  beforeAll(async () => {
    postgres = await startTestPostgres()
    if (postgres.server !== undefined) {
      await ask(postgres.server.adminUrl, 'alter system set wal_level = logical')
      await postgres.server.restart()
    }
    directory = await mkdtemp(join(tmpdir(), 'purser-restores-'))
  }, 60_000)
  afterAll(async () => {
    await postgres.close()
    await rm(directory, { recursive: true, force: true })
  })
  beforeEach(async () => {
    run += 1
    url = await postgres.database()
    backups = openBackups({ url: new Sensitive(url), directory, testRestore: { enabled: false } })
    restores = openRestores({ url: new Sensitive(url), directory })
    names = restores.names(run)
  })
  afterEach(async () => {
    vi.restoreAllMocks()
    for (const name of [names.restored, names.kept])
      await ask(maintenance(), `drop database if exists "${name}" with (force)`)
  })

  const maintenance = (): string => {
    const address = new URL(url)
    address.pathname = '/postgres'
    return address.href
  }

  async function prepared(): Promise<void> {
    const { file, sha256 } = await backups.create(`run-${run}`, quiet, never)
    await restores.prepare({ names, file, sha256, onProgress: quiet }, never)
  }

  it('brings damaged content back exactly, sequences and settings included, and takes it back again', async () => {
    await ask(url, awkward)
    const database = new URL(url).pathname.slice(1)
    await ask(url, `alter database ${database} set search_path to "$user", public, "od""d"`)
    await ask(
      url,
      `alter database ${database} set statement_timeout to '17s'; revoke temporary on database ${database} from public;
       comment on database ${database} is 'Ours, since 2019. Don''t touch'; alter database ${database} connection limit 77;
       alter database ${database} is_template true;
       alter database ${database} set app.secret = 'a, b''c'; alter role postgres in database ${database} set work_mem = '5MB'`,
    )
    const before = await everythingOf(url)
    const { file, sha256, restoreTest } = await openBackups({ url: new Sensitive(url), directory }).create(
      `run-${run}`,
      quiet,
      never,
    )
    expect(restoreTest.outcome).toBe('passed')

    await ask(
      url,
      `delete from events; truncate customers cascade; drop table "Odd ""name"" é"; select lo_unlink(4242);
      insert into customers (name, plan) values ('later', 'pro')`,
    )
    const damaged = await everythingOf(url)
    expect(damaged).not.toEqual(before)
    await restores.prepare({ names, file, sha256, onProgress: quiet }, never)
    expect(await restores.swapState(names, never)).toBe('prepared')
    expect(await everythingOf(url)).toEqual(damaged)

    const reader = await sessionWith(url, 'begin; select 1')
    expect((await restores.swap(names, never)).milliseconds).toBeLessThan(30_000)
    await expect(reader.query('select 1')).rejects.toThrow(/terminat|not queryable|closed/i)
    expect(await everythingOf(url)).toEqual(before)
    expect(await ask(url, 'show search_path')).toEqual([{ search_path: '"$user", public, "od""d"' }])
    expect(await ask(url, 'show statement_timeout')).toEqual([{ statement_timeout: '17s' }])
    expect(await ask(url, `select has_database_privilege('pg_monitor', current_database(), 'temp') as temp`)).toEqual([
      { temp: false },
    ])
    await expect(ask(url.replace(names.live, names.kept), 'select 1')).rejects.toThrow(/not currently accepting/)

    const kept = await restores.kept(never)
    expect(kept).toEqual([{ name: names.kept, run, kind: 'before', bytes: expect.any(Number) }])
    expect(kept[0]?.bytes).toBeGreaterThan(1_000_000)

    await restores.swapBack(names, never)
    expect(await everythingOf(url)).toEqual(damaged)
    expect(await restores.swapState(names, never)).toBe('prepared')
    await ask(url, `alter database ${database} is_template false`)
  }, 300_000)

  it('takes along what was set and granted between preparing and the swap', async () => {
    await ask(url, 'create table a ()')
    await prepared()
    await ask(
      url,
      `alter database ${names.live} set work_mem = '7MB'; alter database ${names.live} connection limit 55;
       revoke connect on database ${names.live} from public; comment on database ${names.live} is 'later'`,
    )
    const before = await everythingOf(url)
    await restores.swap(names, never)
    expect(await everythingOf(url)).toEqual(before)
  })

  it.each([
    [
      'a right that nobody had',
      (text: string) => text.replace('"postgres: delete, ', '"public: select; postgres: delete, '),
    ],
    ['an owner', (text: string) => text.replaceAll('"owner": "postgres"', '"owner": "pg_monitor"')],
  ])('notices %s that a restored table should have, and names the table', async (_what, edited) => {
    await ask(url, 'create table secrets (id int)')
    const { file, sha256 } = await backups.create(`run-${run}`, quiet, never)
    const { readFile, writeFile } = await import('node:fs/promises')
    const path = join(directory, `${file}.json`)
    const manifest = await readFile(path, 'utf8')
    await writeFile(path, edited(manifest))
    expect(await readFile(path, 'utf8')).not.toBe(manifest)
    await expect(restores.prepare({ names, file, sha256, onProgress: quiet }, never)).rejects.toMatchObject({
      code: 'restore_differs',
      evidence: expect.arrayContaining([
        expect.stringMatching(/^table public\.secrets: owner postgres, .*in the backup /),
      ]),
    })
    await ask(url, 'insert into secrets values (1)')
    const before = await everythingOf(url)
    const restore = { run, file, sha256, safety: 'none.dump', onProgress: quiet }
    await expect(restores.inPlace(restore, never)).rejects.toMatchObject({
      code: 'restore_failed',
      evidence: expect.arrayContaining([
        expect.stringMatching(/owners or rights are not as in the backup: .*table public\.secrets/s),
      ]),
    })
    expect(await everythingOf(url)).toEqual(before)
  })

  it('says beforehand that a role of the backup is gone, or cannot be made an owner', async () => {
    const gone = `gone_${run}`
    await ask(
      url,
      `create role ${gone}; create table a (); grant select on a to ${gone}; create table b (); alter table b owner to ${gone}`,
    )
    const backup = await backups.create(`run-${run}`, quiet, never)
    expect(await restores.whyNotSwap(backup, never)).toBeUndefined()
    expect(await restores.whyNotInPlace(backup, never)).toBeUndefined()
    const role = `weak_${run}`
    await ask(url, `create role ${role} login password 'x' createdb; alter database ${names.live} owner to ${role}`)
    try {
      const weak = new URL(url)
      weak.username = role
      weak.password = 'x'
      const theirs = openRestores({ url: new Sensitive(weak.href), directory })
      expect(await theirs.whyNotSwap(backup, never)).toBe(
        `${role} can't make ${gone} the owner of table public.b (it has to be a member of ${gone})`,
      )
    } finally {
      await ask(url, `alter database ${names.live} owner to postgres; drop role ${role}`)
    }
    await ask(url, `drop owned by ${gone}; drop role ${gone}`)
    const why = `the backup names role ${gone}, which this server does not have`
    expect(await restores.whyNotSwap(backup, never)).toBe(why)
    expect(await restores.whyNotInPlace(backup, never)).toBe(why)
  })

  it('says beforehand that a setting of the database cannot be copied, or that the name to keep it under is taken', async () => {
    const role = `settings_${run}`
    await ask(url, `create role ${role} login password 'x' createdb; alter database ${names.live} owner to ${role}`)
    const address = new URL(url)
    address.username = role
    address.password = 'x'
    const theirs = openRestores({ url: new Sensitive(address.href), directory })
    try {
      expect(await theirs.whyNotSwap({}, never)).toBeUndefined()
      await ask(url, `alter database ${names.live} set app.jwt_secret = 'hush'`)
      const why = await theirs.whyNotSwap({}, never)
      expect(why).toMatch(/^what the database has as a whole can't be copied: .*app\.jwt_secret/)
      expect(why).not.toMatch(/hush/)
      await ask(url, `alter database ${names.live} reset all`)
      await ask(maintenance(), `create database "${names.kept}"`)
      expect(await theirs.whyNotSwap({ kept: names.kept }, never)).toBe(`there is a database ${names.kept} already`)
    } finally {
      await ask(url, `alter database ${names.live} owner to postgres; drop role ${role}`)
    }
  })

  it('says beforehand who hangs on the database: slots, subscriptions, publications, jobs of pg_cron, sessions', async ({
    skip,
  }) => {
    await ask(
      url,
      `create table t (id int primary key); create publication changes for table t;
       create subscription other connection 'host=127.0.0.1' publication p with (connect = false, slot_name = none);
       create schema cron; create table cron.job (active boolean, database text);
       insert into cron.job values (true, '${names.live}'), (false, 'x')`,
    )
    const backup = await backups.create(`run-${run}`, quiet, never)
    const swap = await restores.risks(backup, 'swap', never)
    expect(swap).toEqual([
      "Subscriptions aren't restored and stay with the previous database: other. Subscribe again afterwards.",
      'Subscribers of these publications have to be synchronised again: changes.',
      'pg_cron keeps its jobs in this database (1 now). Afterwards those of the backup run.',
    ])
    expect(await restores.risks({ by: 'command' }, 'swap', never)).toEqual([
      ...swap,
      'Owners and rights are as the restore command leaves them. Purser has nothing to compare them with.',
    ])
    const inPlace = await restores.risks({ rows: [] }, 'in-place', never)
    expect(inPlace).toEqual([
      'Subscriptions write to this database: other. Disable them first, and refresh them afterwards.',
      'Subscribers of these publications have to be synchronised again: changes.',
      'pg_cron keeps its jobs in this database (1 now). They stay, and may run during the restore.',
      "This backup doesn't say who owned what and who had which rights. They are restored, but not compared.",
    ])
    await ask(url, 'drop subscription other')
    const [wal] = await ask(url, 'show wal_level')
    skip(wal?.['wal_level'] !== 'logical', 'this server has no logical slots')
    await ask(url, `select pg_create_logical_replication_slot('slot_${run}', 'pgoutput')`)
    expect((await restores.risks(backup, 'swap', never))[0]).toBe(
      `Replication slots stay with the previous database: slot_${run}. Who reads them gets nothing more, and they hold back WAL.`,
    )
    await ask(url, `select pg_drop_replication_slot('slot_${run}')`)
  })

  it('brings back in place what is odd: operators, casts, statistics, published schemas, user mappings, rights of schemas', async () => {
    const role = `odd_${run}`
    await ask(
      url,
      `create role ${role};
       create schema billing; grant usage on schema billing to ${role};
       create type billing.mood as enum ('a', 'b'); create domain billing.positive as int check (value > 0);
       create function billing.same(billing.mood, int) returns boolean language sql immutable as $$ select true $$;
       create operator billing.=== (leftarg = billing.mood, rightarg = int, function = billing.same);
       create function billing.mood_of(int) returns billing.mood language sql immutable as $$ select 'a'::billing.mood $$;
       create cast (int as billing.mood) with function billing.mood_of(int); create cast (int as xml) with inout;
       create aggregate billing.total(int) (sfunc = int4pl, stype = int, initcond = '0');
       create aggregate billing.middle(float8 order by anyelement) (sfunc = ordered_set_transition, stype = internal, finalfunc = percentile_disc_final, finalfunc_extra);
       create operator family billing.ours using btree; create operator class billing.backwards for type int4 using btree family billing.ours
         as operator 1 >, operator 3 =, operator 5 <, function 1 btint4cmp(int4, int4);
       create conversion billing.conv for 'LATIN1' to 'UTF8' from iso8859_1_to_utf8;
       create collation billing.c from "C"; create text search dictionary billing.d (template = simple);
       create text search configuration billing.conf (parser = "default");
       create text search template billing.tmpl (lexize = dsimple_lexize);
       create table billing.t (id int generated always as identity, a int, b int, m billing.mood); insert into billing.t (a, b, m) values (1, 2, 'b');
       create statistics billing.stats on a, b from billing.t; create rule r as on delete to billing.t do instead nothing;
       grant select (a) on billing.t to ${role}; grant usage on type billing.mood to ${role};
       create materialized view billing.mv as select * from billing.t; create view billing.v as select * from billing.mv;
       create publication all_billing for tables in schema billing; create publication one for table billing.t (a) where (a > 0);
       create foreign data wrapper w; create server s foreign data wrapper w; create user mapping for ${role} server s options (u 'x');
       create foreign table billing.far (id int) server s;
       create function told() returns event_trigger language plpgsql as $$ begin end $$; create event trigger told on ddl_command_end execute function told();
       alter default privileges in schema billing grant select on tables to ${role}; select lo_from_bytea(77, 'x'); grant select on large object 77 to ${role}`,
    )
    const backup = await backups.create(`run-${run}`, quiet, never)
    const before = await everythingOf(url)
    expect(await restores.whyNotInPlace(backup, never)).toBeUndefined()
    expect(await restores.rehearseInPlace(backup.file, quiet, never)).toBeUndefined()
    expect(await everythingOf(url)).toEqual(before)
    // Since the backup somebody opened the schema.
    await ask(
      url,
      `grant create, usage on schema billing to public; grant create on schema billing to ${role} with grant option; drop view billing.v; grant all on billing.t to public`,
    )
    expect(await restores.risks(backup, 'in-place', never)).toContainEqual(
      expect.stringMatching(/^Rights of a schema go back: schema billing: /),
    )
    const restore = { run, file: backup.file, sha256: backup.sha256, safety: 'none.dump', onProgress: quiet }
    await restores.inPlace(restore, never)
    await ask(url, 'drop schema purser cascade')
    expect(await everythingOf(url)).toEqual(before)
    await ask(url, `drop owned by ${role} cascade; drop role ${role}`)
  }, 60_000)

  it('finds out in a scratch database, while the service runs, that a restore in place would fail, and leaves nothing of it', async () => {
    const [owner, role] = [`owner_${run}`, `tries_${run}`]
    await ask(
      url,
      `create role ${owner}; create role ${role} login password 'x' createdb; alter database ${names.live} owner to ${role}; alter schema public owner to ${role};
       create table theirs (id int); alter table theirs owner to ${owner}`,
    )
    const backup = await backups.create(`run-${run}`, quiet, never)
    const address = new URL(url)
    address.username = role
    address.password = 'x'
    const theirs = openRestores({ url: new Sensitive(address.href), directory })
    try {
      await ask(url, `alter table theirs owner to ${role}`)
      // As in a manifest of an earlier version, which says nothing of owners.
      expect(await theirs.whyNotInPlace({}, never)).toBeUndefined()
      const before = await everythingOf(url)
      await expect(theirs.rehearseInPlace(backup.file, quiet, never)).rejects.toMatchObject({
        code: 'restore_failed',
        message: expect.stringMatching(new RegExp(`it would fail: .*must be (member of|able to SET) role "?${owner}`)),
      })
      expect(await everythingOf(url)).toEqual(before)
      expect(
        await ask(maintenance(), `select datname from pg_database where datname like '%purser_rehearsal'`),
      ).toEqual([])
      await ask(url, `alter role ${role} nocreatedb`)
      expect(await theirs.rehearseInPlace(backup.file, quiet, never)).toBe(
        `${role} isn't allowed to create databases (CREATEDB)`,
      )
      expect(await theirs.risks(backup, 'in-place', never)).toContain(
        `The restore in place can't be rehearsed before the service is stopped: ${role} isn't allowed to create databases (CREATEDB).`,
      )
    } finally {
      await ask(
        url,
        `reassign owned by ${role} to postgres; drop owned by ${role}; drop role ${role}; drop table theirs; drop role ${owner}`,
      )
    }
  })

  it('knows beforehand how many locks a restore in place takes, and refuses what no server holds', async () => {
    await ask(
      url,
      `do $$ begin for i in 1..100 loop execute format('create table t%s (id serial primary key, name text unique)', i); end loop; end $$;
       create table refers (id int references t1 (id)); create view v as select 1 as one`,
    )
    const backup = await backups.create(`run-${run}`, quiet, never)
    const many = { ...backup, rows: [{ table: 'pg_catalog.pg_largeobject_metadata', rows: 50_000 }] }
    expect(await restores.whyNotInPlace(backup, never)).toBeUndefined()
    expect(await restores.whyNotInPlace(many, never)).toMatch(
      /^it takes about 5\d{4} locks at once, the server has room for \d+ \(raise max_locks_per_transaction from 64 to \d+\)$/,
    )
    const { needed } = await withSession(new Sensitive(url), 'counting', never, (session) =>
      locksNeeded(session, backup),
    )
    let [held, over] = [0, false]
    const watcher = await sessionWith(maintenance(), 'select 1')
    const watching = async (): Promise<void> => {
      while (!over) {
        const { rows: found } = await watcher.query<{ n: number }>(
          `select count(distinct concat_ws(' ', locktype, relation, classid, objid))::int as n
           from pg_locks join pg_stat_activity using (pid) where datname = '${names.live}'`,
        )
        held = Math.max(held, found[0]?.n ?? 0)
      }
      await watcher.end()
    }
    const restoring = restores
      .inPlace({ run, file: backup.file, sha256: backup.sha256, safety: 'none.dump', onProgress: quiet }, never)
      .finally(() => (over = true))
    await Promise.all([restoring, watching()])
    expect(held).toBeGreaterThan(1_000)
    expect(needed / held).toBeGreaterThan(0.9)
    expect(needed / held).toBeLessThan(1.5)
  }, 60_000)

  it('exchanges the large objects of a backup of some schemas in place, and leaves others', async () => {
    await ask(url, `create table t (id oid); select lo_from_bytea(77, 'then'), lo_from_bytea(78, 'gone')`)
    const some = openBackups({
      url: new Sensitive(url),
      directory,
      schemas: ['public'],
      testRestore: { enabled: false },
    })
    const { file, sha256 } = await some.create(`run-${run}`, quiet, never)
    await ask(url, `select lo_put(77, 0, 'now!'), lo_unlink(78), lo_from_bytea(79, 'since')`)
    await restores.inPlace({ run, file, sha256, safety: 'none.dump', onProgress: quiet }, never)
    expect(
      await ask(
        url,
        `select oid::int, convert_from(lo_get(oid), 'UTF8') as text from pg_largeobject_metadata order by 1`,
      ),
    ).toEqual([
      { oid: 77, text: 'then' },
      { oid: 78, text: 'gone' },
      { oid: 79, text: 'since' },
    ])
  })

  it.each(['killed', 'failing'] as const)(
    'has the old or the new database serving, %s at any statement of the swap',
    async (how) => {
      await ask(url, `create table answers as select 'backup' as which`)
      await prepared()
      await ask(url, `update answers set which = 'later'`)
      const query = pg.Client.prototype.query as (...args: unknown[]) => unknown
      for (const [act, done] of [
        ['swap', 'backup'],
        ['swapBack', 'later'],
      ] as const) {
        for (let last = 0; ; last += 1) {
          let sent = 0
          const dying = function (this: pg.Client, ...args: unknown[]): unknown {
            sent += 1
            if (how === 'killed' ? sent > last : sent === last + 1) {
              // A process that dies takes its connections along; the server rolls back what was not committed.
              if (how === 'killed')
                (this as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy()
              return Promise.reject(new Error('the process died here'))
            }
            return query.apply(this, args)
          }
          const spy = vi.spyOn(pg.Client.prototype, 'query').mockImplementation(dying)
          const failure: unknown = await restores[act](names, never).then(
            () => undefined,
            (error: unknown) => error,
          )
          spy.mockRestore()
          const serving = await ask(
            maintenance(),
            `select datallowconn as open from pg_database where datname = '${names.live}'`,
          )
          expect(serving).toHaveLength(1)
          if (how === 'failing') {
            const [row] = await ask(url, 'select which from answers')
            expect(['backup', 'later']).toContain(row?.['which'])
          }
          if (failure === undefined && sent <= last) break
        }
        await restores[act](names, never)
        expect(await ask(url, 'select which from answers')).toEqual([{ which: done }])
      }
    },
    120_000,
  )

  it('goes on where an earlier try ended, and prepares nothing twice', async () => {
    await ask(url, 'create table a as select 1 as n')
    const { file, sha256 } = await backups.create(`run-${run}`, quiet, never)
    const cancel = new AbortController()
    const stop = (): void => cancel.abort(new Error('stopped'))
    await expect(restores.prepare({ names, file, sha256, onProgress: stop }, cancel.signal)).rejects.toThrow('stopped')
    expect(await restores.swapState(names, never)).toBe('unfinished')
    const lines: string[] = []
    const onProgress = (line: string): void => void lines.push(line)
    const first = await restores.prepare({ names, file, sha256, onProgress }, never)
    expect(lines.length).toBeGreaterThan(0)
    lines.length = 0
    expect(await restores.prepare({ names, file, sha256, onProgress }, never)).toEqual(first)
    expect(lines).toEqual([])
    await restores.discard(names, never)
    expect(await restores.swapState(names, never)).toBe('absent')
    await expect(restores.swap(names, never)).rejects.toMatchObject({ code: 'database_missing' })
    expect(await ask(url, 'select n from a')).toEqual([{ n: 1 }])
  })

  it('notices when a restored table does not hold what was dumped', async () => {
    await ask(url, 'create table a as select n from generate_series(1, 10) n; create sequence s')
    const { file, sha256 } = await backups.create(`run-${run}`, quiet, never)
    const { readFile, writeFile } = await import('node:fs/promises')
    const path = join(directory, `${file}.json`)
    await writeFile(path, (await readFile(path, 'utf8')).replace('"rows": 10', '"rows": 11'))
    await expect(restores.prepare({ names, file, sha256, onProgress: quiet }, never)).rejects.toMatchObject({
      code: 'restore_differs',
      evidence: ['public.a: 10, not 11 rows'],
    })
    expect(await restores.swapState(names, never)).toBe('unfinished')
  })

  describe('in place, by a role that may not create databases', () => {
    let limited: Restores
    let theirs: Backups
    let theirUrl: string

    beforeEach(async () => {
      const role = `inplace_${run}`
      const address = new URL(url)
      await ask(
        url,
        `create extension pg_trgm; create role ${role} login password 'x'; alter database ${address.pathname.slice(1)} owner to ${role}`,
      )
      await ask(url, `alter schema public owner to ${role}; create extension citext`)
      address.username = role
      address.password = 'x'
      theirUrl = address.href
      theirs = openBackups({ url: new Sensitive(theirUrl), directory, testRestore: { enabled: false } })
      limited = openRestores({ url: new Sensitive(theirUrl), directory })
    })

    afterEach(async () => {
      const role = `inplace_${run}`
      await ask(url, `reassign owned by ${role} to current_user; drop owned by ${role}; drop role ${role}`)
    })

    const without = async (): Promise<Record<string, unknown>> => {
      await ask(theirUrl, 'drop schema if exists purser cascade')
      return everythingOf(theirUrl)
    }

    it('brings back exactly what was dumped, whatever came since, once, and leads back again', async () => {
      expect(await limited.whyNotSwap({}, never)).toMatch(/isn't allowed to create databases/)
      expect(await limited.whyNotInPlace({}, never)).toBeUndefined()
      await ask(url, 'create schema vendor; create table vendor.theirs ()')
      expect(await limited.whyNotInPlace({}, never)).toMatch(/does not own table vendor\.theirs/)
      expect(await limited.whyNotInPlace({ schemas: ['public'] }, never)).toBeUndefined()
      await ask(url, 'drop schema vendor cascade')
      await ask(theirUrl, awkward)
      const before = await everythingOf(theirUrl)
      const backup = await theirs.create(`run-${run}`, quiet, never)
      // A later release's table hangs on an old one, which `pg_restore --clean` could then not drop.
      await ask(
        theirUrl,
        `delete from events; drop table "Odd ""name"" é"; select lo_unlink(4242), lo_from_bytea(4243, 'later');
        create table later (customer bigint references customers (id)); create schema afterwards; create table afterwards.t ();
        create function later() returns plan language sql as $$ select 'pro'::plan $$; create view laters as select later();
        create type mood as enum ('x')`,
      )
      const damaged = await everythingOf(theirUrl)
      const safety = await theirs.create(`safety-${run}`, quiet, never)
      const restore = { run, file: backup.file, sha256: backup.sha256, safety: safety.file, onProgress: quiet }
      await limited.inPlace(restore, never)
      expect(await limited.doneInPlace(run, never)).toEqual({ safety: safety.file })
      await ask(theirUrl, 'create table since ()')
      await limited.inPlace(restore, never)
      // Done once: what was written meanwhile stays.
      await ask(theirUrl, 'drop table since')
      expect(await without()).toEqual(before)

      await limited.inPlace({ ...restore, run: run + 1000, file: safety.file, safety: backup.file }, never)
      expect(await without()).toEqual(damaged)
    }, 120_000)

    it('opens nothing that was closed, whatever the default privileges are, and they are as before', async () => {
      const reader = `reader_${run}`
      await ask(url, `create role ${reader}`)
      try {
        await ask(
          theirUrl,
          `alter default privileges in schema public grant all on tables to ${reader};
           alter default privileges grant select on tables to ${reader};
           alter default privileges grant usage on sequences to ${reader} with grant option;
           alter default privileges revoke execute on functions from public;
           create table secrets (id serial primary key, key text); create table open (id int);
           revoke all on secrets from ${reader}; revoke all on sequence secrets_id_seq from ${reader};
           create function tell() returns text language sql security definer as $$ select key from public.secrets $$;
           create function greet() returns text language sql as $$ select 'hello' $$; grant execute on function greet to public;`,
        )
        const before = await everythingOf(theirUrl)
        const privileges = () =>
          ask(url, `select defaclnamespace, defaclobjtype, defaclacl::text from pg_default_acl order by 1, 2`)
        const had = await privileges()
        expect(had).toHaveLength(4)
        const may = async () =>
          (
            await ask(
              url,
              `select has_table_privilege('${reader}', 'secrets', 'select') as secrets, has_table_privilege('${reader}', 'open', 'select') as open,
               has_sequence_privilege('${reader}', 'secrets_id_seq', 'usage') as sequence,
               has_function_privilege('${reader}', 'tell()', 'execute') as tell, has_function_privilege('${reader}', 'greet()', 'execute') as greet`,
            )
          )[0]
        const rights = { secrets: false, open: true, sequence: false, tell: false, greet: true }
        expect(await may()).toEqual(rights)
        const backup = await theirs.create(`run-${run}`, quiet, never)
        const restore = { run, file: backup.file, sha256: backup.sha256, safety: 'none.dump', onProgress: quiet }
        await limited.inPlace(restore, never)
        expect(await may()).toEqual(rights)
        expect(await privileges()).toEqual(had)
        expect(await without()).toEqual(before)
      } finally {
        await ask(url, `drop owned by ${reader}; drop role ${reader}`)
      }
    }, 60_000)

    it('brings back an event trigger whose function goes and comes back with the content', async () => {
      // Only a superuser may have one.
      await ask(
        url,
        `create table watched (id int);
         create function on_ddl() returns event_trigger language plpgsql as $$ begin end $$;
         create event trigger ddl_told on ddl_command_end execute function on_ddl()`,
      )
      const all = openBackups({ url: new Sensitive(url), directory, testRestore: { enabled: false } })
      const { file, sha256 } = await all.create(`run-${run}`, quiet, never)
      await restores.inPlace({ run, file, sha256, safety: 'none.dump', onProgress: quiet }, never)
      expect(await ask(url, 'select evtname, evtfoid::regproc::text as function from pg_event_trigger')).toEqual([
        { evtname: 'ddl_told', function: 'on_ddl' },
      ])
    })

    it.each([
      [
        'a materialized view',
        'create materialized view reporting.totals as select count(*) from public.orders',
        /materialized view reporting\.totals/,
      ],
      [
        'a function that takes its rows',
        'create function reporting.f(public.orders) returns int language sql as $$ select 1 $$',
        /function reporting\.f\((public\.)?orders\)/,
      ],
      [
        'a materialized view of a view',
        'create view reporting.v as select * from public.orders; create materialized view reporting.totals as select count(*) from reporting.v',
        /materialized view reporting\.totals/,
      ],
      [
        'a default of its sequence',
        "create table reporting.users (id bigint default nextval('public.numbers'))",
        /default value for column id of table reporting\.users/,
      ],
      [
        'a column of its type',
        'create table reporting.users (mood public.mood)',
        /column mood of table reporting\.users|table reporting\.users/,
      ],
      ['a partition', 'create table reporting.p partition of public.parts default', /table reporting\.p/],
    ])(
      'is refused, before and at the moment itself, where %s of another schema would go along',
      async (_what, sql, named) => {
        await ask(
          theirUrl,
          `create table orders (id bigint primary key); create sequence numbers; create type mood as enum ('x');
         create table parts (n int) partition by list (n); create index on parts (n);
         create function handle() returns trigger language plpgsql as $$ begin return new; end $$;
         create function is_admin() returns boolean language sql as $$ select true $$`,
        )
        const some = openBackups({
          url: new Sensitive(theirUrl),
          directory,
          schemas: ['public'],
          testRestore: { enabled: false },
        })
        const backup = await some.create(`run-${run}`, quiet, never)
        expect(await limited.whyNotInPlace({ schemas: ['public'] }, never)).toBeUndefined()
        await ask(url, `create schema reporting authorization inplace_${run}`)
        await ask(theirUrl, sql)
        expect(await limited.whyNotInPlace({ schemas: ['public'] }, never)).toMatch(named)
        expect(await limited.whyNotInPlace({}, never)).toBeUndefined()
        const before = await everythingOf(theirUrl)
        const restore = { run, file: backup.file, sha256: backup.sha256, safety: 'none.dump', onProgress: quiet }
        await expect(limited.inPlace(restore, never)).rejects.toMatchObject({
          code: 'restore_failed',
          evidence: expect.arrayContaining([expect.stringMatching(named)]),
        })
        expect(await everythingOf(theirUrl)).toEqual(before)
      },
    )

    it('makes again what other schemas have made of the restored one: views, foreign keys, triggers, policies, publications', async () => {
      const some = openBackups({
        url: new Sensitive(theirUrl),
        directory,
        schemas: ['public'],
        testRestore: { enabled: false },
      })
      await ask(
        theirUrl,
        `create table orders (id bigint primary key, v int); insert into orders values (1, 1);
         create function handle() returns trigger language plpgsql as $$ begin new.o := 1; return new; end $$;
         create function is_admin(boolean) returns boolean language sql as $$ select $1 $$`,
      )
      const database = new URL(url).pathname.slice(1)
      const reader = `other_${run}`
      await ask(
        url,
        `create schema reporting authorization inplace_${run}; grant create on database ${database} to inplace_${run}; create role ${reader}`,
      )
      await ask(
        theirUrl,
        `create table reporting.notes (o bigint); alter table reporting.notes add foreign key (o) references public.orders (id) on delete cascade not valid; insert into reporting.notes values (1);
         create trigger hello before insert on reporting.notes for each row when (pg_trigger_depth() = 0) execute function public.handle();
         create trigger off after insert on reporting.notes execute function public.handle(); alter table reporting.notes disable trigger off;
         comment on trigger hello on reporting.notes is 'it''s me'; alter table reporting.notes enable row level security;
         create policy admins on reporting.notes as restrictive for update to ${reader}, inplace_${run} using (public.is_admin(true)) with check (public.is_admin(o > 0));
         create policy "Adds %s" on reporting.notes for insert with check (public.is_admin(true)); comment on policy admins on reporting.notes is 'p';
         create view reporting.zz with (security_barrier = true) as select id, v as "Va l" from public.orders;
         create view reporting.aa as select * from reporting.zz where public.is_admin(true);
         grant select on reporting.zz to ${reader} with grant option; grant update ("Va l") on reporting.aa to ${reader};
         comment on view reporting.zz is 'sums'; comment on column reporting.aa.id is 'which';
         revoke delete on reporting.zz from inplace_${run};
         create rule no_delete as on delete to orders do instead nothing;
         create publication changes for table orders, reporting.notes`,
      )
      const backup = await some.create(`run-${run}`, quiet, never)
      const before = await everythingOf(theirUrl)
      await ask(theirUrl, `update orders set v = 2; create table since (); alter publication changes add table since`)
      expect(await limited.whyNotInPlace(backup, never)).toBeUndefined()
      expect(await limited.risks(backup, 'in-place', never)).toContainEqual(
        expect.stringMatching(
          /^What other schemas have is dropped and made again: .*constraint notes_o_fkey .* and \d+ more\.$/,
        ),
      )
      const restore = { run, file: backup.file, sha256: backup.sha256, safety: 'none.dump', onProgress: quiet }
      await limited.inPlace(restore, never)
      await ask(theirUrl, 'drop schema purser cascade')
      expect(await everythingOf(theirUrl)).toEqual(before)
      // The backup lacks what was made of a later table: nothing is exchanged.
      await ask(
        theirUrl,
        'create table since (id int); create view reporting.later as select * from public.since; insert into orders values (7, 7)',
      )
      const damaged = await everythingOf(theirUrl)
      await expect(limited.inPlace({ ...restore, run: run + 1000 }, never)).rejects.toMatchObject({
        code: 'restore_failed',
        evidence: expect.arrayContaining([expect.stringMatching(/relation "public\.since" does not exist/)]),
      })
      expect(await everythingOf(theirUrl)).toEqual(damaged)
      await ask(url, `drop owned by ${reader}; drop role ${reader}`)
    })

    it('leaves the old content when anything fails: a wrong count, a cancel, a process killed with kill -9', async () => {
      await ask(
        theirUrl,
        `create table answers as select 'backup' as which; create table other as select n from generate_series(1, 10) n`,
      )
      const backup = await theirs.create(`run-${run}`, quiet, never)
      await ask(theirUrl, `update answers set which = 'later'`)
      const restore = { run, file: backup.file, sha256: backup.sha256, safety: 'none.dump', onProgress: quiet }
      const stillOld = async () => {
        expect(await ask(theirUrl, 'select which from answers')).toEqual([{ which: 'later' }])
        expect(await limited.doneInPlace(run, never)).toBeUndefined()
      }
      const { readFile, writeFile } = await import('node:fs/promises')
      const path = join(directory, `${backup.file}.json`)
      const manifest = await readFile(path, 'utf8')
      await writeFile(path, manifest.replace('"rows": 10', '"rows": 11'))
      await expect(limited.inPlace(restore, never)).rejects.toMatchObject({
        code: 'restore_failed',
        evidence: expect.arrayContaining([
          expect.stringMatching(/not as in the backup: public\.other: 10, not 11 rows/),
        ]),
      })
      await stillOld()
      await writeFile(path, manifest)

      for (const line of [/table data/, /comparing/]) {
        const cancel = new AbortController()
        const onProgress = (it: string): void => void (line.test(it) && cancel.abort(new Error('stopped')))
        await expect(limited.inPlace({ ...restore, onProgress }, cancel.signal)).rejects.toThrow('stopped')
        await stillOld()
      }

      const script = `
        import { openRestores } from './src/adapters/postgres/restores/restores.ts'
        import { Sensitive } from './src/sensitive.ts'
        const { url, directory, restore } = JSON.parse(process.env.INPUT)
        const onProgress = (line) => /table data/.test(line) && process.kill(process.pid, 'SIGKILL')
        await openRestores({ url: new Sensitive(url), directory }).inPlace({ ...restore, onProgress }, new AbortController().signal)`
      const worker = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
        env: { ...process.env, INPUT: JSON.stringify({ url: theirUrl, directory, restore }) },
        stdio: 'ignore',
      })
      expect(await new Promise((resolve) => worker.once('exit', (_code, signal) => resolve(signal)))).toBe('SIGKILL')
      await stillOld()

      await limited.inPlace(restore, never)
      expect(await ask(theirUrl, 'select which from answers')).toEqual([{ which: 'backup' }])
    }, 120_000)
  })

  it('says beforehand that a prepared transaction stands in the way, of a swap and in place', async ({ skip }) => {
    const [most] = await ask(url, 'show max_prepared_transactions')
    skip(most?.['max_prepared_transactions'] === '0', 'this server takes no prepared transactions')
    await ask(url, "create table t (id int); begin; insert into t values (1); prepare transaction 'nightly'")
    const why = "prepared transaction nightly isn't finished (COMMIT PREPARED or ROLLBACK PREPARED)"
    expect(await restores.whyNotSwap({}, never)).toBe(why)
    expect(await restores.whyNotInPlace({}, never)).toBe(why)
    await ask(url, "rollback prepared 'nightly'")
    expect(await restores.whyNotSwap({}, never)).toBeUndefined()
    expect(await restores.whyNotInPlace({}, never)).toBeUndefined()
  })

  it('takes as long as it takes, whatever limits the role and the database have for ordinary statements', async () => {
    const role = `hasty_${run}`
    const address = new URL(url)
    const database = address.pathname.slice(1)
    await ask(
      url,
      `create role ${role} login password 'x' createdb; alter database ${database} owner to ${role}; alter schema public owner to ${role};
       create table numbers as select n from generate_series(1, 1500000) n; alter table numbers owner to ${role};
       alter role ${role} set statement_timeout = '40ms'; alter role ${role} set idle_in_transaction_session_timeout = '40ms';
       alter role ${role} set default_transaction_read_only = on; alter role ${role} set search_path = nowhere`,
    )
    address.username = role
    address.password = 'x'
    try {
      const theirs = openBackups({ url: new Sensitive(address.href), directory })
      const backup = await theirs.create(`run-${run}`, quiet, never)
      expect(backup.restoreTest).toMatchObject({ outcome: 'passed' })
      const hasty = openRestores({ url: new Sensitive(address.href), directory })
      await hasty.prepare({ names, file: backup.file, sha256: backup.sha256, onProgress: quiet }, never)
      expect(await restores.swapState(names, never)).toBe('prepared')
    } finally {
      await ask(maintenance(), `drop database if exists "${names.restored}" with (force)`)
      await ask(url, `reassign owned by ${role} to current_user; drop owned by ${role}; drop role ${role}`)
    }
  }, 60_000)

  it('says beforehand where databases cannot be swapped', async () => {
    expect(await restores.whyNotSwap({}, never)).toBeUndefined()
    const role = `limited_${run}`
    await ask(url, `create role ${role} login password 'x'`)
    const limited = new URL(url)
    limited.username = role
    limited.password = 'x'
    const theirs = openRestores({ url: new Sensitive(limited.href), directory })
    expect(await theirs.whyNotSwap({}, never)).toBe(`${role} isn't allowed to create databases (CREATEDB)`)
    await ask(url, `alter role ${role} createdb`)
    expect(await theirs.whyNotSwap({}, never)).toBe(`${role} does not own the database ${names.live}`)
    await ask(url, `drop role ${role}`)
  })
})
