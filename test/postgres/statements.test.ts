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
  ])('%j holds %i', (sql, count) => {
    expect(splitStatements(sql)).toHaveLength(count)
  })
})
