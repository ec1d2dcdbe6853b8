import { expect, it } from 'vitest'
import { locksOf } from '../../src/adapters/postgres/migrations/locks.ts'

const shown = (sql: string) => locksOf(sql).map(({ line, table, mode }) => `${line} ${table} ${mode}`)

it.each<[string, readonly string[]]>([
  ['alter table invoices add column note text', ['1 invoices ACCESS EXCLUSIVE']],
  ['ALTER TABLE IF EXISTS ONLY public."Odd name" drop column x', ['1 public."Odd name" ACCESS EXCLUSIVE']],
  ['alter table a validate constraint b', ['1 a SHARE UPDATE EXCLUSIVE']],
  [
    'alter table a add constraint f foreign key (b) references c (id)',
    ['1 a SHARE ROW EXCLUSIVE', '1 c SHARE ROW EXCLUSIVE'],
  ],
  ['create table d (id int references c)', ['1 c SHARE ROW EXCLUSIVE']],
  ['create index on a (b)', ['1 a SHARE']],
  ['create unique index if not exists x on only app.a using btree (b)', ['1 app.a SHARE']],
  ['create index concurrently x on a (b)', ['1 a SHARE UPDATE EXCLUSIVE']],
  ['drop table if exists a cascade', ['1 a ACCESS EXCLUSIVE']],
  ['truncate a', ['1 a ACCESS EXCLUSIVE']],
  ['create policy mine on a using (true)', ['1 a ACCESS EXCLUSIVE']],
  ['create trigger t after insert on a execute function f()', ['1 a SHARE ROW EXCLUSIVE']],
  ['create table a (id int); create index on a (id); alter table public.a enable row level security', []],
  ['select 1; insert into a values (1)', []],
  ['-- first\nselect 1;\n\nalter table a -- why\n add b int;', ['4 a ACCESS EXCLUSIVE']],
])('%j locks %j', (sql, locks) => {
  expect(shown(sql)).toEqual(locks)
})
