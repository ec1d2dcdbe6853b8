import { type Shape, table } from './shape.ts'

const people = `create table people (id int primary key, name text not null, age int check (age >= 0)); insert into people values (1, 'Ada', 36), (2, 'Ed', 41);`

/** Rows that are moved, and statements that fail. */
export const rows: readonly Shape[] = [
  {
    name: 'upserts',
    before: people,
    files: `insert into people values (1, 'Ada;', 37), (3, 'Jo', 5) on conflict (id) do update set name = excluded.name, age = excluded.age; insert into people values (1, 'x') on conflict do nothing;`,
    outcome: 'applied',
  },
  {
    name: 'merge',
    before: people,
    files: `merge into people p using (values (2, 'Eddie'), (4, 'Flo')) as s (id, name) on p.id = s.id when matched then update set name = s.name when not matched then insert values (s.id, s.name, 1);`,
    outcome: 'applied',
  },
  {
    name: 'merge with returning',
    since: 17,
    before: people,
    files: `merge into people p using (values (2)) as s (id) on p.id = s.id when matched then delete returning p.*;`,
    outcome: 'applied',
  },
  {
    name: 'ctes that write',
    before: `${people} create table gone (id int, name text);`,
    files: `with out as (delete from people where age > 40 returning id, name) insert into gone select * from out; with recursive n(i) as (select 1 union all select i + 1 from n where i < 3) insert into gone select i, 'n' || i from n;`,
    outcome: 'applied',
  },
  {
    name: 'an update by another table',
    before: people,
    files: `alter table people add column nick text; update people set nick = lower(name) || ';' from (select 1) x where people.id > 0; alter table people alter nick set not null; delete from people using (values (2)) v (id) where people.id = v.id; truncate people restart identity cascade;`,
    outcome: 'applied',
  },
  {
    name: 'seeds',
    files: `create table plans (key text primary key, price numeric, features jsonb, tags text[], since date); insert into plans values ('free', 0, '{"a": "b;c", "d": [1, 2]}', '{x,"y;z"}', '2026-01-01'), ('pro', 9.99, $j$\{"quote": "it's"}$j$, array['a', 'b'], date '2026-02-01');`,
    outcome: 'applied',
  },
  {
    name: 'a duplicate row',
    before: people,
    files: `update people set age = 1; insert into people values (1, 'again');`,
    outcome: { fails: '23505' },
  },
  {
    name: 'a null where none may be',
    before: people,
    files: `insert into people (id) values (9);`,
    outcome: { fails: '23502' },
  },
  {
    name: 'a row that a check refuses',
    before: people,
    files: `update people set age = -1;`,
    outcome: { fails: '23514' },
  },
  {
    name: 'a column that nulls contradict',
    before: people,
    files: `alter table people add nick text not null;`,
    outcome: { fails: '23502' },
  },
  {
    name: 'a key that rows contradict',
    before: `${people} create table orders (person int); insert into orders values (99);`,
    files: `alter table orders add foreign key (person) references people;`,
    outcome: { fails: '23503' },
  },
  {
    name: 'a division by zero',
    before: people,
    files: `update people set age = age / (age - 36);`,
    outcome: { fails: '22012' },
  },
  {
    name: 'a number that is none',
    before: people,
    files: `alter table people alter name type int using name::int;`,
    outcome: { fails: '22P02' },
  },
  {
    name: 'a text that is too long',
    before: people,
    files: `alter table people alter name type varchar(2);`,
    outcome: { fails: '22001' },
  },
  {
    name: 'a number that is too large',
    before: people,
    files: `update people set age = 2147483648;`,
    outcome: { fails: '22003' },
  },
  {
    name: 'a table that is there',
    before: people,
    files: `create table people (id int);`,
    outcome: { fails: '42P07' },
  },
  {
    name: 'a table that is there, if it is not',
    before: people,
    files: `create table if not exists people (other int); create table if not exists more (id int); alter table people add column if not exists age int;`,
    outcome: 'applied',
  },
  { name: 'a table that is not there', files: `alter table nowhere add x int;`, outcome: { fails: '42P01' } },
  {
    name: 'a column that is not there',
    before: people,
    files: `alter table people drop column nowhere;`,
    outcome: { fails: '42703' },
  },
  {
    name: 'a column that is there',
    before: people,
    files: `alter table people add age int;`,
    outcome: { fails: '42701' },
  },
  { name: 'a type that is not there', files: `create table t (id nosuchtype);`, outcome: { fails: '42704' } },
  { name: 'a function that is not there', files: `select nosuch(1);`, outcome: { fails: '42883' } },
  { name: 'a schema that is not there', files: `create table nowhere.t (id int);`, outcome: { fails: '3F000' } },
  {
    name: 'a failure in the middle',
    files: `${table('a')} insert into a values (1, 'x'); insert into a values (1, 'y'); ${table('b')}`,
    outcome: { fails: '23505' },
  },
  {
    name: 'a failure in the second of two files',
    files: [
      ['1_a.sql', table('a')],
      ['2_b.sql', `${table('b')} select 1 / 0;`],
    ],
    outcome: { fails: '22012' },
  },
  {
    name: 'a failure beside a concurrent index',
    before: people,
    files: `create index concurrently people_age on people (age); select 1 / 0;`,
    outcome: { fails: '22012' },
  },
  {
    name: 'a view in the way of a type',
    before: `${people} create view v as select age from people;`,
    files: `alter table people alter age type bigint;`,
    outcome: { fails: '0A000' },
  },
  { name: 'json that is none', files: `create table t (j jsonb default '{"a": ;}');`, outcome: { fails: '22P02' } },
  { name: 'a statement with its parameters left', files: 'select $1;', outcome: { fails: '42P02' } },
]
