import { describe, expect, it } from 'vitest'
import { blanked, migrationText, weakerLockLimits } from '../../src/adapters/postgres/migrations/file-text.ts'

const obstacles = (sql: string) => migrationText(sql).obstacles
const what = (sql: string) => obstacles(sql).map((one) => one.what)

describe('how a migration is applied', () => {
  it.each(['BEGIN', 'start\n transaction', 'commit and chain', 'END', 'rollback'])(
    'does not let %j into its transaction',
    (sql) => {
      expect(what(`select 1; /* why */ ${sql}; select 2`)).toEqual(['begins or ends a transaction of its own'])
    },
  )

  it.each([
    'create unique index concurrently if not exists x on t (id)',
    'drop index concurrently x',
    'reindex table concurrently t',
    'vacuum (analyze) t',
    'alter system set work_mem = 1',
    'alter table t detach partition p concurrently',
  ])('runs a file with %j statement by statement', (sql) => {
    expect(migrationText(`select 1; /* why */ ${sql}; select 2`)).toMatchObject({ runs: 'by statement', obstacles: [] })
  })

  it.each([
    'savepoint a; rollback to savepoint a; rollback to a',
    'create table commit_log (id bigint)',
    'create table "end" (id bigint)',
    'create function f() returns int language sql begin atomic select case when true then 1 else 2 end; end',
    'cluster t using t_pkey',
    `comment on table t is 'vacuum'`,
    `copy t from '/srv/rows.csv'`,
    'create temp table t (id bigint)',
  ])('runs %j as a whole', (sql) => {
    expect(migrationText(sql)).toMatchObject({ runs: 'as a whole', obstacles: [], sql })
  })

  it.each([
    ['\\restrict abc\nselect 1', 'is a command of psql'],
    ['copy t (id) from stdin;\n1\n2; select\n\\.\n', 'copies rows from stdin'],
    ['create index concurrently on t (id)', 'builds an index without a name, so a broken-off build could not be found'],
    ['create database other', 'could not be tried again after a crash'],
    [
      'create temp table ids as select 1; create index concurrently i on t (id)',
      'makes something that ends with the session, in a file that is resumed after a crash',
    ],
    [
      'begin; create index concurrently i on t (id); commit',
      "can't run in the transaction that the file has around it",
    ],
    ['begin; select 1; commit; begin; select 2; commit', 'begins or ends a transaction of its own'],
    ['begin isolation level serializable; select 1; commit', 'begins or ends a transaction of its own'],
    ['begin; select 1', 'begins or ends a transaction of its own'],
    ['begin; select 1; rollback', 'begins or ends a transaction of its own'],
  ])('refuses %j', (sql, why) => {
    expect(new Set(what(sql))).toEqual(new Set([why]))
    expect(obstacles(sql).every(({ fix }) => fix.length > 10)).toBe(true)
  })

  it.each([
    ['begin;\nselect 1;\ncommit;', '      \nselect 1;\n       '],
    ['START TRANSACTION; select 1; END WORK', ' select 1; '],
    ['-- why\nBEGIN TRANSACTION;\n\ncreate table t (id int);\nCOMMIT;\n', 'create table t (id int)'],
  ])('takes %j as one transaction, its own', (sql, left) => {
    const text = migrationText(sql)
    expect(text).toMatchObject({ runs: 'as a whole', obstacles: [] })
    expect(text.sql.replaceAll(';', '')).toContain(left.trim().replaceAll(';', ''))
    expect(text.sql).not.toMatch(/begin|start|commit|end/i)
    expect(text.sql.split('\n')).toHaveLength(sql.split('\n').length)
  })

  it('tells the line at which a statement begins, after its comments', () => {
    expect(obstacles('select 1;\n\n-- now\n/* really */ commit;')[0]).toMatchObject({ line: 4, text: 'commit' })
  })
})

describe("a file's own limit for locks", () => {
  it.each([
    ['set lock_timeout = 0', true],
    ["SET lock_timeout TO '0'", true],
    ["set local lock_timeout = '10min'", true],
    ['set lock_timeout to default', true],
    ["set lock_timeout = '6s'", true],
    ["set session lock_timeout = '500ms'", false],
    ['set lock_timeout = 4000', false],
  ])('%s: left out is %s', (statement, out) => {
    const sql = `select 1;\n${statement};\nselect 2;`
    const text = migrationText(sql)
    const weaker = weakerLockLimits(text, 5_000)
    expect(weaker.map(({ line }) => line)).toEqual(out ? [2] : [])
    expect(blanked(text.sql, weaker)).toBe(out ? `select 1;\n${' '.repeat(statement.length)};\nselect 2;` : sql)
  })
})
