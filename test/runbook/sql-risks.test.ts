import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { BackupForecast } from '../../src/adapters/postgres/backups/port.ts'
import { openDatabase } from '../../src/adapters/postgres/database.ts'
import { openMigrationLint } from '../../src/adapters/squawk/client.ts'
import type { MigrationLint } from '../../src/adapters/squawk/port.ts'
import { CheckFailed } from '../../src/runbook/errors.ts'
import { planMigrations } from '../../src/runbook/plan/migrations-plan.ts'
import { Sensitive } from '../../src/sensitive.ts'
import { ask, startTestPostgres, type TestPostgres } from '../support/postgres.ts'
import { phaseContext } from './phase-context.ts'

/** What a plan says of pending migrations, with a real server and the real linter. */

let postgres: TestPostgres
let url: string
beforeAll(async () => {
  postgres = await startTestPostgres()
  url = await postgres.database()
  await ask(
    url,
    `create table customers (id int primary key, email text);
     insert into customers select n, n || '@example.com' from generate_series(1, 20000) n;
     create table fresh (id int);
     analyze customers;
     create schema app;
     create function app.wipe() returns void language sql volatile as 'delete from customers';
     create function app.calm(n int) returns int language sql stable as 'select n';
     create function app.odd(int, int) returns boolean language sql volatile as 'select true';
     create operator @@@ (leftarg = int, rightarg = int, function = app.odd);
     create function evil(customers) returns int language sql volatile as 'select 1';`,
  )
})
afterAll(() => postgres.close())

const dumped: BackupForecast = { by: 'pg_dump', untried: undefined, leftOut: [], leaning: [], missing: [] }

async function planned(texts: readonly string[], lint: MigrationLint = openMigrationLint(), backup = dumped) {
  const names = texts.map((_, index) => `20270101${String(index).padStart(6, '0')}_m.sql`)
  const context = phaseContext({
    world: {
      repository: {
        list: async () => ({ path: 'supabase/migrations', files: names, submodules: [] }),
        readAll: async (_, wanted) => wanted.map((one, index) => ({ ...one, text: texts[index] ?? '' })),
      },
      database: openDatabase({ url: new Sensitive(url) }),
      lint,
      backups: { forecast: async () => backup },
    },
  })
  return planMigrations(context, 'abc')
}
const first = '20270101000000_m.sql'
const risksOf = async (...texts: string[]) => (await planned(texts)).risks
const harmless = (many: number) =>
  Array.from({ length: many }, (_, n) => `insert into notes (n) values (${n});`).join('\n')

describe('of the backup the plan says', () => {
  it.each<[string, BackupForecast, RegExp | undefined]>([
    ['nothing when it will be tried out', dumped, undefined],
    ['that it will not be tried out', { ...dumped, untried: 'no CREATEDB' }, /won't be restore-tested: no CREATEDB/],
    [
      'what its test restore leaves out, and how that would change',
      { ...dumped, leftOut: [{ what: 'owners and grants', why: 'no member of app', mend: 'grant app to purser' }] },
      /backup is restore-tested without owners and grants: no member of app\. `grant app to purser` would change that\./,
    ],
    ['nothing when its command restores it', { by: 'command', program: 'backup create', restores: true }, undefined],
    [
      'that nobody restores it',
      { by: 'command', program: 'backup create', restores: false },
      /can't restore this backup/,
    ],
  ])('%s', async (_, forecast, expected) => {
    const said = (await planned(['select 1'], openMigrationLint(), forecast)).risks.filter((risk) =>
      /backup/.test(risk),
    )
    if (expected === undefined) expect(said).toEqual([])
    else expect(said).toEqual([expect.stringMatching(expected)])
  })
})

it('nothing is planned where the backup cannot be made, and the right is named with its grant', async () => {
  const missing = [{ what: "purser can't read public.t", mend: 'grant pg_read_all_data to purser' }]
  await expect(planned(['select 1'], openMigrationLint(), { ...dumped, missing })).rejects.toMatchObject({
    code: 'rights_missing',
    hint: expect.stringContaining('grant pg_read_all_data to purser'),
  })
})

describe('the plan names', () => {
  it.each<[string, string, string]>([
    ['a dropped table', 'drop table customers', `${first}:1 drops table customers – about 20,000 rows.`],
    [
      'one before 300 others',
      `drop table customers;\n${harmless(300)}`,
      `${first}:1 drops table customers – about 20,000 rows.`,
    ],
    [
      'one behind 300 others',
      `${harmless(300)}\ndrop table customers;`,
      `${first}:301 drops table customers – about 20,000 rows.`,
    ],
    [
      'one in a do block',
      "do $$ begin execute 'drop table customers'; end $$",
      `${first}:1 drops table customers – about 20,000 rows.`,
    ],
    ['a delete', 'delete from customers', `${first}:1 deletes all rows of customers – about 20,000 rows.`],
    [
      'a delete with a condition',
      "delete from customers where email like 'a%'",
      `${first}:1 deletes the rows of customers that match its condition – about 20,000 rows.`,
    ],
    [
      'a table that was never counted',
      'delete from public.fresh',
      `${first}:1 deletes all rows of fresh – the server has no estimate of its rows.`,
    ],
    [
      'the same many times',
      'delete from fresh where id = 1;\n'.repeat(400),
      `${first}:1 deletes the rows of fresh that match its condition – the server has no estimate of its rows (and 399 more statements).`,
    ],
    ['a volatile function', 'select app.wipe()', `${first}:1 calls app.wipe(), which may change something.`],
    ['one in any schema', 'select wipe()', `${first}:1 calls wipe(), which may change something.`],
    [
      'a function called as a column',
      'select c.evil from customers c',
      `${first}:1 calls evil(), which may change something.`,
    ],
    ['a volatile operator', 'select 1 @@@ 2', `${first}:1 uses operator @@@, which may change something.`],
    [
      'a function that is not there yet',
      'select app.later()',
      `${first}:1 calls app.later(), which the database does not have yet.`,
    ],
    [
      'a function that changes a sequence',
      "select setval('s', 1)",
      `${first}:1 calls setval(), which may change something.`,
    ],
    [
      'a function that deletes when called',
      'create function f() returns void language sql as $$ delete from customers $$',
      `${first}:1 defines function f, which deletes all rows of customers – about 20,000 rows.`,
    ],
  ])('%s', async (_, sql, wanted) => {
    expect(await risksOf(sql)).toContain(wanted)
  })

  it('no risk of a file that is no SQL: it is refused', async () => {
    await expect(risksOf('this is no SQL')).rejects.toMatchObject({
      code: 'migrations_not_applicable',
      message: expect.stringContaining(`${first}:1 has a syntax error (syntax error at or near "this")`),
    })
  })

  it('a function that only reads as nothing', async () => {
    expect(await planned(['select app.calm(1), now(), random(), count(*) from customers'])).toMatchObject({
      risks: [],
      read: { files: 1, statements: 1 },
    })
  })

  it.each([
    '-- squawk-ignore-file',
    '/* squawk-ignore-file */',
    '-- SQUAWK-IGNORE-FILE',
    '-- squawk-ignore ban-drop-table',
    '--squawk-ignore ban-drop-table,prefer-robust-stmts',
    '-- squawk-disable-assume-in-transaction',
  ])('what %s would hide, and the comment', async (comment) => {
    const risks = await risksOf(`${comment}\ndrop table customers;`)
    expect(risks).toContain(`${first}:2 ban-drop-table: Dropping a table may break existing clients.`)
    expect(risks.some((risk) => risk.startsWith(`${first}: 1 ignore comment was not honoured: line 1`))).toBe(true)
  })

  it('the linter’s findings from the first line to the last', async () => {
    const risks = await risksOf(
      `drop table customers;\n${'alter table fresh add column a text;\n'.repeat(300)}drop table fresh;`,
    )
    expect(risks).toContain(`${first}:1 (and 1 more) ban-drop-table: Dropping a table may break existing clients.`)
  })

  it('the most dangerous of all files first, whatever else there is, and how many are left out', async () => {
    const many = (words: (n: number) => string, count: number) =>
      Array.from({ length: count }, (_, n) => words(n)).join(';\n')
    const risks = await risksOf(
      many((n) => `drop index index_${n}`, 400),
      many((n) => `alter table t${n} rename to s${n}`, 400),
      `${many((n) => `drop view v${n}`, 400)}; drop table customers; select app.wipe()`,
    )
    expect(risks[0]).toBe('20270101000002_m.sql:400 drops table customers – about 20,000 rows.')
    expect(risks[1]).toBe('20270101000002_m.sql:400 calls app.wipe(), which may change something.')
    expect(risks).toContainEqual(
      expect.stringMatching(/^… and \d+ more risks of the migrations, less dangerous than these/),
    )
  })
})

describe('“no risks” is said only of what was read', () => {
  it('with how much that was', async () => {
    expect(await planned([harmless(10), 'select 1; select 2'])).toMatchObject({
      risks: [],
      read: { files: 2, statements: 12 },
    })
    expect(await planned([])).toMatchObject({
      risks: ['supabase/migrations has no migration at all at this version.'],
      read: { files: 0, statements: 0 },
    })
  })

  it('and not when the linter failed: that is a risk, and the rest is there', async () => {
    const broken: MigrationLint = {
      check: async () => {
        throw new CheckFailed('lint_failed' as never, 'linting a migration: squawk exited with 101', {})
      },
    }
    const { risks, read } = await planned(['drop table customers'], broken)
    expect(read).toBeUndefined()
    expect(risks).toEqual([
      expect.stringContaining('drops table customers'),
      `${first} was not linted, so its locks are not known in full: linting a migration: squawk exited with 101`,
      expect.stringContaining('blocks reads and writes on customers'),
    ])
  })
})

it('five megabytes of inserts, or one insert of five, keep nobody waiting', async () => {
  const line = (n: number) => `insert into notes (n, text) values (${n}, '${'x'.repeat(60)} ${n}');\n`
  const many = Array.from({ length: 50_000 }, (_, n) => line(n)).join('')
  const one = `insert into notes values ${Array.from({ length: 60_000 }, (_, n) => `(${n}, '${'x'.repeat(70)}')`).join(',')};`
  expect(many.length + one.length).toBeGreaterThan(10_000_000)
  await risksOf('select 1')
  // Somebody else wants a turn every few milliseconds; were the texts read here, nobody would get one.
  let turns = 0
  const others = setInterval(() => (turns += 1), 5)
  const { risks, read } = await planned([`drop table customers;\n${many}`, one])
  clearInterval(others)
  expect(risks[0]).toContain('drops table customers')
  expect(read).toEqual({ files: 2, statements: 50_002 })
  expect(turns).toBeGreaterThan(10)
}, 60_000)
