import { describe, expect, it } from 'vitest'
import { blanked, migrationText } from '../../src/adapters/postgres/migrations/file-text.ts'
import { weakerLockLimits } from '../../src/adapters/postgres/migrations/lock-limits.ts'

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
    'reindex (verbose, concurrently) table t',
    'reindex (concurrently) table t',
    'reindex index i',
    'cluster t using t_pkey',
    'cluster (verbose)',
  ])('runs a file with %j statement by statement', (sql) => {
    expect(migrationText(`select 1; /* why */ ${sql}; select 2`)).toMatchObject({ runs: 'by statement', obstacles: [] })
  })

  it.each([
    'savepoint a; rollback to savepoint a; rollback to a',
    'create table commit_log (id bigint)',
    'create table "end" (id bigint)',
    'create function f() returns int language sql begin atomic select case when true then 1 else 2 end; end',
    `comment on table t is 'vacuum'`,
    `copy t from '/srv/rows.csv'`,
    'create temp table t (id bigint)',
    "alter type m add value 'b'; comment on type m is 'b'",
    "set client_encoding = 'utf-8'; set names unicode",
    'do $$ begin perform 1; -- commit;\n raise notice $x$ rollback; $x$; end $$',
    'set local search_path = a; savepoint b',
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
    ['select 1 \\gexec', 'is a command of psql'],
    ['set transaction read only', 'sets the mode of its transaction, which has begun before'],
    ["select set_config('client_encoding', 'win1252', false)", 'says that the file is in another encoding than UTF-8'],
    ['SET NAMES latin1', 'says that the file is in another encoding than UTF-8'],
    ["set session standard_conforming_strings to 'off'", 'has the server read backslashes in strings otherwise'],
    ['select 1; \0select 2', 'holds a zero byte, behind which the server reads nothing'],
    ["select 'm\ufffdde'", "holds bytes that aren't UTF-8"],
    [
      "alter type public.\"Mood\" add value 'ok'; update t set m = 'ok'",
      'writes a new enum value that the same file adds, which the server may refuse in one transaction',
    ],
    [
      'do $x$ begin if true then /* now */ commit; end if; end $x$',
      'commits or rolls back inside, which the server refuses within the transaction of the file',
    ],
    [
      "select set_config('search_path', 'a', true); vacuum",
      'relies on one transaction, in a file whose statements run one by one',
    ],
    ['lock table t; reindex table t', 'relies on one transaction, in a file whose statements run one by one'],
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
    ['RESET lock_timeout', true],
    ['set "lock_timeout" = 0', true],
    ["set session lock_timeout = '500ms'", false],
    ['set lock_timeout = 4000', false],
  ])('%s: left out is %s', (statement, out) => {
    const sql = `select 1;\n${statement};\nselect 2;`
    const text = migrationText(sql)
    const weaker = weakerLockLimits(text.lockLimits, 5_000)
    expect(weaker.map(({ line }) => line)).toEqual(out ? [2] : [])
    expect(blanked(text.sql, weaker)).toBe(out ? `select 1;\n${' '.repeat(statement.length)};\nselect 2;` : sql)
  })

  it.each([
    ["select set_config('lock_timeout', '0', false)", 'set again'],
    ["select pg_catalog . set_config('LOCK_TIMEOUT', '0', true), 1", 'set again'],
    ["update pg_settings set setting = '0' where name = 'lock_timeout'", 'set again'],
    ['reset all', 'set again'],
    ['discard all', 'set again'],
    ['do $$ begin set local lock_timeout = 0; end $$', 'inside'],
    ['create or replace function f() returns void language sql set lock_timeout = 0 as $$ select 1 $$', 'inside'],
    ["alter role app set lock_timeout = '0'", undefined],
    ["alter database app set lock_timeout = '0'", undefined],
    ["comment on table t is 'lock_timeout'", undefined],
    ["insert into notes values ('lock_timeout')", undefined],
    ['set statement_timeout = 0', undefined],
  ])('%s: %s', (statement, how) => {
    const { lockLimits, limitAgainAt } = migrationText(`select 1; ${statement}; select 2`)
    expect(lockLimits.map((one) => one.how)).toEqual(how === undefined ? [] : [how])
    expect(limitAgainAt).toEqual(how === undefined ? [] : [10 + statement.length])
  })

  it('is looked at after what may hide one, and not after each row of a dump', () => {
    const at = (sql: string): number => migrationText(sql).limitAgainAt.length
    expect(at('select own_function(); call own_procedure(); do $$ begin end $$; execute prepared')).toBe(4)
    expect(at("insert into t values (f(1)); select pg_catalog.setval('s', 5, true); alter table t add x int")).toBe(0)
  })
})
