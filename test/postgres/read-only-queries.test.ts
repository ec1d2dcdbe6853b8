import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openDatabase } from '../../src/adapters/postgres/database.ts'
import { Sensitive } from '../../src/sensitive.ts'
import { ask, startTestPostgres, type TestPostgres } from '../support/postgres.ts'

/** What a query that purser.yaml configures may call. */

let postgres: TestPostgres
let url: string
let reader: string
const never = new AbortController().signal
beforeAll(async () => {
  postgres = await startTestPostgres()
  url = await postgres.database()
  await ask(
    url,
    `create table customers (id int primary key, email text);
     insert into customers values (1, 'ann@example.com');
     create table seen (n int);
     create sequence numbers;
     create schema app;
     create function app.wipe() returns int language plpgsql volatile as $$ begin delete from customers; return 1; end $$;
     create function app.calm() returns int language sql stable as 'select 1';
     create function mail(customers) returns text language sql volatile as 'select $1.email';
     create function random(int) returns int language sql volatile as 'select 1';
     create function app.odd(int, int) returns boolean language sql volatile as 'select true';
     create operator @@@ (leftarg = int, rightarg = int, function = app.odd);
     create type app.word as (text text);
     create function app.to_word(int) returns app.word language sql volatile as 'select row(''x'')::app.word';
     create cast (int as app.word) with function app.to_word(int);
     create function app.add(int, int) returns int language sql volatile as 'select 1';
     create aggregate app.total(int) (sfunc = app.add, stype = int);
     create view calm_view as select count(*) from customers;
     create view evil_view as select app.wipe() as n;
     create view above as select * from evil_view;
     create function app.crosstab(text) returns int language sql stable as 'select 1';`,
  )
  await ask(
    url,
    `create role reading login password 'reads'; grant select on all tables in schema public to reading; revoke create on schema public from public`,
  )
  const address = new URL(url)
  address.username = 'reading'
  address.password = 'reads'
  reader = address.href
})
afterAll(() => postgres.close())

const why = (sql: string, readOnlyUrl?: string) =>
  openDatabase({
    url: new Sensitive(url),
    ...(readOnlyUrl === undefined ? {} : { readOnlyUrl: new Sensitive(readOnlyUrl) }),
  }).whyNotReadOnly(sql, never)

describe('is refused, and not asked', () => {
  it.each([
    ['select pg_terminate_backend(1)', 'pg_terminate_backend() may change something: it is volatile'],
    ['select count(*) from pg_stat_activity where pg_terminate_backend(pid)', 'pg_terminate_backend() may'],
    ['select PG_Catalog.PG_Terminate_Backend(1)', 'pg_catalog.pg_terminate_backend() may'],
    ['select "pg_terminate_backend"(1)', 'pg_terminate_backend() may'],
    ['select pg_cancel_backend(1)', 'pg_cancel_backend() may'],
    ["select pg_read_file('/etc/passwd')", 'pg_read_file() may'],
    ["select * from pg_ls_dir('.')", 'pg_ls_dir() may'],
    ["select lo_import('/etc/passwd')", 'lo_import() may'],
    ['select pg_switch_wal()', 'pg_switch_wal() may'],
    ['select pg_reload_conf()', 'pg_reload_conf() may'],
    ["select nextval('numbers')", 'nextval() may'],
    ["select setval('numbers', 1)", 'setval() may'],
    ["select set_config('role', 'x', false)", 'set_config() may'],
    ['select pg_sleep(1)', 'pg_sleep() may'],
    ['select pg_advisory_lock(1)', 'pg_advisory_lock() may'],
    ['select pg_try_advisory_lock(1)', 'pg_try_advisory_lock() may'],
    ["select pg_notify('a', 'b')", 'pg_notify() may'],
    ["select pg_logical_emit_message(false, 'a', 'b')", 'pg_logical_emit_message() may'],
    ['select pg_export_snapshot()', 'pg_export_snapshot() may'],
    ['select pg_stat_reset()', 'pg_stat_reset() may'],
    ["select query_to_xml('select 1', true, true, '')", 'query_to_xml() may'],
    ["select app.crosstab('select pg_switch_wal()')", 'app.crosstab() may'],
    ['select app.wipe()', 'app.wipe() may'],
    ['select wipe()', 'wipe() may'],
    ['select (select app.wipe())', 'app.wipe() may'],
    ['with w as (select app.wipe()) select * from w', 'app.wipe() may'],
    ['select * from customers where id in (select app.wipe())', 'app.wipe() may'],
    ['select 1 order by app.wipe()', 'app.wipe() may'],
    ['select 1 limit app.wipe()', 'app.wipe() may'],
    ['values (app.wipe())', 'app.wipe() may'],
    ['select 1 union select app.wipe()', 'app.wipe() may'],
    ['select count(*) filter (where app.wipe() = 1) from customers', 'app.wipe() may'],
    ['select sum(1) over (order by app.wipe())', 'app.wipe() may'],
    ['select case when app.wipe() = 1 then 1 end', 'app.wipe() may'],
    ['select * from customers c join lateral app.wipe() on true', 'app.wipe() may'],
    ['select * from rows from (app.wipe()) as w', 'app.wipe() may'],
    ['select random()', 'random() may'],
    ['select c.mail from customers c', 'mail() may'],
    ['select (c).mail from customers c', 'mail() may'],
    ['select 1 @@@ 2', 'operator @@@ may'],
    ['select 1 operator(public.@@@) 2', 'operator public.@@@ may'],
    ['select 1 = any (array[1]), 1 @@@ any (array[1])', 'operator @@@ may'],
    ['select 1::app.word', 'a cast to app.word may'],
    ['select app.total(1)', 'app.total() may'],
    ['select * from evil_view', 'app.wipe(), in view public.evil_view, may'],
    ['select * from above', 'app.wipe(), in view public.evil_view, may'],
    ['select * from customers for update', 'locks the rows that it reads'],
    ['select * from customers for key share', 'locks the rows that it reads'],
    ['select * from (select * from customers for share) c', 'locks the rows that it reads'],
    ['select 1 into made', 'makes a table'],
    ['select 1 into made union select 2', 'makes a table'],
    ['with gone as (delete from customers returning 1) select * from gone', 'changes rows'],
    ["copy customers to program 'x'", "isn't a SELECT"],
    ['explain analyze delete from customers', "isn't a SELECT"],
    ['table customers; drop table customers', 'more than one statement'],
    ['call app.p()', "isn't a SELECT"],
    ['do $$ begin end $$', "isn't a SELECT"],
    ['set role x', "isn't a SELECT"],
    ['', 'is empty'],
    ['selec 1', 'cannot be read'],
  ])('%s', async (sql, words) => {
    expect(await why(sql)).toContain(words)
    const database = openDatabase({ url: new Sensitive(url) })
    await expect(database.query(sql, { timeoutMs: 1_000 }, never)).rejects.toMatchObject({ code: 'not_read_only' })
  })
})

describe('is asked', () => {
  it.each([
    'select count(*) from customers',
    'select count(*) from calm_view',
    "select count(*), date_trunc('day', now()) from customers where email like 'a%' group by 2",
    'select app.calm()',
    'select pg_catalog.random(), clock_timestamp(), gen_random_uuid()',
    'select pg_total_relation_size(oid) from pg_class limit 1',
    'select count(*) from pg_stat_activity',
    'select count(*) from pg_locks',
    'select count(*) from information_schema.tables',
    'select extract(epoch from now()), coalesce(null, 1), greatest(1, 2), array_agg(id), max(email) from customers',
    "select jsonb_build_object('a', 1) ->> 'a', '{\"a\":1}'::jsonb @> '{}'",
    'select row_number() over (partition by email order by id) from customers',
    'select * from generate_series(1, 3) n tablesample system (100)'.replace(' tablesample system (100)', ''),
    'select count(*) from customers tablesample system (100)',
  ])('%s', async (sql) => {
    expect(await why(sql)).toBeUndefined()
    await openDatabase({ url: new Sensitive(url) }).query(sql, { timeoutMs: 5_000 }, never)
  })
})

describe('a role of its own', () => {
  it('that may only read is asked, and may call what is volatile; what its text says it does is refused all the same', async () => {
    expect(await why('select pg_sleep(0)', reader)).toBeUndefined()
    expect(await why('select 1 into made', reader)).toContain('makes a table')
    const database = openDatabase({ url: new Sensitive(url), readOnlyUrl: new Sensitive(reader) })
    expect((await database.query('select current_user', { timeoutMs: 1_000 }, never)).rows).toEqual([['reading']])
    await expect(database.query("select pg_read_file('x')", { timeoutMs: 1_000 }, never)).rejects.toMatchObject({
      code: 'permission_denied',
    })
  })

  it.each([
    ['grant insert on seen to reading', 'revoke insert on seen from reading', 'may write to tables'],
    [
      'grant pg_signal_backend to reading',
      'revoke pg_signal_backend from reading',
      'is a member of a role that may do more than read',
    ],
    ['alter role reading superuser', 'alter role reading nosuperuser', 'is a superuser'],
    ['alter role reading createrole', 'alter role reading nocreaterole', 'may create roles'],
    ['grant create on schema public to reading', 'revoke create on schema public from reading', 'may create objects'],
  ])('is no such role after %s', async (give, take, words) => {
    await ask(url, give)
    try {
      expect(await why('select pg_sleep(0)', reader)).toContain(words)
      expect(await why('select count(*) from customers', reader)).toBeUndefined()
    } finally {
      await ask(url, take)
    }
    expect(await why('select pg_sleep(0)', reader)).toBeUndefined()
  })
})

it('rows that a policy hides from the role are not missing in silence', async () => {
  await ask(
    url,
    'create table hidden (id int); insert into hidden values (1); alter table hidden enable row level security; grant select on hidden to reading',
  )
  const database = openDatabase({ url: new Sensitive(url), readOnlyUrl: new Sensitive(reader) })
  await expect(database.query('select count(*) from hidden', { timeoutMs: 1_000 }, never)).rejects.toMatchObject({
    code: 'permission_denied',
    message: expect.stringContaining('row-level security'),
  })
})

it('an error that quotes a row does not show it', async () => {
  const database = openDatabase({ url: new Sensitive(url) })
  const error: unknown = await database
    .query('select email::int from customers', { timeoutMs: 1_000 }, never)
    .catch((thrown: unknown) => thrown)
  expect(error).toMatchObject({ code: 'database_failed', sqlState: '22P02' })
  expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toContain('ann@')
})
