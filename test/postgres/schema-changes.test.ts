import { expect, it } from 'vitest'
import { schemaChangesOf } from '../../src/adapters/postgres/migrations/schema-changes.ts'

it.each<[string, readonly string[]]>([
  ['alter table customers drop column note, add column more text', ['drops column customers.note']],
  ['alter table if exists public."Odd" drop column if exists "A b"', ['drops column Odd.A b']],
  [
    'drop table a, app.b cascade; drop view v; drop index i; drop policy p on a',
    ['drops table a', 'drops table app.b', 'drops view v'],
  ],
  [
    'alter table a rename column b to c; alter table a rename to d',
    ['renames column a.b to c', 'renames table a to d'],
  ],
  ['alter table a rename constraint x to y; alter index i rename to j', []],
  ['alter table a set schema old', ['moves table a to schema old']],
  ['alter table a add column b int not null', ['requires a value in the new column a.b']],
  ['alter table a add column b int not null default 1, add column c bigserial not null', []],
  ['alter table a add column b int generated always as identity not null', []],
  [
    `alter type plan rename value 'free' to 'basic'; alter type plan add value 'gold'`,
    ['renames value free of type plan'],
  ],
  [
    'alter table a add column b text; update a set b = 1; alter table a alter column b set not null',
    ['requires a value in the new column a.b'],
  ],
  ['alter table a add column b text; alter table a alter b set not null, alter b set default 1', []],
  ['alter table a add column b text default 1; alter table a alter b set not null', []],
  [
    'alter table a add column b text default 1; alter table a alter b set not null; alter table a alter b drop default',
    ['requires a value in the new column a.b'],
  ],
  ['alter table a add column b text; alter table a alter b set not null; alter table a alter b drop not null', []],
  ['alter table a alter column b set not null', []],
  ['create temp table t as select 1; drop table t', []],
  ['create temporary table t (id int); drop table if exists t; drop table a', ['drops table a']],
  ['drop function charge(bigint); drop schema reports', ['drops function charge', 'drops schema reports']],
  ['-- drop table a\ncreate table b (id int); do $$ begin drop table c; end $$', []],
  ['this is not SQL', []],
])('%j takes %j from older releases', async (sql, takes) => {
  expect((await schemaChangesOf(sql)).takes.map(({ what }) => what)).toEqual(takes)
})

it('reads which release is needed at least, and what is there afterwards', async () => {
  const sql = `-- Nobody reads it since then.
    -- purser: needs v1.3.0
    alter table a drop column b; create table c (id int, "D" text); create policy mine on c using (true)`
  expect(await schemaChangesOf(sql)).toMatchObject({
    needs: 'v1.3.0',
    makes: ['table c', 'column c.id', 'column c.D', 'policy c.mine'],
  })
})
