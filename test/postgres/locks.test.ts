import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Major } from '../../sandbox/postgres/home.ts'
import type { Session } from '../../src/adapters/postgres/connection/session.ts'
import { readMigration } from '../../src/adapters/postgres/grammar/read-migration.ts'
import { type Facts, gatherFacts } from '../../src/adapters/postgres/locks/facts.ts'
import { type LockStep, locksTaken } from '../../src/adapters/postgres/locks/steps.ts'
import { tell } from '../../src/adapters/postgres/locks/tell.ts'
import { ask, startTestPostgres, type TestPostgres } from '../support/postgres.ts'

/** A database with one of each that locks reach in their own way. */
const fixture = `
  create schema app; create schema doomed; create schema "a.b"; create schema a;
  create table "a.b".c (id int); create table a."b.c" (id int); create table "a.b.c" (id int);
  create type mood as enum ('good', 'bad'); create domain positive as int check (value > 0);
  create function tax(amount int) returns int immutable language sql return amount / 5;
  create function guard() returns trigger language plpgsql as 'begin return new; end';
  create table customers (id int primary key, name text not null, email text unique, constraint "add foreign key" check (id > 0));
  create table invoices (id int primary key, customer_id int constraint invoices_customer references customers (id), amount positive, note text, mood mood);
  create table lines (id int primary key, invoice_id int); alter table lines add constraint lines_invoice foreign key (invoice_id) references invoices (id) not valid;
  create table accounts (id int primary key, parent int references accounts (id), balance int);
  create table empty_one (id int, name text); create table app.orders (id int primary key, kind int); create table app.customers (id int primary key);
  create unique index orders_kind on app.orders (kind); create index invoices_note on invoices (note); create index invoices_tax on invoices (tax(amount));
  create statistics invoices_both on customer_id, note from invoices;
  create trigger guarded before insert on invoices for each row execute function guard();
  create rule quiet as on update to empty_one do nothing; create policy own on customers using (true);
  create table events (id int, at date, note text, primary key (id, at)) partition by range (at);
  create table events_1 partition of events for values from ('2026-01-01') to ('2026-02-01');
  create table events_2 partition of events for values from ('2026-02-01') to ('2026-03-01');
  create table events_rest partition of events default; create index events_note on events (note);
  create trigger guarded before insert on events for each row execute function guard();
  create table events_3 (id int not null, at date not null, note text);
  create table visits (id int, customer_id int constraint visits_customer references customers (id)) partition by list (id);
  create table visits_1 partition of visits for values in (1); create table visits_2 partition of visits for values in (2);
  create table visits_3 (id int, customer_id int);
  create table parts (id int primary key) partition by range (id);
  create table parts_1 partition of parts for values from (1) to (9); create table parts_2 partition of parts for values from (9) to (99);
  create table uses (part_id int constraint uses_part references parts (id)); create table parts_3 (id int not null); create table uses_by (part_id int references parts (id)) partition by list (part_id); create table uses_by_1 partition of uses_by for values in (1);
  create extension citext; create table mails (address citext); create role clerk; create table clerks (id int primary key); alter table clerks owner to clerk;
  create table animals (id int, name text); create table cats () inherits (animals); alter table animals add constraint named check (name <> '') not valid; create table dogs (id int, name text, constraint named check (name <> ''));
  create view v_customers as select id, name from customers; create view v_over as select id from v_customers;
  create materialized view totals as select customer_id, count(*) as n from invoices group by 1; create unique index totals_key on totals (customer_id);
  create view v_tax as select tax(amount) from invoices;
  create sequence counter; create table tickets (id serial, n int default nextval('counter')); create table numbered (id int generated always as identity);
  create table doomed.t (id int primary key); create table keeps (doomed_id int references doomed.t (id)); create view v_doomed as select id from doomed.t; create table doomed.u (id int);
  create foreign data wrapper nothing; create server nowhere foreign data wrapper nothing; create foreign table far (id int) server nowhere;
  create publication feed for table customers;
`

/** Each is run in a transaction of its own, which is rolled back. */
const inTransaction: readonly string[] = [
  // One table
  'alter table customers add column note text',
  'alter table customers alter column name set statistics 100',
  'alter table customers alter column name set (n_distinct = 5)',
  'alter table customers alter column name set storage plain',
  'alter table customers alter column name drop not null',
  "alter table customers alter column name set default 'x'",
  'alter table customers set (fillfactor = 70)',
  'alter table customers reset (fillfactor)',
  'alter table customers set (user_catalog_table = true)',
  'alter table customers cluster on customers_pkey',
  'alter table customers replica identity full',
  'alter table customers enable row level security',
  'alter table customers owner to current_user',
  'alter table empty_one set unlogged',
  'alter table customers validate constraint "add foreign key"',
  'alter table customers drop constraint "add foreign key"',
  'alter table customers add constraint "validate constraint" check (id < 9)',
  'alter table customers alter column name set statistics 100, add column note text',
  'alter table customers alter column name set statistics 100, set (fillfactor = 70)',
  'alter table lines validate constraint lines_invoice, add column note text',
  'alter table invoices disable trigger guarded',
  'alter table invoices enable trigger all, alter column note set statistics 5',
  'alter table invoices rename to bills',
  'alter table invoices rename column note to remark',
  'alter table invoices rename constraint invoices_customer to of_customer',
  'alter trigger guarded on invoices rename to watched',
  'alter table invoices set schema app',
  'alter table if exists nowhere add column note text',
  'alter table tickets alter column id drop default, alter column id type bigint',
  'alter table numbered alter column id drop identity',
  'alter table app.orders add constraint kind_key unique using index orders_kind',
  'alter table empty_one disable rule quiet',
  'truncate customers, invoices, lines, visits',
  'truncate customers cascade',
  'truncate events',
  'truncate tickets restart identity',
  'lock table customers in share row exclusive mode',
  'lock table animals in share mode',
  'lock table only animals in exclusive mode',
  'lock table customers',
  'comment on table customers is null',
  'comment on column invoices.note is null',
  'comment on constraint invoices_customer on invoices is null',
  'comment on index invoices_note is null',
  'comment on view v_customers is null',
  // Foreign keys
  'alter table lines add column customer_id int references customers (id)',
  'alter table lines add constraint again foreign key (invoice_id) references invoices (id) not valid',
  'alter table lines validate constraint lines_invoice',
  'alter table invoices drop constraint invoices_customer',
  'alter table invoices alter constraint invoices_customer deferrable',
  'alter table customers drop constraint customers_pkey cascade',
  'alter table invoices drop column customer_id cascade',
  'alter table customers drop column id cascade',
  'alter table uses alter column part_id type bigint',
  'alter table keeps alter column doomed_id type bigint',
  'alter table parts_3 alter column id type bigint',
  'alter table accounts drop constraint accounts_parent_fkey',
  'alter table accounts alter column balance type bigint',
  'create table payments (id int, invoice_id int references invoices, customer_id int references customers (id), foreign key (id) references lines)',
  'create table payments (id int, part_id int references parts)',
  'alter table uses drop constraint uses_part',
  'create table if not exists invoices (id int references lines); alter table invoices add column extra text',
  'create table if not exists payments (id int references lines); alter table payments add column extra text',
  'drop table lines',
  'drop table if exists lines, uses, nowhere',
  'drop table customers cascade',
  'drop table accounts',
  'drop table uses, uses_by; drop table parts',
  // Indexes
  'create index on customers (name)',
  'create index if not exists invoices_note on invoices (note)',
  'create unique index on only events (id, at)',
  'create index on events (id)',
  'create index on totals (n)',
  'drop index invoices_note',
  'drop index invoices_note, app.orders_kind',
  'drop index events_note',
  'alter index invoices_note rename to invoices_remark',
  'alter index invoices_note set (fillfactor = 70)',
  'reindex index invoices_note',
  'reindex table invoices',
  'cluster invoices using invoices_pkey',
  'create statistics both_of on id, name from customers',
  'drop statistics invoices_both',
  // Partitions and inheritance
  'alter table events add column kind text',
  'alter table events alter column note set statistics 5',
  'alter table only events alter column note set statistics 5',
  'alter table events drop column note',
  'alter table events add constraint noted check (note is not null)',
  'alter table events add unique (id, at)',
  'alter table events disable trigger guarded',
  'alter table events disable trigger user',
  'drop trigger guarded on events',
  'alter trigger guarded on events rename to watched',
  'create trigger second after insert on events for each row execute function guard()',
  'create trigger second after insert on events for each statement execute function guard()',
  'alter table events owner to current_user',
  "create table events_4 partition of events for values from ('2026-04-01') to ('2026-05-01')",
  'create table visits_4 partition of visits for values in (4)',
  'create table visits_rest partition of visits default',
  'create table parts_4 partition of parts for values from (100) to (200)',
  "alter table events attach partition events_3 for values from ('2026-03-01') to ('2026-04-01')",
  'alter table visits attach partition visits_3 for values in (3)',
  'alter table parts attach partition parts_3 for values from (100) to (200)',
  'alter table events detach partition events_1',
  'alter table visits detach partition visits_1',
  'alter table visits drop constraint visits_customer',
  'alter table visits add constraint other foreign key (customer_id) references app.customers (id)',
  'alter table parts detach partition parts_1',
  'truncate parts, uses, uses_by',
  'alter table uses_by drop constraint uses_by_part_id_fkey',
  'drop table uses_by_1',
  'alter table events rename column note to remark',
  'alter table animals alter column name type varchar(9)',
  'create table puppies () inherits (animals, dogs)',
  'drop table events_1',
  'drop table visits_1',
  'drop table events',
  'alter table animals add column age int',
  'alter table only animals alter column name set default 1',
  'alter table animals validate constraint named',
  'alter table animals rename column name to title',
  'alter table animals drop constraint named',
  'alter table dogs inherit animals',
  'alter table cats no inherit animals',
  'create table birds (wings int) inherits (animals)',
  'drop table cats',
  'drop table animals cascade',
  'create index on animals (name)',
  // Views, rules, triggers, policies
  'create or replace view v_customers as select id, name from customers',
  'create or replace view v_new as select id from customers',
  'drop view v_over',
  'drop view v_customers cascade',
  'alter view v_over rename to v_under',
  'alter view v_customers set (security_barrier = true)',
  'refresh materialized view totals',
  'refresh materialized view concurrently totals',
  'drop materialized view totals',
  'alter materialized view totals rename to sums',
  'create rule loud as on delete to customers do nothing',
  'drop rule quiet on empty_one',
  'create policy mine on customers using (true)',
  'alter policy own on customers using (false)',
  'drop policy own on customers',
  'create trigger t after insert on customers for each row execute function guard()',
  'drop trigger guarded on invoices',
  'drop function guard() cascade',
  'drop function tax cascade',
  // Schemas, types, sequences and the rest
  'drop schema doomed cascade',
  'drop table doomed.t cascade',
  'alter schema doomed rename to saved; drop table saved.u',
  'drop type mood cascade',
  'drop domain positive cascade',
  'alter domain positive add constraint small check (value < 1000)',
  'alter domain positive add constraint small check (value < 1000) not valid',
  "alter type mood add value 'fair'",
  'alter sequence counter restart',
  'alter sequence counter owned by customers.id',
  'create sequence second owned by customers.id',
  'alter domain positive set not null',
  'alter type mood rename to temper',
  'alter publication feed drop table customers',
  'alter publication feed set table invoices',
  'drop publication feed',
  'reassign owned by clerk to current_user',
  'drop owned by clerk',
  'alter view v_over rename column id to number',
  'drop view if exists v_over, v_doomed, v_nowhere',
  'alter materialized view totals set (autovacuum_enabled = false)',
  'alter table empty_one alter column id set not null, alter column id add generated always as identity',
  'create table alike (like customers including all)',
  'create or replace rule quiet as on update to empty_one do nothing',
  "comment on trigger guarded on invoices is 'x'; comment on policy own on customers is 'x'; comment on rule quiet on empty_one is 'x'",
  'alter index events_note rename to events_remark',
  'alter table app.orders rename constraint orders_pkey to orders_key',
  'alter sequence tickets_id_seq increment 2',
  'drop sequence counter cascade',
  'alter foreign table far add column note text',
  'drop foreign table far',
  'alter publication feed add table invoices',
  'create publication more for table animals',
  // Names
  'alter table "a.b".c add column x int',
  'alter table a."b.c" add column x int',
  'alter table "a.b.c" add column x int',
  'set search_path to app; alter table customers add column x int',
  'set local search_path to app, public; drop index orders_kind; create index on invoices (id)',
  "select pg_catalog.set_config('search_path', 'app', true); alter table orders add column x int",
  'set search_path to app; reset search_path; alter table customers add column x int',
  'create temp table customers (id int); alter table customers add column x int',
  // What the same file made or dropped
  'create table fresh (id int primary key); create index on fresh (id); alter table fresh enable row level security; drop table fresh',
  'alter table empty_one rename to old_one; create table empty_one (id int); alter table empty_one add column x int',
  'create table copied as select * from customers; alter table copied add primary key (id)',
  'select * into copied from customers; alter table copied add primary key (id)',
  'create view v_fresh as select id from customers; drop view v_fresh',
  'create schema fresh create table t (id int references customers); drop schema fresh cascade',
  'drop table lines; create table lines (id int); alter table lines add column x int',
  // Blocks and functions
  'do $$ begin alter table customers add column x int; end $$',
  "do $$ begin if true then execute 'alter table invoices add column x int'; end if; end $$",
  'create function later() returns void language sql as $$ select 1; alter table customers add column x int; $$',
  'create function later() returns void language plpgsql as $$ begin alter table customers add column x int; end $$; select later()',
  'create procedure later() language plpgsql as $$ begin create index on customers (name); end $$; call later()',

  'alter table events alter column note type varchar(5)',
  'alter table customers add constraint named_once unique (name)',
  'alter table visits add primary key (id)',
  'alter table events add column customer_id int references customers',
  'alter table events drop constraint events_pkey',
  'alter table parts drop constraint parts_pkey cascade',
  'drop table parts cascade',
  'drop table parts_1 cascade',
  'drop schema app, doomed cascade',
  'alter table animals alter column name set not null',
  'alter table animals add constraint own check (id > 0) no inherit',
  'alter table animals set schema app',
  'alter table tickets set schema app; alter table app.tickets rename to cards; create table tickets (id int); drop table tickets',
  'alter table events rename to happenings',
  'create unique index on visits (id)',
  'alter table invoices alter column id type bigint',
  'alter table customers drop column email',
  'alter table invoices drop column mood',
  'alter table events detach partition events_rest',
  'drop table events_rest',
  'lock table v_customers',
  'truncate parts cascade',
  'alter table empty_one add constraint twice unique (id), add foreign key (id) references lines (id)',
  'refresh materialized view totals with no data',
  'alter index app.orders_kind set tablespace pg_default',
  'with gone as (delete from lines returning id) select * from gone',
  'create trigger t instead of insert on v_customers for each row execute function guard()',
  'alter statistics invoices_both set statistics 5',
  'alter statistics invoices_both rename to both_of_them',
  'alter policy own on customers rename to mine',
  'alter rule quiet on empty_one rename to loud',
  'grant insert on customers to clerk; revoke insert on customers from clerk; alter default privileges grant select on tables to clerk',
  'analyze',
  'drop extension citext cascade',
  'do $$ begin alter table empty_one rename to old_one; alter table old_one add column x int; end $$',
  'do $$ declare t text; begin for t in select 1 loop create index on customers (name); end loop; exception when others then null; end $$',
  'alter table customers alter column name set storage plain, alter column name set statistics 3',
  "create table events_5 partition of events for values from ('2026-05-01') to ('2026-06-01') partition by hash (id)",
  'alter table keeps add column other int, drop constraint keeps_doomed_id_fkey',
  'drop view v_doomed; drop table doomed.t cascade',
  'drop type mood cascade; drop table invoices cascade',
  'alter table far rename to near',
  'alter sequence counter rename to meter; alter sequence meter restart',
  'alter sequence counter set schema app',
  'alter view v_customers set schema app',
  'create materialized view more as select * from customers; drop materialized view more',
  'create recursive view v_count (n) as select 1 union all select n + 1 from v_count where n < 3',
  'comment on database postgres is null',
  'alter table customers add column a int, add column b int, add check (a > 0), drop constraint customers_email_key',
  'alter table lines drop constraint lines_pkey',
  // Only weaker locks
  "insert into empty_one values (1, 'x'); update empty_one set id = 2; delete from empty_one; select * from customers for update; copy customers to '/dev/null'; grant select on customers to public",
  'analyze customers',
]

/** What cannot run in a transaction: seen from another session, waiting for the first table, which a third one holds. */
const outside: readonly (readonly [string, string])[] = [
  ['create index concurrently slow on customers (name)', 'customers'],
  ['drop index concurrently invoices_note', 'invoices'],
  ['reindex index concurrently invoices_note', 'invoices'],
  ['reindex table concurrently invoices', 'invoices'],
  ['vacuum customers', 'customers'],
  ['vacuum full customers', 'customers'],
  ['vacuum (full false) customers', 'customers'],
  ['cluster events using events_note', 'events'],
  ['reindex schema app', 'app.orders'],
  ['alter table visits detach partition visits_1 concurrently', 'visits'],
]

const strong = ['SHARE UPDATE EXCLUSIVE', 'SHARE', 'SHARE ROW EXCLUSIVE', 'EXCLUSIVE', 'ACCESS EXCLUSIVE']

interface Taken {
  readonly name: string
  readonly mode: string
}

/** The strongest on each, by name; of an index only where its table is not locked so that nobody gets to it. */
function strongest(locks: readonly (Taken & { readonly table: string | undefined })[]): readonly string[] {
  const by = new Map<string, string>()
  for (const { name, mode } of locks) {
    const known = by.get(name)
    if (strong.includes(mode) && (known === undefined || strong.indexOf(mode) > strong.indexOf(known)))
      by.set(name, mode)
  }
  const told = locks.filter(({ table }) => table === undefined || by.get(table) !== 'ACCESS EXCLUSIVE')
  return [...new Set(told.flatMap(({ name }) => (by.has(name) ? [`${name}: ${by.get(name)}`] : [])))].toSorted()
}

async function saidOf(sql: string, facts: Facts): Promise<readonly string[]> {
  const { locks } = await readMigration(sql)
  const taken = locksTaken([JSON.parse(locks.steps) as LockStep[]], facts)[0] ?? []
  return strongest(
    taken.map(({ relation, mode }) => ({
      name: `${relation.oid}`,
      mode,
      table: relation.of === undefined ? undefined : `${relation.of.oid}`,
    })),
  )
}

describe.each<Major>([18, 15])('locks as PostgreSQL %i takes them', (major) => {
  let postgres: TestPostgres
  let url: string
  let session: pg.Client
  let facts: Facts
  let tables: ReadonlyMap<string, { readonly name: string; readonly table: string | undefined }>

  beforeAll(async () => {
    postgres = await startTestPostgres(major)
    url = await postgres.database()
    await ask(url, fixture)
    session = new pg.Client({ connectionString: url })
    await session.connect()
    facts = JSON.parse(await gatherFacts(session as Session, true)) as Facts
    const { rows } = await session.query<{ oid: string; name: string; of: string | null }>(
      `select c.oid::text, c.oid::regclass::text as name, coalesce(i.indrelid, d.refobjid)::text as of from pg_class c left join pg_index i on i.indexrelid = c.oid
       left join pg_depend d on c.relkind = 'S' and d.objid = c.oid and d.deptype in ('a', 'i') and d.refclassid = 'pg_class'::regclass
       where c.relnamespace::regnamespace::text !~ '^(pg_|information_schema)'`,
    )
    tables = new Map(rows.map(({ oid, name, of }) => [oid, { name, table: of ?? undefined }]))
  }, 60_000)
  afterAll(async () => {
    await session.end()
    await postgres.close()
  })

  /** What a session holds or waits for, as pg_locks has it. */
  const heldBy = async (by: pg.Client, pid: string): Promise<readonly string[]> => {
    const { rows } = await by.query<{ oid: string; mode: string }>(
      `select relation::text as oid, upper(trim(regexp_replace(replace(mode, 'Lock', ''), '([a-z])([A-Z])', '\\1 \\2', 'g'))) as mode
       from pg_locks where locktype = 'relation' and pid = ${pid} and database = (select oid from pg_database where datname = current_database())`,
    )
    const known = rows.filter(({ oid }) => tables.has(oid))
    return strongest(known.map(({ oid, mode }) => ({ name: oid, mode, table: tables.get(oid)?.table })))
  }
  const named = (locks: readonly string[]): readonly string[] =>
    locks.map((lock) => lock.replace(/^\d+/, (oid) => tables.get(oid)?.name ?? oid)).toSorted()

  it.each(inTransaction)('%s', async (sql) => {
    await session.query('begin')
    try {
      await session.query(sql)
      const held = await heldBy(session, 'pg_backend_pid()')
      expect(named(await saidOf(sql, facts)).join('\n')).toBe(named(held).join('\n'))
    } finally {
      await session.query('rollback')
      await session.query('discard all')
    }
  })

  it.each(outside)('%s, outside of a transaction', async (sql, table) => {
    const [holder, observer] = [new pg.Client({ connectionString: url }), new pg.Client({ connectionString: url })]
    await Promise.all([holder.connect(), observer.connect()])
    try {
      await holder.query(`begin; lock table ${table} in share update exclusive mode`)
      const { rows } = await session.query<{ pid: number }>('select pg_backend_pid() as pid')
      const pid = `${rows[0]?.pid}`
      const running = session.query(sql).catch((error: unknown) => error)
      let held: readonly string[] = []
      await expect
        .poll(async () => {
          const waiting = await observer.query(`select from pg_locks where pid = ${pid} and not granted`)
          held = await heldBy(observer, pid)
          return waiting.rowCount
        })
        .toBe(1)
      await observer.query(`select pg_cancel_backend(${pid})`)
      await running
      const said = named(await saidOf(sql, facts))
      for (const lock of named(held)) expect(said).toContain(lock)
      expect(held.length).toBeGreaterThan(0)
    } finally {
      await Promise.all([holder.end(), observer.end()])
    }
  })

  it('tells in doubt more of a block, where nobody knows which branch runs', async () => {
    const sql =
      'do $$ begin if false then drop table lines; end if; alter table lines add x int; if true then alter table lines rename to rows; end if; end $$; create index on rows (id)'
    expect(named(await saidOf(sql, facts))).toEqual(['invoices: ACCESS EXCLUSIVE', 'lines: ACCESS EXCLUSIVE'])
  })

  it('tells them as what they mean to others', async () => {
    const told = async (sql: string): Promise<readonly string[]> => {
      const { locks } = await readMigration(sql)
      const [taken = []] = locksTaken([JSON.parse(locks.steps) as LockStep[]], facts)
      return tell(taken).map(
        ({ oid, blocks, index }) =>
          `${blocks} on ${tables.get(String(oid))?.name}${index === undefined ? '' : ` by ${index}`}`,
      )
    }
    expect(await told('reindex table app.orders')).toEqual(['reads and writes on app.orders by orders_pkey'])
    expect(await told('alter table events add column kind text')).toEqual(['reads and writes on events'])
    // Its second transaction takes the partition for itself alone, which no other session can be made to see.
    expect(await told('alter table visits detach partition visits_1 concurrently')).toContain(
      'reads and writes on visits_1',
    )
    expect(await told('drop table tickets')).toEqual(['reads and writes on tickets'])
    expect(await told('alter sequence counter restart')).toEqual(['writes on counter'])
    expect(await told('drop table events_1; create index on events_2 (note)')).toEqual(
      expect.arrayContaining(['reads and writes on events']),
    )
  })

  it('lets a later file see what an earlier one has made and dropped, and not its search_path', async () => {
    const files = [
      'create table fresh (id int); drop table lines; set search_path to app',
      'alter table fresh add column x int; create table lines (id int); create index on lines (id); alter table customers add column x int',
    ]
    const read = await Promise.all(files.map((sql) => readMigration(sql)))
    const taken = locksTaken(
      read.map(({ locks }) => JSON.parse(locks.steps) as LockStep[]),
      facts,
    )
    expect(
      taken.map((locks) =>
        locks
          .filter(({ relation }) => relation.of === undefined)
          .map(({ relation, mode }) => `${relation.schema}.${relation.name} ${mode}`),
      ),
    ).toEqual([
      ['public.lines ACCESS EXCLUSIVE', 'public.invoices ACCESS EXCLUSIVE'],
      ['public.customers ACCESS EXCLUSIVE'],
    ])
  })
})
