import { describe, expect, it } from 'vitest'
import { splitStatements } from '../../src/adapters/postgres/migrations/statements.ts'

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
    [`select e'one'\n'two\\'; three'; select 2`, 2],
    [`select 'one'\n'two\\'; select 2`, 2],
    [`-- old Mac\rselect 1; select 2`, 2],
    [`do $${'x'.repeat(100)}$ a; b $${'x'.repeat(100)}$; select 2`, 2],
    [`create function f() returns int begin atomic select 1 as end; select 2; select x.end; end; select 2`, 2],
  ])('%j holds %i', (sql, count) => {
    expect(splitStatements(sql)).toHaveLength(count)
  })

  it.each([
    ['/* a /* b */ c */ select 1', 'select 1'],
    ['-- a\r\n/**/ /* /**/ */\n  select /* d */ 1 -- e', 'select /* d */ 1 -- e'],
  ])('%j begins where its comments end', (sql, text) => {
    expect(splitStatements(sql)).toMatchObject([{ text, start: sql.indexOf(text) }])
  })
})
