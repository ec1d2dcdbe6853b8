import { type Shape, table } from './shape.ts'

/** What a file sets for itself, and what must not outlive it. */
export const settings: readonly Shape[] = [
  {
    name: 'a search_path',
    files: `create schema billing; set search_path to billing; ${table('t')}`,
    outcome: 'applied',
  },
  {
    name: 'a search_path, and a next file that relies on none',
    files: [
      ['1_a.sql', `create schema billing; set search_path to billing; ${table('t')}`],
      ['2_b.sql', table('u')],
    ],
    outcome: 'applied',
  },
  {
    name: 'a search_path that is reset',
    files: `create schema billing; set search_path to billing; ${table('t')} reset search_path; ${table('u')} set search_path to default; ${table('v')}`,
    outcome: 'applied',
  },
  {
    name: 'an empty search_path',
    files: `set search_path = ''; create table public.t (id int); create function public.f() returns int language sql as 'select 1';`,
    outcome: 'applied',
  },
  {
    name: 'a name without a schema under an empty search_path',
    files: `select set_config('search_path', '', false); ${table('t')}`,
    outcome: { fails: '3F000' },
  },
  {
    name: 'set local',
    files: `create schema billing; begin; set local search_path to billing; ${table('t')} commit;`,
    outcome: { refused: 'begins or ends a transaction of its own' },
  },
  {
    name: 'set local in a transaction',
    before: 'create schema billing;',
    files: `begin; set local search_path to billing; ${table('t')} commit;`,
    outcome: 'applied',
  },
  {
    name: 'set local, relying on the transaction',
    before: 'create schema billing;',
    files: `set local search_path to billing; ${table('t')}`,
    oneTransaction: true,
    outcome: 'applied',
  },
  {
    name: 'set role',
    files: `grant create on schema public to shapes_owner; set role shapes_owner; ${table('t')} reset role; ${table('u')}`,
    outcome: 'applied',
  },
  {
    name: 'set role, left',
    files: [
      ['1_a.sql', `grant create on schema public to shapes_owner; set role shapes_owner; ${table('t')}`],
      ['2_b.sql', table('u')],
    ],
    outcome: 'applied',
  },
  {
    name: 'set session authorization',
    files: `grant create on schema public to shapes_owner; set session authorization shapes_owner; ${table('t')}`,
    outcome: 'applied',
  },
  {
    name: 'set local role',
    before: 'grant create on schema public to shapes_owner;',
    files: `begin; set local role shapes_owner; ${table('t')} commit;`,
    outcome: 'applied',
  },
  { name: 'a role that may not', files: `set role shapes_reader; create schema nope;`, outcome: { fails: '42501' } },
  { name: 'a role that is not there', files: 'set role shapes_nobody;', outcome: { fails: '22023' } },
  {
    name: 'set of all kinds',
    files: `set client_min_messages to warning; set time zone 'Europe/Berlin'; set datestyle = 'German, DMY'; set intervalstyle = 'postgres_verbose'; set bytea_output = 'escape'; set extra_float_digits = 0; create table t (at timestamptz default '2026-01-02 03:04:05', d date default '01.02.2026'); insert into t default values;`,
    outcome: 'applied',
  },
  {
    name: 'a time zone for a default',
    files: `set timezone to 'Asia/Tokyo'; create table t (at timestamptz); insert into t values ('2026-01-01 00:00');`,
    outcome: 'applied',
  },
  {
    name: 'replication role',
    before: `${table('p')} create table c (p bigint references p);`,
    files: `set session_replication_role = replica; insert into c values (7); set session_replication_role = default;`,
    outcome: 'applied',
  },
  {
    name: 'unchecked functions',
    files: `set check_function_bodies = off; create function f() returns int language sql as 'select n from later'; create table later (n int);`,
    outcome: 'applied',
  },
  {
    name: 'a checked function of a table that comes later',
    files: `create function f() returns int language sql as 'select n from later'; create table later (n int);`,
    outcome: { fails: '42P01' },
  },
  { name: 'a setting that is not there', files: 'set no_such_setting = 1;', outcome: { fails: '42704' } },
  {
    name: 'a setting of the application',
    files: `set app.tenant = '42'; create table t (tenant text default current_setting('app.tenant')); insert into t default values;`,
    outcome: 'applied',
  },
  {
    name: 'settings of the database',
    files: `do $$ begin execute format('alter database %I set search_path to public, extensions', current_database()); end $$;`,
    outcome: 'applied',
  },
  {
    name: 'settings of a role',
    files: `alter role shapes_reader set statement_timeout = '5s'; alter role shapes_reader reset statement_timeout;`,
    outcome: 'applied',
  },
  {
    name: 'a limit for statements that is passed',
    files: `set statement_timeout = '50ms'; select pg_sleep(2);`,
    outcome: { fails: '57014' },
  },
  {
    name: 'a limit for statements that is set and reset',
    files: `set statement_timeout = '200ms'; select 1; set statement_timeout = 0; select pg_sleep(0.3); reset statement_timeout; ${table('t')}`,
    outcome: 'applied',
  },
  {
    name: 'a limit for each statement, not for all of them',
    files: `set statement_timeout = '250ms'; select pg_sleep(0.1); select pg_sleep(0.1); select pg_sleep(0.1); ${table('t')}`,
    outcome: 'applied',
  },
  {
    name: 'a limit for statements in a transaction',
    files: `begin; set local statement_timeout = '50ms'; select pg_sleep(2); commit;`,
    outcome: { fails: '57014' },
  },
  { name: 'a limit for locks', files: `set lock_timeout = '1s'; ${table('t')}`, outcome: 'applied' },
  { name: 'no limit for locks', files: `set lock_timeout to 0; ${table('t')}`, outcome: 'applied' },
  {
    name: 'names for a tablespace and an access method',
    files: `set default_tablespace = ''; set default_table_access_method = heap; ${table('t')}`,
    outcome: 'applied',
  },
  {
    name: 'an access method that is not there',
    files: `set default_table_access_method = columnar; ${table('t')}`,
    outcome: { fails: '22023' },
  },
  {
    name: 'compression and toast',
    files: `create table t (note text compression pglz); alter table t alter note set storage external; alter table t set (toast_tuple_target = 256, fillfactor = 80);`,
    outcome: 'applied',
  },
  { name: 'read only by default', files: `set default_transaction_read_only = on; select 1;`, outcome: 'applied' },
  {
    name: 'prepare, execute, deallocate',
    files: `${table('t')} prepare fill (int) as insert into t values ($1, 'a;'); execute fill(1); execute fill(2); deallocate fill; deallocate all;`,
    outcome: 'applied',
  },
  {
    name: 'listen and notify',
    files: `listen changes; notify changes, 'v2; done'; unlisten *; ${table('t')}`,
    outcome: 'applied',
  },
  {
    name: 'a temporary table',
    files: `create temp table ids (id int); insert into ids values (1), (2); create table t as select id from ids; drop table ids;`,
    outcome: 'applied',
  },
  {
    name: 'a temporary table that is left',
    files: [
      ['1_a.sql', `create temporary table ids as select 1 as id; create table t as table ids;`],
      ['2_b.sql', 'create table ids (id int);'],
    ],
    outcome: 'applied',
  },
  {
    name: 'a temporary table until the commit',
    files: `begin; create temp table ids (id int) on commit drop; insert into ids values (1); create table t as select * from ids; commit;`,
    outcome: 'applied',
  },
  {
    name: 'a temporary table until the commit, without a transaction',
    files: `create temp table ids on commit drop as select 1 as id; create table t as select * from ids;`,
    oneTransaction: true,
    outcome: 'applied',
  },
  {
    name: 'pg_temp in the open',
    files: `create table pg_temp.ids (id int); create view pg_temp.v as select 1; create table t (id int);`,
    outcome: 'applied',
  },
  {
    name: 'a cursor',
    files: `begin; declare c cursor for select 1; fetch c; close c; ${table('t')} commit;`,
    outcome: 'applied',
  },
  {
    name: 'a cursor with hold',
    files: `declare c cursor with hold for select generate_series(1, 3); fetch all c; close c; ${table('t')}`,
    outcome: 'applied',
  },
  {
    name: 'a cursor without a transaction',
    files: `declare c cursor for select 1; fetch c; ${table('t')}`,
    oneTransaction: true,
    outcome: 'applied',
  },
  {
    name: 'show and explain',
    before: table('t'),
    files: `show all; show search_path; explain select * from t; explain (analyze, buffers) select * from t; explain analyze create table u as select 1 as id;`,
    outcome: 'applied',
  },
  { name: 'load', files: `load 'plpgsql'; ${table('t')}`, outcome: 'applied' },
]
