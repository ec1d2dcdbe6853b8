import { execFile, spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { openBackups } from '../../src/adapters/postgres/backups/backups.ts'
import { libpqEnvironment } from '../../src/adapters/postgres/connection/libpq.ts'
import type { Backups, RestoreNames, Restores } from '../../src/adapters/postgres/port.ts'
import { openRestores } from '../../src/adapters/postgres/restores/restores.ts'
import { Sensitive } from '../../src/sensitive.ts'
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
      `alter database ${database} set statement_timeout to '17s'; revoke temporary on database ${database} from public`,
    )
    const before = await dumpOf(url)
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
    const damaged = await dumpOf(url)
    expect(damaged).not.toBe(before)
    await restores.prepare({ names, file, sha256, onProgress: quiet }, never)
    expect(await restores.swapState(names, never)).toBe('prepared')
    expect(await dumpOf(url)).toBe(damaged)

    const reader = await sessionWith(url, 'begin; select 1')
    expect((await restores.swap(names, never)).milliseconds).toBeLessThan(3_000)
    await expect(reader.query('select 1')).rejects.toThrow(/terminat|not queryable|closed/i)
    expect(await dumpOf(url)).toBe(before)
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
    expect(await dumpOf(url)).toBe(damaged)
    expect(await restores.swapState(names, never)).toBe('prepared')
  }, 300_000)

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

    const without = async (): Promise<string> => {
      await ask(theirUrl, 'drop schema if exists purser cascade')
      return dumpOf(theirUrl)
    }

    it('brings back exactly what was dumped, whatever came since, once, and leads back again', async () => {
      expect(await limited.whyNotSwap(never)).toMatch(/isn't allowed to create databases/)
      expect(await limited.whyNotInPlace(undefined, never)).toBeUndefined()
      await ask(url, 'create schema vendor; create table vendor.theirs ()')
      expect(await limited.whyNotInPlace(undefined, never)).toMatch(/does not own vendor\.theirs/)
      expect(await limited.whyNotInPlace(['public'], never)).toBeUndefined()
      await ask(url, 'drop schema vendor cascade')
      await ask(theirUrl, awkward)
      const before = await dumpOf(theirUrl)
      const backup = await theirs.create(`run-${run}`, quiet, never)
      // A later release's table hangs on an old one, which `pg_restore --clean` could then not drop.
      await ask(
        theirUrl,
        `delete from events; drop table "Odd ""name"" é"; select lo_unlink(4242), lo_from_bytea(4243, 'later');
        create table later (customer bigint references customers (id)); create schema afterwards; create table afterwards.t ();
        create function later() returns plan language sql as $$ select 'pro'::plan $$; create view laters as select later();
        create type mood as enum ('x')`,
      )
      const damaged = await dumpOf(theirUrl)
      const safety = await theirs.create(`safety-${run}`, quiet, never)
      const restore = { run, file: backup.file, sha256: backup.sha256, safety: safety.file, onProgress: quiet }
      await limited.inPlace(restore, never)
      expect(await limited.doneInPlace(run, never)).toEqual({ safety: safety.file })
      await ask(theirUrl, 'create table since ()')
      await limited.inPlace(restore, never)
      // Done once: what was written meanwhile stays.
      await ask(theirUrl, 'drop table since')
      expect(await without()).toBe(before)

      await limited.inPlace({ ...restore, run: run + 1000, file: safety.file, safety: backup.file }, never)
      expect(await without()).toBe(damaged)
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
        const before = await dumpOf(theirUrl)
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
        expect(await without()).toBe(before)
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
      ['a view', 'create view reporting.totals as select count(*) from public.orders', /view reporting\.totals/],
      [
        'a foreign key',
        'create table reporting.notes (o bigint references public.orders (id))',
        /constraint notes_o_fkey on table reporting\.notes/,
      ],
      [
        'a trigger that calls its function',
        'create table reporting.users (id int); create trigger hello before insert on reporting.users for each row execute function public.handle()',
        /trigger hello on table reporting\.users/,
      ],
      [
        'a policy that asks its function',
        'create table reporting.users (id int); create policy admins on reporting.users as restrictive using (public.is_admin())',
        /policy admins on table reporting\.users/,
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
        expect(await limited.whyNotInPlace(['public'], never)).toBeUndefined()
        await ask(url, `create schema reporting authorization inplace_${run}`)
        await ask(theirUrl, sql)
        expect(await limited.whyNotInPlace(['public'], never)).toMatch(named)
        expect(await limited.whyNotInPlace(undefined, never)).toBeUndefined()
        const before = await dumpOf(theirUrl)
        const restore = { run, file: backup.file, sha256: backup.sha256, safety: 'none.dump', onProgress: quiet }
        await expect(limited.inPlace(restore, never)).rejects.toMatchObject({
          code: 'restore_failed',
          evidence: [expect.stringMatching(named)],
        })
        expect(await dumpOf(theirUrl)).toBe(before)
      },
    )

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
        evidence: [expect.stringMatching(/not as in the backup: public\.other: 10, not 11 rows/)],
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
    expect(await restores.whyNotSwap(never)).toBe(why)
    expect(await restores.whyNotInPlace(undefined, never)).toBe(why)
    await ask(url, "rollback prepared 'nightly'")
    expect(await restores.whyNotSwap(never)).toBeUndefined()
    expect(await restores.whyNotInPlace(undefined, never)).toBeUndefined()
  })

  it('takes as long as it takes, whatever limits the role and the database have for ordinary statements', async () => {
    const role = `hasty_${run}`
    const address = new URL(url)
    const database = address.pathname.slice(1)
    await ask(
      url,
      `create role ${role} login password 'x' createdb; alter database ${database} owner to ${role}; alter schema public owner to ${role};
       create table numbers as select n from generate_series(1, 1500000) n; alter table numbers owner to ${role};
       alter role ${role} set statement_timeout = '40ms'; alter role ${role} set idle_in_transaction_session_timeout = '40ms'`,
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
    expect(await restores.whyNotSwap(never)).toBeUndefined()
    const role = `limited_${run}`
    await ask(url, `create role ${role} login password 'x'`)
    const limited = new URL(url)
    limited.username = role
    limited.password = 'x'
    const theirs = openRestores({ url: new Sensitive(limited.href), directory })
    expect(await theirs.whyNotSwap(never)).toBe(`${role} isn't allowed to create databases (CREATEDB)`)
    await ask(url, `alter role ${role} createdb`)
    expect(await theirs.whyNotSwap(never)).toBe(`${role} does not own the database ${names.live}`)
    await ask(url, `drop role ${role}`)
  })
})

/** Everything in a database, as `pg_dump` writes it, without its random `\restrict` key. */
async function dumpOf(url: string): Promise<string> {
  const env = { ...process.env, ...libpqEnvironment(new Sensitive(url)) }
  const { stdout } = await promisify(execFile)('pg_dump', ['--no-password'], {
    env,
    maxBuffer: 500_000_000,
  })
  return stdout.replaceAll(/^\\(un)?restrict .*$/gm, '')
}
