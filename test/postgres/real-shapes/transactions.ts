import { type Shape, table } from './shape.ts'

const own = 'begins or ends a transaction of its own'

/** Who begins and ends transactions, and where. */
export const transactions: readonly Shape[] = [
  { name: 'begin … commit', files: `begin;\n${table('t')}\ncommit;\n`, outcome: 'applied' },
  { name: 'BEGIN WORK … END WORK', files: `BEGIN WORK;\n${table('t')}\nEND WORK;`, outcome: 'applied' },
  {
    name: 'start transaction … commit, comments around',
    files: `-- 42\n/* a /* b */ c */ start transaction;\n${table('t')}\ncommit; -- done\n/* really */\n`,
    outcome: 'applied',
  },
  { name: 'begin … commit with nothing in it', files: 'begin;\ncommit;\n', outcome: 'applied' },
  {
    name: 'begin … commit after settings',
    files: `set client_min_messages = warning;\nbegin;\n${table('t')}\ncommit;`,
    outcome: { refused: own },
  },
  { name: 'begin … rollback, a rehearsal', files: `begin; ${table('t')} rollback;`, outcome: { refused: own } },
  { name: 'a begin that is never ended', files: `begin; ${table('t')}`, outcome: { refused: own } },
  { name: 'a commit in the middle', files: `${table('t')} commit; ${table('u')}`, outcome: { refused: own } },
  {
    name: 'two transactions',
    files: `begin; ${table('t')} commit; begin; ${table('u')} commit;`,
    outcome: { refused: own },
  },
  {
    name: 'begin isolation level',
    files: `begin isolation level serializable; ${table('t')} commit;`,
    outcome: { refused: own },
  },
  {
    name: 'commit and chain',
    files: `begin; ${table('t')} commit and chain; ${table('u')} commit;`,
    outcome: { refused: own },
  },
  { name: 'abort', files: `begin; ${table('t')} abort;`, outcome: { refused: own } },
  {
    name: 'a prepared transaction',
    files: `begin; ${table('t')} prepare transaction 'shapes';`,
    outcome: { refused: own },
  },
  { name: 'commit prepared', files: `commit prepared 'shapes';`, outcome: { refused: own } },
  {
    name: 'savepoints',
    files: `savepoint a; ${table('t')} savepoint b; drop table t; rollback to savepoint b; release savepoint a;`,
    oneTransaction: true,
    outcome: 'applied',
  },
  {
    name: 'savepoints in a transaction of the file',
    files: `begin; savepoint a; ${table('t')} rollback to a; ${table('u')} commit;`,
    outcome: 'applied',
  },
  {
    name: 'rollback work to',
    files: `begin; savepoint a; ${table('t')} rollback work to savepoint a; rollback transaction to a; ${table('u')} commit;`,
    outcome: 'applied',
  },
  { name: 'a savepoint that is not there', files: `begin; rollback to nowhere; commit;`, outcome: { fails: '3B001' } },
  {
    name: 'lock table',
    before: table('t'),
    files: `begin; lock table t in access exclusive mode; alter table t add c int; commit;`,
    outcome: 'applied',
  },
  {
    name: 'lock table, relying on the transaction',
    before: table('t'),
    files: `lock table t; alter table t add c int;`,
    oneTransaction: true,
    outcome: 'applied',
  },
  {
    name: 'lock table beside a concurrent index',
    before: table('t'),
    files: `lock table t; create index concurrently i on t (note);`,
    outcome: { refused: 'relies on one transaction' },
  },
  {
    name: 'a savepoint beside a concurrent index',
    before: table('t'),
    files: `savepoint a; create index concurrently i on t (note);`,
    outcome: { refused: 'relies on one transaction' },
  },
  {
    name: 'set transaction',
    files: `set transaction isolation level serializable; ${table('t')}`,
    outcome: { refused: 'mode of its transaction' },
  },
  {
    name: 'set transaction read only',
    files: `begin; set transaction read only; select 1; commit;`,
    outcome: { refused: 'mode of its transaction' },
  },
  {
    name: 'set session characteristics',
    files: `set session characteristics as transaction isolation level repeatable read; ${table('t')}`,
    outcome: 'applied',
  },
  {
    name: 'deferred constraints that hold at the commit',
    before: 'create table p (id int primary key); create table c (p int references p deferrable initially deferred);',
    files: `begin; insert into c values (1); insert into p values (1); commit;`,
    outcome: 'applied',
  },
  {
    name: 'deferred constraints that fail at the commit',
    before: 'create table p (id int primary key); create table c (p int references p deferrable initially deferred);',
    files: `begin; insert into c values (1); commit;`,
    outcome: { fails: '23503' },
  },
  {
    name: 'a constraint trigger that fails at the commit',
    before: `create table t (id int); create function no() returns trigger language plpgsql as $$ begin raise exception 'no' using errcode = '23514'; end $$;
      create constraint trigger no after insert on t deferrable initially deferred for each row execute function no();`,
    files: 'insert into t values (1);',
    outcome: { fails: '23514' },
  },
  {
    name: 'set constraints',
    before: 'create table p (id int primary key); create table c (p int references p deferrable);',
    files: `begin; set constraints all deferred; insert into c values (1); insert into p values (1); commit;`,
    outcome: 'applied',
  },
  {
    name: 'a column named commit, a table named begin',
    files: `create table "begin" ("commit" int, "end" text); create table commits (begin_at date); insert into "begin" values (1, 'commit; rollback');`,
    outcome: 'applied',
  },
  {
    name: 'end in words',
    files: `create table t (n int); select case when true then 1 end; select 1 as "end";`,
    outcome: 'applied',
  },
  {
    name: 'a procedure that commits, called',
    before: `create table t (id int); create procedure fill() language plpgsql as $$ begin insert into t values (1); commit; insert into t values (2); end $$;`,
    files: 'call fill();',
    outcome: { refused: 'commits' },
  },
  {
    name: 'a procedure that commits, made and called',
    files: `create table t (id int);\ncreate procedure fill() language plpgsql as $$ begin insert into t values (1); commit; end $$;\ncall fill();`,
    outcome: { refused: 'commits' },
  },
  {
    name: 'a procedure of another schema that commits, called by its whole name',
    before: `create schema jobs; create table t (id int); create procedure jobs.fill(n int) language plpgsql as $$ begin for i in 1..n loop insert into t values (i); commit; end loop; end $$;`,
    files: 'select 1; call jobs.fill(3);',
    outcome: { refused: 'commits' },
  },
  {
    name: 'a procedure that commits, only made',
    files: `create procedure fill() language plpgsql as $$ begin commit; end $$;`,
    outcome: 'applied',
  },
  {
    name: 'a procedure that does not commit, called',
    files: `create table commits (id int); create procedure fill() language plpgsql as $$ begin /* no commit; */ insert into commits values (1); end $$; call fill();`,
    outcome: 'applied',
  },
  {
    name: 'a do block that commits',
    before: 'create table t (id int);',
    files: `do $$ begin for i in 1..3 loop insert into t values (i); commit; end loop; end $$;`,
    outcome: { refused: 'commits' },
  },
  {
    name: 'a do block with a subtransaction',
    files: `create table t (id int primary key); do $$ begin insert into t values (1); begin insert into t values (1); exception when unique_violation then raise notice 'again; commit'; end; end $$;`,
    outcome: 'applied',
  },
  { name: 'discard all', files: `${table('t')} discard all;`, outcome: { refused: 'forgets' } },
  { name: 'discard temp', files: `${table('t')} discard temp; discard plans; discard sequences;`, outcome: 'applied' },
  {
    name: 'everybody out of the advisory locks',
    files: `select pg_advisory_unlock_all(); ${table('t')}`,
    outcome: { refused: 'forgets' },
  },
  { name: 'an advisory lock of its own', files: `select pg_advisory_xact_lock(42); ${table('t')}`, outcome: 'applied' },
]
