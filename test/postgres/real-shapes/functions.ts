import { type Shape, table } from './shape.ts'

/** Functions, procedures, triggers and blocks, in whose bodies semicolons separate nothing of the file. */
export const functions: readonly Shape[] = [
  {
    name: 'plpgsql with everything',
    files: `create or replace function f(n int, out total int, variadic more int[]) language plpgsql strict as $body$
declare
  r record; -- a ; comment
  s text := 'it''s; "$$"';
begin
  total := 0;
  for r in select unnest(more) as m loop
    if r.m > n then total := total + r.m; elsif r.m = n then continue; else null; end if;
  end loop;
  begin
    perform 1 / 0;
  exception when division_by_zero then raise notice 'rollback; % commit;', s;
  end;
  case when total > 1 then return; else end case;
end;
$body$; select f(1, 2, 3);`,
    outcome: 'applied',
  },
  {
    name: 'a body in quotes',
    files: `create function f() returns text language plpgsql as 'begin return ''it''''s; one''; end;'; select f();`,
    outcome: 'applied',
  },
  {
    name: 'a body in an escape string',
    files: String.raw`create function f() returns text language plpgsql as E'begin\n  return \'a;b\';\nend;'; select f();`,
    outcome: 'applied',
  },
  {
    name: 'begin atomic',
    files: `create function f(a int) returns int language sql begin atomic; select a; select case a when 1 then 2 else case when a > 2 then 3 end end; end; ${table('t')}`,
    outcome: 'applied',
  },
  {
    name: 'begin atomic with an END for a name',
    files: `create function f() returns int language sql begin atomic select 1 as "end"; select 2; end; create function g() returns int language sql begin atomic select x."end" from (select 1 as "end") x; select 2; end; ${table('t')}`,
    outcome: 'applied',
  },
  {
    name: 'begin atomic in a procedure',
    files: `create table t (n int); create procedure p(a int) begin atomic insert into t values (a); insert into t values (a + 1); end; call p(1);`,
    outcome: 'applied',
  },
  {
    name: 'return without a body',
    files: `create function twice(n int) returns int immutable parallel safe return n * 2; select twice(2);`,
    outcome: 'applied',
  },
  {
    name: 'functions of all marks',
    files: `create function f(x int default 1) returns table (a int, b text) language sql stable leakproof security definer cost 5 rows 10 set search_path = public, pg_temp set work_mem to '4MB' as $$ select x, 'a;'::text $$; alter function f(int) rename to g; alter function g(int) owner to shapes_owner; alter function g reset work_mem;`,
    outcome: 'applied',
  },
  {
    name: 'triggers of all kinds',
    files: `create table t (id int, n int); create table log (what text); create function noted() returns trigger language plpgsql as $$ begin insert into log values (tg_op || ';'); return coalesce(new, old); end $$; create trigger a before insert or update of n on t for each row when (new.n > 0) execute function noted(); create trigger b after update on t referencing old table as was new table as is_now for each statement execute procedure noted(); create view v as select * from t; create trigger c instead of insert on v for each row execute function noted(); insert into t values (1, 1); alter table t disable trigger b;`,
    outcome: 'applied',
  },
  {
    name: 'do blocks that look first',
    files: `do $$ begin if not exists (select from pg_type where typname = 'mood') then create type mood as enum ('a', 'b'); end if; end $$; do language plpgsql $do$ declare n int; begin select count(*) into n from pg_type where typname = 'mood'; if n <> 1 then raise exception 'no; %', n; end if; end $do$; do 'begin create table t (id int); end';`,
    outcome: 'applied',
  },
  {
    name: 'a do block that makes a role',
    files: `do $$ begin if not exists (select from pg_roles where rolname = 'shapes_made') then create role shapes_made nologin; end if; end $$; grant usage on schema public to shapes_made;`,
    after: 'drop role if exists shapes_made',
    outcome: 'applied',
  },
  {
    name: 'a do block that loops over tables',
    before: `${table('a')} ${table('b')}`,
    files: `do $$ declare t text; begin for t in select tablename from pg_tables where schemaname = 'public' loop execute format('alter table %I add column tenant int default 1; comment on table %1$I is %L', t, 'x;'); end loop; end $$;`,
    outcome: 'applied',
  },
  {
    name: 'a do block that raises',
    files: `${table('t')} do $$ begin raise exception 'not today' using errcode = 'P0042'; end $$;`,
    outcome: { fails: 'P0042' },
  },
  { name: 'an assertion that fails', files: `do $$ begin assert 1 = 2, 'no'; end $$;`, outcome: { fails: 'P0004' } },
  {
    name: 'notices and warnings',
    files: `do $$ begin raise notice 'a'; raise warning 'b'; raise info 'c'; end $$; drop table if exists nowhere; ${table('t')}`,
    outcome: 'applied',
  },
  {
    name: 'a body with a syntax error',
    files: `create function f() returns int language plpgsql as $$ begin retrun 1; end $$;`,
    outcome: { fails: '42601' },
  },
  {
    name: 'a function in a language that is not there',
    files: `create function f() returns int language plruby as $$ 1 $$;`,
    outcome: { fails: '42704' },
  },
  {
    name: 'a function that is replaced with another result',
    before: `create function f() returns int language sql as 'select 1';`,
    files: `create or replace function f() returns text language sql as $$ select 'a' $$;`,
    outcome: { fails: '42P13' },
  },
  {
    name: 'overloads',
    files: `create function f(int) returns int language sql as 'select 1'; create function f(text) returns int language sql as 'select 2'; create function f(int, text default ';') returns int language sql as 'select 3'; drop function f(text);`,
    outcome: 'applied',
  },
  {
    name: 'a function dropped by a name that two have',
    before: `create function f(int) returns int language sql as 'select 1'; create function f(text) returns int language sql as 'select 2';`,
    files: 'drop function f;',
    outcome: { fails: '42725' },
  },
]
