import { describe, expect, it } from 'vitest'
import { forbiddenStatements, splitStatements } from '../../src/adapters/postgres/migrations/statements.ts'

describe('reading the statements of a migration', () => {
  it.each([
    [`select ';'; select 2`, 2],
    [`select E'it\\'s; one'; select 2`, 2],
    [`select 'back\\'; select 2`, 2],
    [`do $x$ begin; commit; end $x$; select 2`, 2],
    [`select a$b$c; from t; select 3`, 3],
    [`/* ; /* nested; */ ; */ select 1; -- ; end`, 1],
    [`select "odd;name"`, 1],
    [`;;;\n  ;`, 0],
    [`select $1; select $$;$$;`, 2],
    [`select 'never closed; select 2`, 1],
  ])('%j holds %i', (sql, count) => {
    expect(splitStatements(sql)).toHaveLength(count)
  })

  it.each([
    'BEGIN',
    'start\n transaction',
    'commit and chain',
    'END',
    'rollback',
    'create unique index concurrently if not exists x on t (id)',
    'drop index concurrently x',
    'reindex table concurrently t',
    'vacuum (analyze) t',
    'alter system set work_mem = 1',
    'alter table t detach partition p concurrently',
    '\\restrict abc',
  ])('does not let %j into a transaction', (sql) => {
    expect(forbiddenStatements(`select 1; /* why */ ${sql}; select 2`)).toHaveLength(1)
  })

  it.each([
    'savepoint a; rollback to savepoint a; rollback to a',
    'create table commit_log (id bigint)',
    'create table "end" (id bigint)',
    'create function f() returns int language sql begin atomic select case when true then 1 else 2 end; end',
    'cluster t using t_pkey',
    `comment on table t is 'vacuum'`,
  ])('lets %j in', (sql) => {
    expect(forbiddenStatements(sql)).toEqual([])
  })

  it('tells the line at which a statement begins, after its comments', () => {
    expect(forbiddenStatements('select 1;\n\n-- now\n/* really */ commit;')[0]).toMatchObject({
      line: 4,
      text: 'commit',
    })
  })
})
