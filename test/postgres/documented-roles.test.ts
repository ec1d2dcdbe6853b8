import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { openBackups } from '../../src/adapters/postgres/backups/backups.ts'
import { libpqEnvironment } from '../../src/adapters/postgres/connection/libpq.ts'
import { withSession } from '../../src/adapters/postgres/connection/session.ts'
import { openDatabase } from '../../src/adapters/postgres/database.ts'
import { openRestores } from '../../src/adapters/postgres/restores/restores.ts'
import { roleFacts } from '../../src/adapters/postgres/rights/role-facts.ts'
import { backupProblems, trialOf, whyNotAnew } from '../../src/adapters/postgres/rights/role-problems.ts'
import { Sensitive } from '../../src/sensitive.ts'
import type { Major } from '../../sandbox/postgres/home.ts'
import { migration } from '../contract/database.ts'
import { ask, startTestPostgres, type TestPostgres } from '../support/postgres.ts'

/** The grants of docs/database.md, applied as they stand there, and what each is promised to be for. */

const never = new AbortController().signal
const quiet = (): void => {}

const documented = await readFile(new URL('../../docs/database.md', import.meta.url), 'utf8')

/** The SQL of a heading of docs/database.md; its passwords are left out there. */
function blocksOf(heading: string): readonly string[] {
  const from = documented.indexOf(`### ${heading}\n`)
  const section = documented.slice(from, documented.indexOf('\n##', from + 4))
  const blocks = [...section.matchAll(/```sql\n(.+?)```/gs)].map(([, sql = '']) => sql.replaceAll('…', 'secret'))
  if (from === -1 || blocks.length === 0) throw new Error(`docs/database.md has no SQL under ${heading}`)
  return blocks
}
const [everything = '', theOwner = ''] = blocksOf('A role for everything')
const [less = ''] = blocksOf('A role that may less')
const [onlyReads = ''] = blocksOf('A role that only reads')

/** What a service of `app` has: every kind of thing that has an owner. */
const service = `
  create extension pg_trgm;
  create type plan as enum ('free', 'pro');
  create table customers (id bigint generated always as identity primary key, name text not null, plan plan not null default 'free');
  alter table customers enable row level security;
  create policy mine on customers using (name = current_user);
  create index on customers using gin (name gin_trgm_ops);
  create function shout(text) returns text language sql immutable set search_path = public as 'select upper($1)';
  create index on customers (shout(name));
  create schema billing;
  create table billing.invoices (id serial primary key, customer bigint references customers (id));
  create view pros as select * from customers where plan = 'pro';
  create materialized view totals as select plan, count(*) from customers group by plan;
  grant select on customers to reporting;
  grant usage on schema billing to reporting;
  alter default privileges in schema billing grant select on tables to reporting;
  insert into customers (name) select 'c' || n from generate_series(1, 50) n;
  insert into billing.invoices (customer) select id from customers;
  select lo_from_bytea(4242, 'invoice');`

const adds = migration(
  '1_refunds.sql',
  'create table refunds (id bigserial primary key, customer bigint references customers (id))',
)
const alters = migration(
  '2_note.sql',
  `alter table customers add column note text; create index on billing.invoices (customer); create policy theirs on customers using (true);
   drop view pros; create function whisper(text) returns text language sql as 'select lower($1)'; create schema ops; create table ops.jobs (id int)`,
)
const concurrently = migration('3_index.sql', 'create index concurrently customers_plan on customers (plan);')

class Cluster {
  readonly #postgres: TestPostgres
  constructor(postgres: TestPostgres) {
    this.#postgres = postgres
  }
  /** The database `app` as this role; the superuser without one. */
  url(role?: string, database = 'app'): string {
    const address = new URL(this.#postgres.server?.adminUrl ?? '')
    address.pathname = `/${database}`
    if (role !== undefined) [address.username, address.password] = [role, 'secret']
    return address.href
  }
  /** Makes the roles of the service, and once what every `app` is a copy of. */
  async prepare(): Promise<void> {
    const admin = this.url(undefined, 'postgres')
    if ((await ask(admin, `select 1 from pg_database where datname = 'filled'`)).length > 0) return
    await ask(admin, `create role app login password 'secret'; create role reporting`)
    await ask(admin, 'create database filled owner app template template0')
    await ask(this.url('app', 'filled'), service)
  }
  async fill(): Promise<void> {
    await this.prepare()
    await ask(this.url(undefined, 'postgres'), 'create database app owner app template filled strategy file_copy')
  }
  async empty(): Promise<void> {
    const admin = this.url(undefined, 'postgres')
    const databases = await ask(
      admin,
      `select datname from pg_database where not datistemplate and datname not in ('postgres', 'filled')`,
    )
    for (const { datname } of databases) await ask(admin, `drop database "${String(datname)}" with (force)`)
    const roles = await ask(
      admin,
      `select rolname from pg_roles where rolname !~ '^pg_' and rolname not in ('postgres', 'app', 'reporting') order by oid desc`,
    )
    for (const { rolname } of roles)
      await ask(admin, `drop owned by "${String(rolname)}"; drop role "${String(rolname)}"`)
    const memberships = await ask(
      admin,
      `select roleid::regrole::text as of from pg_auth_members where member = 'app'::regrole`,
    )
    const attributes = 'alter role app nosuperuser nocreatedb nocreaterole inherit nobypassrls'
    await ask(admin, [attributes, ...memberships.map(({ of }) => `revoke ${String(of)} from app`)].join('; '))
  }
}

describe.each([15, 18] as const)('roles on PostgreSQL %i', (major: Major) => {
  let postgres: TestPostgres
  let cluster: Cluster
  let directory: string

  beforeAll(async () => {
    postgres = await startTestPostgres(major)
    cluster = new Cluster(postgres)
    directory = await mkdtemp(join(tmpdir(), 'purser-roles-'))
  }, 60_000)
  afterAll(async () => {
    await postgres.close()
    await rm(directory, { recursive: true, force: true })
  })
  afterEach(() => cluster.empty())

  const factsAs = (role: string) =>
    withSession(new Sensitive(cluster.url(role)), 'asking', never, async (session) => roleFacts(session, undefined))
  const databaseAs = (role: string) => openDatabase({ url: new Sensitive(cluster.url(role)) })
  const missingAs = (role: string, ...migrations: (typeof adds)[]) =>
    databaseAs(role).missingRights(
      migrations.map(({ file }) => file),
      never,
    )

  it('miss nothing for everything, as documented: backup, migrations, both restores', async () => {
    await cluster.fill()
    await ask(cluster.url(), everything)
    const facts = await factsAs('purser')
    expect(backupProblems(facts)).toEqual([])
    expect(trialOf(facts, { elsewhere: false })).toMatchObject({ untried: undefined, withOwners: true, leftOut: [] })
    expect(whyNotAnew(facts)).toBeUndefined()
    expect(await missingAs('purser', adds, alters, concurrently)).toEqual([])
    for (const one of [adds, alters, concurrently])
      expect((await databaseAs('purser').apply(one, never)).outcome).toBe('applied')
    // The service uses what the migration made.
    await ask(cluster.url('app'), 'insert into refunds (customer) select id from customers limit 1')
    await ask(cluster.url(), onlyReads)
    expect(backupProblems(await factsAs('purser'))).toEqual([])
  })

  it('need to inherit what the owner may, and the plan says how', async () => {
    await cluster.fill()
    await ask(cluster.url(), everything)
    await ask(cluster.url(), major === 15 ? 'alter role purser noinherit' : 'grant app to purser with inherit false')
    const [left] = trialOf(await factsAs('purser'), { elsewhere: false }).leftOut
    expect(left).toEqual({
      what: 'owners and grants',
      why: expect.stringMatching(/^purser is a member of app, who owns .+, but does not inherit its rights$/),
      mend: major === 15 ? 'alter role purser inherit' : 'grant app to purser with inherit true, set true',
    })
    expect(await missingAs('purser', alters)).toContainEqual(
      expect.objectContaining({ what: expect.stringContaining('changes customers') }),
    )
    await ask(cluster.url(), left?.mend ?? '')
    expect(trialOf(await factsAs('purser'), { elsewhere: false }).leftOut).toEqual([])
    if (major === 15) return
    await ask(cluster.url(), 'grant app to purser with set false')
    expect(trialOf(await factsAs('purser'), { elsewhere: false }).leftOut).toMatchObject([
      {
        why: expect.stringContaining("but can't set role to it"),
        mend: 'grant app to purser with inherit true, set true',
      },
    ])
  })

  // What follows is the same on every major.
  if (major !== 15) return

  it('miss nothing where Purser comes as the owner, as documented', async () => {
    await cluster.fill()
    await ask(cluster.url(), theOwner)
    const facts = await factsAs('app')
    expect(backupProblems(facts)).toEqual([])
    expect(trialOf(facts, { elsewhere: false })).toMatchObject({ untried: undefined, withOwners: true, leftOut: [] })
    expect(whyNotAnew(facts)).toBeUndefined()
    expect(await missingAs('app', adds, alters, concurrently)).toEqual([])
  })

  it('may less, as documented: the plan names the rest with its grant, and the grant is enough', async () => {
    await cluster.fill()
    await ask(cluster.url(), less)
    await ask(cluster.url(), `grant select on large object 4242 to purser`)
    const facts = await factsAs('purser')
    expect(backupProblems(facts)).toEqual([])
    expect(trialOf(facts, { elsewhere: false })).toMatchObject({
      untried: undefined,
      withOwners: false,
      leftOut: [
        {
          what: 'owners and grants',
          why: expect.stringContaining("purser isn't a member of app"),
          mend: 'grant app to purser',
        },
      ],
    })
    expect(await missingAs('purser', adds)).toEqual([])
    expect((await databaseAs('purser').apply(adds, never)).outcome).toBe('applied')
    const missing = await missingAs('purser', alters)
    expect(missing).toEqual([
      {
        what: '2_note.sql:1 changes customers, which belongs to app, and purser does not have its rights',
        mend: 'grant app to purser',
      },
      {
        what: "2_note.sql:2 creates a schema, which purser isn't allowed to in database app",
        mend: 'grant create on database app to purser',
      },
    ])
    await expect(databaseAs('purser').apply(alters, never)).rejects.toMatchObject({ code: 'permission_denied' })
    await ask(cluster.url(), missing.map(({ mend }) => mend).join('; '))
    expect(await missingAs('purser', alters)).toEqual([])
    expect((await databaseAs('purser').apply(alters, never)).outcome).toBe('applied')
  })

  it.each([
    ['revoke pg_read_all_data, app from purser', "purser can't use schema billing", 'grant pg_read_all_data to purser'],
    [
      'alter role purser nobypassrls; revoke app from purser',
      'row level security hides rows of public.customers from purser',
      'alter role purser bypassrls',
    ],
    ['revoke app from purser', "purser can't read large objects of app", 'grant app to purser'],
  ])('need each of the documented rights to dump: %s', async (revoke, what, mend) => {
    await cluster.fill()
    await ask(cluster.url(), `${everything};${revoke}`)
    const missing = backupProblems(await factsAs('purser'))
    expect(missing).toContainEqual({ what, mend })
    await ask(cluster.url(), missing.map((one) => one.mend).join('; '))
    expect(backupProblems(await factsAs('purser'))).toEqual([])
  })

  it('need a place for the ledger, and one schema is enough', async () => {
    await cluster.fill()
    await ask(
      cluster.url(),
      `create role purser login password 'secret'; grant usage, create on schema public to purser; grant references on customers to purser`,
    )
    const missing = await missingAs('purser', adds)
    expect(missing).toEqual([
      {
        what: "purser can't create schema purser for the ledger of migrations",
        mend: 'create schema purser authorization purser',
      },
    ])
    await ask(cluster.url(), missing[0]?.mend ?? '')
    // Its table may then be made, and a file that runs by statement has its notes too.
    for (const one of [
      adds,
      migration('2_index.sql', 'create index concurrently refunds_customer on refunds (customer);'),
    ])
      expect((await databaseAs('purser').apply(one, never)).outcome).toBe('applied')
    await ask(cluster.url(), 'alter schema purser owner to postgres; revoke all on schema purser from purser')
    expect(await missingAs('purser', adds)).toMatchObject([{ mend: 'grant usage, create on schema purser to purser' }])
  })

  it('are an administrator of a managed server, who is no superuser and owns only the database', async () => {
    await cluster.prepare()
    const admin = `create role admin login createdb createrole bypassrls password 'secret'; grant app to admin`
    await ask(cluster.url(undefined, 'postgres'), admin)
    await ask(cluster.url(undefined, 'postgres'), 'create database app owner admin template template0')
    await ask(cluster.url('admin'), 'grant create on database app to app; grant create on schema public to app')
    await ask(cluster.url('app'), service)
    const facts = await factsAs('admin')
    expect(backupProblems(facts)).toEqual([])
    // A new database does not have the grant by which app may create in public: grants are restored last.
    expect(trialOf(facts, { elsewhere: false }).leftOut).toMatchObject([
      { what: 'owners and grants', why: expect.stringContaining("can't create in schema public of a new database") },
    ])
    expect(await missingAs('admin', adds, alters)).toEqual([])
  })

  it('are told what only a superuser can create, and what of it can be left out', async () => {
    await cluster.fill()
    await ask(
      cluster.url(),
      `${everything}; create extension pg_stat_statements; create publication everything for all tables;
       create function on_ddl() returns event_trigger language plpgsql as 'begin end'; alter function on_ddl owner to app;
       create event trigger watch on ddl_command_end execute function on_ddl()`,
    )
    const trial = trialOf(await factsAs('purser'), { elsewhere: false })
    expect(trial.untried).toBeUndefined()
    expect(trial.leftOut.map(({ what }) => what)).toEqual(
      expect.arrayContaining(['extension pg_stat_statements', 'event trigger watch', 'publication everything']),
    )
    await ask(cluster.url(), 'create view slow as select * from pg_stat_statements; alter view slow owner to app')
    expect(trialOf(await factsAs('purser'), { elsewhere: false }).untried).toMatch(
      /^.*view slow uses extension pg_stat_statements: only a superuser/,
    )
    expect(whyNotAnew(await factsAs('postgres').catch(() => factsAs('purser')))).toMatch(
      /uses extension pg_stat_statements/,
    )
  })

  const dumpOf = async (): Promise<string> => {
    const env = { ...process.env, ...libpqEnvironment(new Sensitive(cluster.url())) }
    const { stdout } = await promisify(execFile)('pg_dump', ['--exclude-schema=purser'], { env, maxBuffer: 50_000_000 })
    return stdout.replaceAll(/^\\(un)?restrict .*$/gm, '')
  }

  it.each([
    ['purser', everything],
    ['app', theOwner],
  ])('back up, try out and restore in both ways as %s, to the byte', async (role, grants) => {
    await cluster.fill()
    await ask(cluster.url(), grants)
    const url = new Sensitive(cluster.url(role))
    await openDatabase({ url }).apply(adds, never)
    const before = await dumpOf()
    const backups = openBackups({ url, directory })
    expect(await backups.missingRights(never)).toEqual([])
    const { file, sha256, restoreTest } = await backups.create(`whole-${role}`, quiet, never)
    expect(restoreTest).toEqual({ outcome: 'passed', milliseconds: expect.any(Number) })

    const restores = openRestores({ url, directory })
    const damage = `delete from billing.invoices; drop table refunds; create table later (id int); select lo_unlink(4242)`
    await ask(
      cluster.url('app'),
      damage.replace('drop table refunds;', role === 'app' ? 'drop table refunds;' : 'truncate refunds;'),
    )
    expect(await restores.whyNotInPlace({}, never)).toBeUndefined()
    await restores.inPlace({ run: 7, file, sha256, safety: 'before', onProgress: quiet }, never)
    expect(await dumpOf()).toBe(before)

    await ask(cluster.url('app'), 'delete from billing.invoices; create table later (id int)')
    expect(await restores.whyNotSwap({}, never)).toBeUndefined()
    const names = restores.names(8)
    await restores.prepare({ names, file, sha256, onProgress: quiet }, never)
    await restores.swap(names, never)
    expect(await dumpOf()).toBe(before)
    expect(
      await ask(
        cluster.url('app'),
        `select pg_get_userbyid(datdba)::text as owner from pg_database where datname = 'app'`,
      ),
    ).toEqual([{ owner: 'app' }])
  })

  it('back up and try out with less, without owners, grants and what only a superuser can create, and say so', async () => {
    await cluster.fill()
    await ask(
      cluster.url(),
      `${less}; create extension pg_stat_statements; create publication everything for all tables;
       create function on_ddl() returns event_trigger language plpgsql as 'begin end'; alter function on_ddl owner to app;
       create event trigger watch on ddl_command_end execute function on_ddl(); comment on event trigger watch is 'x'`,
    )
    const url = new Sensitive(cluster.url('purser'))
    const backups = openBackups({ url, directory })
    const missing = await backups.missingRights(never)
    expect(missing).toEqual([{ what: "purser can't read large objects of app", mend: 'grant app to purser' }])
    await expect(backups.create('less-1', quiet, never)).rejects.toMatchObject({ code: 'permission_denied' })
    await ask(cluster.url('app'), 'grant select on large object 4242 to purser')
    expect(await backups.missingRights(never)).toEqual([])
    const without = [
      'owners and grants',
      'extension pg_stat_statements',
      'event trigger watch',
      'publication everything',
    ]
    expect((await backups.leftOutOfTest(never)).map(({ what }) => what)).toEqual(without)
    const { restoreTest } = await backups.create('less-2', quiet, never)
    expect(restoreTest).toEqual({ outcome: 'passed', milliseconds: expect.any(Number), without })
    const restores = openRestores({ url, directory })
    expect(await restores.whyNotSwap({}, never)).toBe('purser does not own the database app')
    expect(await restores.whyNotInPlace({}, never)).toBe("purser isn't allowed to create schemas in the database")
  })

  it('only read, as documented, also what migrations make later', async () => {
    await cluster.fill()
    await ask(cluster.url(), `${everything}; ${onlyReads}`)
    await databaseAs('purser').apply(adds, never)
    const database = openDatabase({
      url: new Sensitive(cluster.url('purser')),
      readOnlyUrl: new Sensitive(cluster.url('purser_reads')),
    })
    for (const sql of [
      'select count(*) from customers',
      'select count(*) from refunds',
      'select usename from pg_stat_activity',
      'select pg_backend_pid()',
    ])
      expect(await database.whyNotReadOnly(sql, never)).toBeUndefined()
    expect((await database.query('select count(*) from customers', { timeoutMs: 1_000 }, never)).rows).toEqual([['50']])
    expect((await database.query('select count(*) from refunds', { timeoutMs: 1_000 }, never)).rows).toEqual([['0']])
    await expect(ask(cluster.url('purser_reads'), 'insert into refunds default values')).rejects.toThrow(
      /permission denied|read-only/,
    )
  })
})
