import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openDatabase } from '../../src/adapters/postgres/database.ts'
import { type Session, withSession } from '../../src/adapters/postgres/connection/session.ts'
import { catalogOf, readCatalog } from '../../src/adapters/postgres/schema/catalog.ts'
import { forecast } from '../../src/adapters/postgres/schema/changes.ts'
import { parseKey } from '../../src/adapters/postgres/schema/keys.ts'
import type { Catalog } from '../../src/adapters/postgres/schema/model.ts'
import { namesIn, readScript } from '../../src/adapters/postgres/schema/script.ts'
import { Sensitive } from '../../src/sensitive.ts'
import { ask, startTestPostgres, type TestPostgres } from '../support/postgres.ts'
import { oldSchema, oldStatements } from './old-statements.ts'
import { oldVersionRows } from './old-version-rows.ts'

const never = new AbortController().signal

/** Tries each statement for itself, and names those that fail. */
const failing = `create function failing(statements text[]) returns setof text language plpgsql as $$
  declare one text;
  begin
    foreach one in array statements loop
      begin
        execute one;
        raise exception sqlstate 'UNDO1';
      exception when sqlstate 'UNDO1' then null; when others then return next one;
      end;
    end loop;
  end $$`

describe('what migrations do, told before they run', () => {
  let postgres: TestPostgres
  let url: string
  let client: pg.Client
  /** Read once, with whatever any of the rows names. */
  let catalog: Catalog
  beforeAll(async () => {
    postgres = await startTestPostgres()
    url = await postgres.database()
    await ask(url, `create role app; ${oldSchema}; ${failing}`)
    client = new pg.Client({ connectionString: url })
    await client.connect()
    const scripts = await Promise.all(oldVersionRows.map(([sql]) => readScript(sql)))
    const read = (session: Session) => readCatalog(session, namesIn(scripts))
    catalog = catalogOf(await withSession(new Sensitive(url), 'reading', never, read))
  }, 60_000)
  afterAll(async () => {
    await client.end()
    await postgres.close()
  })

  const database = () => openDatabase({ url: new Sensitive(url) })

  /** Runs files in a transaction that is undone, each with the settings of a new session. */
  async function afterwards<T>(files: readonly string[], look: () => Promise<T>): Promise<T> {
    await client.query('begin')
    try {
      for (const sql of files) {
        await client.query(sql)
        await client.query('reset search_path; discard temp')
      }
      return await look()
    } finally {
      await client.query('rollback')
    }
  }

  async function failingStatements(): Promise<readonly string[]> {
    await client.query('set local role app')
    const { rows } = await client.query<{ statement: string }>('select failing($1) as statement', [oldStatements])
    return rows.map(({ statement }) => statement)
  }

  it('the old version works on its own schema', async () => {
    expect(await afterwards([], failingStatements)).toEqual([])
  })

  it.each(oldVersionRows)('%s', async (sql, cannot, may, then) => {
    const { files } = forecast([await readScript(sql)], catalog)
    expect(files.flatMap(({ takes }) => takes.map(({ what }) => what))).toEqual(cannot)
    expect(files.flatMap((file) => file.may.map(({ what }) => what))).toEqual(may)
    const failed = await afterwards([sql], failingStatements)
    expect(failed.length > 0 ? 'fails' : 'works').toBe(then)
    // The server is the referee: what cannot run fails, and what Purser says nothing of works.
    if (cannot.length > 0) expect(failed).not.toEqual([])
    if (failed.length > 0) expect([...cannot, ...may]).not.toEqual([])
  })

  async function missing(keys: readonly string[]): Promise<readonly string[]> {
    const found: string[] = []
    for (const key of keys) {
      const { schema = '', table = '', part = '' } = parseKey(key) ?? {}
      const { rows } = await client.query<{ there: boolean }>(
        `select case split_part($1, ' ', 1) when 'column' then exists (select from pg_attribute where attrelid = c.oid and attname = $4 and not attisdropped)
           when 'policy' then exists (select from pg_policy where polrelid = c.oid and polname = $4) else true end as there
         from pg_class c where relname = $3 and relnamespace::regnamespace::text = quote_ident($2)`,
        [key, schema, table, part],
      )
      if (rows[0]?.there !== true) found.push(key)
    }
    return found
  }

  it.each<[files: readonly string[], there: readonly string[], perhaps?: readonly string[]]>([
    [
      ['create table a (id int)', 'alter table a add b int, drop column id'],
      ['table a', 'column a.b'],
    ],
    [['create table a (id int)', 'drop table a'], []],
    [
      ['create table a (id int)', 'alter table a rename to b; alter table b rename column id to key'],
      ['table b', 'column b.key'],
    ],
    [
      ['create table a (id int)', 'drop table if exists a; create table a (key int)'],
      ['table a', 'column a.key'],
    ],
    [
      ['create schema s; set search_path to s; create table t (id int)', 'create table t (name text)'],
      ['table s.t', 'column s.t.id', 'table t', 'column t.name'],
    ],
    [['create table t (id int); alter table t set schema billing'], ['table billing.t', 'column billing.t.id']],
    [
      [
        'create temp table customers (x int); alter table customers add y int; create policy p on customers using (true)',
      ],
      [],
    ],
    [['create table if not exists customers (id int, brand text)'], []],
    [
      ['alter table customers add column if not exists note text, add column if not exists fresh int'],
      ['column customers.fresh'],
    ],
    [
      ['create table "A.b" ("c d" int, "line\nbreak" int, "quote""d" int)'],
      ['table "A.b"', 'column "A.b"."c d"', 'column "A.b"."line\\nbreak"', 'column "A.b"."quote\\"d"'],
    ],
    [
      ['create table "x.y" (z int); create schema x; create table x.y (z int)', 'drop table x.y'],
      ['table "x.y"', 'column "x.y".z'],
    ],
    [
      [
        'create table made as select id, name from customers; select id, code into picked from customers; create table copied (like payments including all)',
      ],
      [
        'table made',
        'table picked',
        'table copied',
        'column copied.id',
        'column copied.customer',
        'column copied.ref',
        'column copied.sum',
      ],
      ['column made.id', 'column made.name', 'column picked.id', 'column picked.code'],
    ],
    [
      ['create table p (id int, at date) partition by range (at); create table p_rest partition of p default'],
      ['table p', 'column p.id', 'column p.at', 'table p_rest', 'column p_rest.id', 'column p_rest.at'],
    ],
    [
      [
        `create table part (at date, what text); alter table events attach partition part for values from ('2021-01-01') to ('2022-01-01')`,
        'alter table events detach partition part',
      ],
      ['table part', 'column part.at', 'column part.what'],
    ],
    [['do $$ begin create table d (id int); perform now(); end $$'], ['table d', 'column d.id']],
    [['do $$ begin if false then create table d (id int); end if; end $$'], [], ['table d', 'column d.id']],
    [
      [
        `do $$ begin if not exists (select from pg_attribute where attname = 'fresh') then alter table customers add column fresh int; end if; end $$`,
      ],
      [],
      ['column customers.fresh'],
    ],
    [
      ['create table made (id int)', `do $$ begin execute format('drop table if exists %I', 'made'); end $$`],
      [],
      ['table made', 'column made.id'],
    ],
    [['create table made (id int)', `do $$ begin execute 'drop table made'; end $$`], []],
    [
      [
        'alter table customers enable row level security; create policy p on customers using (true); create policy q on customers using (true)',
        'drop policy q on customers; alter policy p on customers rename to r',
      ],
      ['policy customers.r'],
    ],
    [['create table a (id int); create policy p on a using (true); drop table a'], []],
    [['create table a (id int); create view v as select * from a; drop table a cascade'], []],
    [
      ['create view v as select code from customers', 'alter table customers drop column code cascade'],
      [],
      ['table v'],
    ],
    [
      [
        'create table a (id int)',
        'create function zap() returns void language plpgsql as $$ begin drop table a; end $$; select zap()',
      ],
      [],
      ['table a', 'column a.id'],
    ],
    [
      [
        `select pg_catalog.set_config('search_path', 'billing', false); create table inv (id int)`,
        'create table inv (name text)',
      ],
      ['table billing.inv', 'column billing.inv.id', 'table inv', 'column inv.name'],
    ],
    [
      ['create table kept (id int); savepoint s; create table gone (id int); rollback to savepoint s'],
      ['table kept', 'column kept.id'],
    ],
    [
      ['create schema w create table t1 (id int) create view v1 as select 1 as one'],
      ['table w.t1', 'column w.t1.id', 'table w.v1'],
    ],
    [
      ['create table k (extra int) inherits (customers)'],
      [
        'table k',
        'column k.id',
        'column k.name',
        'column k.note',
        'column k.plan',
        'column k.email',
        'column k.created',
        'column k.amount',
        'column k.seats',
        'column k.code',
        'column k.region',
        'column k.extra',
      ],
    ],
    [
      ['create schema s; create table s.t (id int)', 'alter schema s rename to r'],
      ['table r.t', 'column r.t.id'],
    ],
    [
      ['do $$ begin create table e (id int); drop table never; exception when others then null; end $$'],
      [],
      ['table e', 'column e.id'],
    ],
    [
      ['do $$ begin create table first (id int); if true then return; end if; create table second (id int); end $$'],
      ['table first', 'column first.id'],
      ['table second', 'column second.id'],
    ],
    [
      ['drop schema billing cascade', 'create schema billing; create table billing.invoices (id int, fresh int)'],
      ['column billing.invoices.fresh'],
    ],
    [
      ['alter table customers rename to clients; create view customers as select * from clients'],
      [
        'table clients',
        'column clients.id',
        'column clients.name',
        'column clients.note',
        'column clients.plan',
        'column clients.email',
        'column clients.created',
        'column clients.amount',
        'column clients.seats',
        'column clients.code',
        'column clients.region',
      ],
    ],
    [
      [
        'create table if not exists a (id int)',
        'create table if not exists a (id int, more text)',
        'alter table a add column if not exists more text',
      ],
      ['table a', 'column a.id', 'column a.more'],
    ],
    [
      [
        'create or replace view fresh_view as select id from customers; create materialized view m as select id from customers with no data',
      ],
      ['table fresh_view', 'table m'],
    ],
    [['create type mood as (a int); create table typed of mood', 'drop type mood cascade'], []],
    [['create table stay (id int); drop table if exists a, stay, b'], []],
    [
      ['reset search_path; set search_path to default; set local search_path to billing; create table here (id int)'],
      ['table billing.here', 'column billing.here.id'],
    ],
    [
      [
        `do $$ declare t text; begin for t in select 'x' loop create table if not exists looped (id int); end loop; end $$`,
      ],
      [],
      ['table looped', 'column looped.id'],
    ],
    [
      [
        'create table billing.customers (id int)',
        'set search_path = billing, public; alter table customers add inner_note text',
      ],
      ['table billing.customers', 'column billing.customers.id', 'column billing.customers.inner_note'],
    ],
  ])('%j bring %j for certain', async (files, there, perhaps = []) => {
    const told = await database().changes(
      files.map((sql) => ({ sql })),
      never,
    )
    expect(told.there).toEqual(there)
    expect(told.perhaps).toEqual(perhaps)
    expect(await afterwards(files, () => missing(told.there))).toEqual([])
  })

  it.each<[sql: string, remarks: readonly string[]]>([
    ['create table if not exists customers (id int)', ['leaves table customers as it is, because it exists already']],
    ['create table customers (id int)', ['makes table customers, which exists already']],
    [
      'drop table gone; alter table gone_too add column a int; alter table customers drop column gone',
      [
        'drops table gone, which does not exist',
        'changes table gone_too, which does not exist',
        'drops column customers.gone, which does not exist',
      ],
    ],
    ['alter table customers add column note int', ['adds column customers.note, which exists already']],
    [
      'alter table customers add column if not exists note int',
      ['leaves column customers.note as it is, because it exists already'],
    ],
    ['create schema billing; create schema if not exists billing', ['makes schema billing, which exists already']],
    [
      `create type plan as enum ('a'); alter type plan add value 'free'`,
      ['makes type plan, which exists already', 'adds value free to type plan, which has it already'],
    ],
    ['create view customer_names as select 1 as one', ['makes view customer_names, which exists already']],
    ['create or replace view customer_names as select id, name, note from customers', []],
    [
      `create function charge(a int) returns int language sql as 'select 1'`,
      ['makes function charge(integer), which exists already'],
    ],
    ['drop table if exists gone; drop view if exists gone', []],
    [
      'create policy p on customers using (true); create policy p on customers using (true)',
      ['makes policy p of customers, which exists already'],
    ],
    [
      'set search_path to billing; create table customers (id int); drop table invoices; drop table payments',
      ['drops table payments, which does not exist'],
    ],
    [`do $$ begin execute 'x' || 'y'; end $$; drop table gone`, []],
    [
      'create index concurrently if not exists payments_ref_key on payments (ref)',
      ['leaves index payments_ref_key as it is, because it exists already'],
    ],
    [
      'do $$ begin if true then create table maybe (id int); end if; end $$; create table if not exists maybe (id int)',
      [],
    ],
  ])('%s: %j', async (sql, remarks) => {
    const { files } = await database().changes([{ sql }], never)
    expect(files.flatMap((file) => file.remarks)).toEqual(remarks)
  })

  it('reads which release is needed at least', async () => {
    const sql = '-- Nobody reads it since then.\n  -- purser: needs v1.3.0\nalter table customers drop column code'
    const { files } = await database().changes([{ sql }, { sql: 'this is not SQL' }], never)
    expect(files.map(({ needs }) => needs)).toEqual(['v1.3.0', undefined])
    expect(files.map(({ may }) => may.map(({ what }) => what))).toEqual([
      [],
      ['cannot be read by the grammar of PostgreSQL'],
    ])
  })

  it('finds what is missing by the name that was told, however odd', async () => {
    const keys = ['table "a.b"', 'table a.b', 'column "a.b".c', 'column a."b.c"', 'column "odd name"."Some Column"']
    expect(await database().missing([...keys, 'table billing.invoices', 'policy customers.p'], never)).toEqual([
      'table a.b',
      'column a."b.c"',
      'policy customers.p',
    ])
  })
})
