import { type Shape, table } from './shape.ts'

const rows = `create table t (id int primary key, note text, kind int); insert into t select n, 'note ' || n, n % 3 from generate_series(1, 50) n;`
const parts = `create table p (id int, at date) partition by range (id); create table p1 partition of p for values from (0) to (10); create table p2 partition of p for values from (10) to (20);`

/** What cannot run in a transaction, alone and among others. */
export const outside: readonly Shape[] = [
  {
    name: 'an index, concurrently',
    before: rows,
    files: 'create index concurrently t_note on t (note);',
    outcome: 'applied',
  },
  {
    name: 'an index, concurrently, if it is not there',
    before: rows,
    files:
      'create index concurrently if not exists t_note on public.t using btree (note); create unique index concurrently if not exists t_pkey on t (id);',
    outcome: 'applied',
  },
  {
    name: 'an index, concurrently, comments between the words',
    before: rows,
    files:
      "create /* in */ unique index -- why\n concurrently t_note /* of */ on only t (note) where note <> '' /* ; */;",
    outcome: 'applied',
  },
  {
    name: 'an index, concurrently, among others',
    before: rows,
    files:
      'alter table t add column more text; create index concurrently t_more on t (more); update t set more = note; drop index concurrently t_more;',
    outcome: 'applied',
  },
  {
    name: 'an index, concurrently, without a name',
    before: rows,
    files: 'create index concurrently on t (note);',
    outcome: { refused: 'without a name' },
  },
  {
    name: 'an index, concurrently, of an expression',
    before: rows,
    files: `create index concurrently t_lower on t (lower(note), (kind + 1)) include (id) with (fillfactor = 70);`,
    outcome: 'applied',
  },
  {
    name: 'an index, concurrently, that rows contradict',
    before: rows,
    files: 'create unique index concurrently t_kind on t (kind);',
    outcome: { fails: '23505' },
  },
  {
    name: 'an index, concurrently, of whose name there is one',
    before: `${rows} create index t_note on t (kind);`,
    files: 'create index concurrently t_note on t (note);',
    outcome: { fails: '42P07' },
  },
  {
    name: 'an index, concurrently, of a table that is not there',
    files: 'create index concurrently i on nowhere (id);',
    outcome: { fails: '42P01' },
  },
  {
    name: 'an index, concurrently, of a partitioned table',
    before: parts,
    files: 'create index concurrently p_at on p (at);',
    outcome: { fails: '0A000' },
  },
  {
    name: 'an index, concurrently, within a transaction',
    before: rows,
    files: 'begin; create index concurrently t_note on t (note); commit;',
    outcome: { refused: "can't run in the transaction" },
  },
  {
    name: 'an index, concurrently, then a constraint that uses it',
    before: rows,
    files:
      'create unique index concurrently t_note on t (note); alter table t add constraint t_note_once unique using index t_note;',
    outcome: 'applied',
  },
  {
    name: 'an index, concurrently, with a search_path',
    before: `create schema billing; create table billing.t (id int, note text);`,
    files: 'set search_path = billing, public; create index concurrently t_note on t (note); reset search_path;',
    outcome: 'applied',
  },
  {
    name: 'an index, concurrently, by set_config',
    before: `create schema billing; create table billing.t (id int, note text);`,
    files: `select pg_catalog.set_config('search_path', 'billing', false); create index concurrently t_note on t (note);`,
    outcome: 'applied',
  },
  {
    name: 'an index, concurrently, with set local',
    before: `create schema billing; create table billing.t (id int, note text);`,
    files: 'set local search_path = billing; create index concurrently t_note on billing.t (note);',
    outcome: { refused: 'relies on one transaction' },
  },
  {
    name: 'an index, concurrently, beside a temporary table',
    before: rows,
    files: 'create temp table ids as select 1; create index concurrently t_note on t (note);',
    outcome: { refused: 'ends with the session' },
  },
  {
    name: 'an index, concurrently, beside an unlogged table made of rows',
    before: rows,
    files: 'create unlogged table ids as select id from t; create index concurrently t_note on t (note);',
    outcome: 'applied',
  },
  {
    name: 'a dropped index, concurrently, a comment behind it',
    before: `${rows} create index t_note on t (note);`,
    files: 'drop index /* the old one */ concurrently if exists t_note -- at last\n;',
    outcome: 'applied',
  },
  {
    name: 'a dropped index, concurrently, that is not there',
    files: 'drop index concurrently if exists nowhere;',
    outcome: 'applied',
  },
  {
    name: 'a dropped index, concurrently, that must be there',
    files: 'drop index concurrently nowhere;',
    outcome: { fails: '42704' },
  },
  {
    name: 'two dropped indexes, concurrently',
    before: `${rows} create index a on t (note); create index b on t (kind);`,
    files: 'drop index concurrently a, b;',
    outcome: { fails: '0A000' },
  },
  {
    name: 'reindex',
    before: rows,
    files: 'reindex table t; reindex index t_pkey; reindex schema public;',
    outcome: 'applied',
  },
  {
    name: 'reindex concurrently',
    before: rows,
    files: 'reindex table concurrently t; reindex index concurrently t_pkey;',
    outcome: 'applied',
  },
  { name: 'reindex (concurrently)', before: rows, files: 'reindex (concurrently) table t;', outcome: 'applied' },
  {
    name: 'reindex (verbose, concurrently)',
    before: rows,
    files:
      'REINDEX (VERBOSE, CONCURRENTLY) INDEX t_pkey; reindex (concurrently on, verbose off) table t; reindex (concurrently false) table t;',
    outcome: 'applied',
  },
  {
    name: 'reindex of a partitioned table',
    before: `${parts} create index on p (at);`,
    files: 'reindex table p; reindex index p_at_idx;',
    outcome: 'applied',
  },
  { name: 'reindex within a transaction', before: rows, files: 'begin; reindex table t; commit;', outcome: 'applied' },
  {
    name: 'reindex (concurrently) within a transaction',
    before: rows,
    files: 'begin; reindex (concurrently) table t; commit;',
    outcome: { refused: "can't run in the transaction" },
  },
  { name: 'vacuum', before: rows, files: 'vacuum; vacuum t; vacuum (analyze, verbose) t (note);', outcome: 'applied' },
  {
    name: 'vacuum full after a rewrite',
    before: rows,
    files: 'update t set note = null; vacuum full t; analyze t;',
    outcome: 'applied',
  },
  { name: 'analyze', before: rows, files: 'analyze; analyze t (note); analyze verbose t;', outcome: 'applied' },
  { name: 'cluster', before: rows, files: 'cluster t using t_pkey; cluster t;', outcome: 'applied' },
  {
    name: 'cluster, everything',
    before: `${rows} cluster t using t_pkey;`,
    files: 'cluster; cluster verbose;',
    outcome: 'applied',
  },
  {
    name: 'cluster, everything, as newer servers write it',
    since: 17,
    before: `${rows} cluster t using t_pkey;`,
    files: 'cluster (verbose);',
    outcome: 'applied',
  },
  {
    name: 'cluster of a partitioned table',
    before: `${parts} create index p_id on p (id);`,
    files: 'cluster p using p_id;',
    outcome: 'applied',
  },
  { name: 'checkpoint', files: `checkpoint; ${table('t')}`, outcome: 'applied' },
  {
    name: 'alter system',
    files: `alter system set work_mem = '8MB'; alter system reset work_mem; select pg_reload_conf();`,
    outcome: 'applied',
  },
  {
    name: 'alter system within a transaction',
    files: `begin; alter system set work_mem = '8MB'; commit;`,
    outcome: { refused: "can't run in the transaction" },
  },
  { name: 'a database', files: 'create database shapes_other;', outcome: { refused: 'could not be tried again' } },
  {
    name: 'a dropped database',
    files: 'drop database if exists shapes_other;',
    outcome: { refused: 'could not be tried again' },
  },
  {
    name: 'a tablespace',
    files: `create tablespace fast location '/srv/fast';`,
    outcome: { refused: 'could not be tried again' },
  },
  {
    name: 'a database that moves',
    files: 'alter database shapes_other set tablespace pg_default;',
    outcome: { refused: 'could not be tried again' },
  },
  {
    name: 'a subscription',
    files: `create subscription s connection 'host=nowhere' publication p with (connect = false);`,
    outcome: { refused: 'could not be tried again' },
  },
  {
    name: 'a subscription that is refreshed',
    files: 'alter subscription s refresh publication;',
    outcome: { refused: 'could not be tried again' },
  },
  {
    name: 'a partition that leaves, concurrently',
    before: parts,
    files: 'alter table p detach partition p1 concurrently; drop table p1;',
    outcome: 'applied',
  },
  {
    name: 'a partition that leaves',
    before: parts,
    files: 'alter table p detach partition p1; drop table p1;',
    outcome: 'applied',
  },
  {
    name: 'a materialized view that is refreshed',
    before: `${rows} create materialized view m as select id from t; create unique index m_id on m (id);`,
    files: 'refresh materialized view m; refresh materialized view concurrently m;',
    outcome: 'applied',
  },
  {
    name: 'refresh concurrently with no data',
    before: `${rows} create materialized view m as select id from t;`,
    files: 'refresh materialized view concurrently m with no data;',
    outcome: { fails: '42601' },
  },
  {
    name: 'a function within a file that runs by statement',
    before: rows,
    files: `create index concurrently t_note on t (note); create function f() returns int language sql begin atomic; select 1; select case when true then 2 end; end; create function g() returns int language plpgsql as $$ begin return 1; end; $$;`,
    outcome: 'applied',
  },
  {
    name: 'concurrently in a string, a name and a comment',
    files: `create table "create index concurrently" (note text default 'vacuum; create index concurrently'); -- create index concurrently\ncomment on table "create index concurrently" is 'vacuum';`,
    outcome: 'applied',
  },
  {
    name: 'a new value of an enum',
    before: `create type mood as enum ('sad', 'ok');`,
    files: `alter type mood add value if not exists 'happy' after 'ok';`,
    outcome: 'applied',
  },
  {
    name: 'a new value of an enum, used in a file of its own',
    before: `create type mood as enum ('sad'); create table t (m mood);`,
    files: [
      ['1_value.sql', `alter type mood add value 'happy';`],
      ['2_use.sql', `insert into t values ('happy'); alter table t alter m set default 'happy';`],
    ],
    outcome: 'applied',
  },
  {
    name: 'a new value of an enum, used in the same file',
    before: `create type mood as enum ('sad'); create table t (m mood);`,
    files: `alter type mood add value 'happy';\ninsert into t values ('happy');`,
    outcome: { refused: 'new enum value' },
  },
  {
    name: 'a new value of an enum, used as a default',
    before: `create type mood as enum ('sad'); create table t (m mood);`,
    files: `alter type public.mood add value if not exists 'it''s' before 'sad'; alter table t alter m set default 'it''s';`,
    outcome: { refused: 'new enum value' },
  },
  {
    name: 'a new value of an enum, used in a partial index',
    before: `create type mood as enum ('sad'); create table t (m mood);`,
    files: `begin; alter type mood add value 'happy'; create index t_happy on t (m) where m = 'happy'; commit;`,
    outcome: { refused: 'new enum value' },
  },
  {
    name: 'a new value of an enum, used only in a function',
    before: `create type mood as enum ('sad'); create table t (m mood);`,
    files: `alter type mood add value 'happy'; create function f() returns trigger language plpgsql as $$ begin new.m := 'happy'; return new; end $$; comment on type mood is 'happy';`,
    outcome: 'applied',
  },
  {
    name: 'an enum that the same file makes',
    files: `create type mood as enum ('sad'); alter type mood add value 'happy'; create table t (m mood default 'happy'); insert into t default values;`,
    outcome: { refused: 'new enum value' },
  },
  {
    name: 'an enum value that is renamed and used',
    before: `create type mood as enum ('sad', 'ok'); create table t (m mood);`,
    files: `alter type mood rename value 'ok' to 'fine'; insert into t values ('fine');`,
    outcome: 'applied',
  },
  {
    name: 'a new value of an enum beside a concurrent index',
    before: `create type mood as enum ('sad'); create table t (m mood);`,
    files: `alter type mood add value 'happy'; create index concurrently t_happy on t (m) where m = 'happy';`,
    outcome: 'applied',
  },
]
