import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type ClientTools, toolsForServer } from '../../../src/adapters/postgres/connection/client-tools.ts'
import { libpqEnvironment } from '../../../src/adapters/postgres/connection/libpq.ts'
import { openDatabase } from '../../../src/adapters/postgres/database.ts'
import { DatabaseError } from '../../../src/adapters/postgres/errors.ts'
import type { MigrationFile } from '../../../src/adapters/postgres/port.ts'
import type { MigrationsConfig } from '../../../src/config/service-schema.ts'
import { PurserError } from '../../../src/errors.ts'
import {
  ignoredRisk,
  pendingMigrations,
  readMigrations,
  refuseNoneTaken,
} from '../../../src/runbook/migrate/migrations.ts'
import { refuseObstacles } from '../../../src/runbook/plan/applicable.ts'
import type { World } from '../../../src/runbook/world.ts'
import { Sensitive } from '../../../src/sensitive.ts'
import { ask, startTestPostgres, type TestPostgres } from '../../support/postgres.ts'
import { child, contentsOf } from './contents.ts'
import { dumps } from './dumps.ts'
import { functions } from './functions.ts'
import { objects } from './objects.ts'
import { otherTools } from './other-tools.ts'
import { outside } from './outside.ts'
import { psqlScripts } from './psql-scripts.ts'
import { rights } from './rights.ts'
import { rows } from './rows.ts'
import { settings } from './settings.ts'
import type { Shape } from './shape.ts'
import { texts } from './texts.ts'
import { transactions } from './transactions.ts'

/*
 * The kinds of migration files that projects have, each judged against `psql -v ON_ERROR_STOP=1` on a fresh database: both succeed, and
 * the databases are alike; or both fail with the same SQLSTATE; or the plan refuses the file and says why. psql commits each statement
 * and leaves half of a file that fails; Purser makes one transaction of a file and leaves nothing. So of a failure only the SQLSTATE is
 * compared, and files that lean on one transaction (`set local`, `lock table`) are judged against `psql --single-transaction`.
 * Alike means: the output of `pg_dump` on a server whose tools are installed, on the other what the catalogs say and every row.
 */
const shapes: readonly (readonly [kind: string, shapes: readonly Shape[]])[] = [
  ['dumps', dumps],
  ['transactions', transactions],
  ['texts', texts],
  ['scripts of psql', psqlScripts],
  ['outside a transaction', outside],
  ['settings', settings],
  ['objects', objects],
  ['functions', functions],
  ['rights', rights],
  ['rows and failures', rows],
  ['other tools', otherTools],
]
const all = shapes.flatMap(([kind, ofKind]) => ofKind.map((shape) => ({ kind, ...shape })))

/**
 * Databases that are made, filled twice and compared take minutes: an ordinary run compares every third of them on the newer server, and
 * `PURSER_EVERY_SHAPE=1` all. What is refused or fails is tried on both.
 */
const everyShape = process.env['PURSER_EVERY_SHAPE'] === '1'

function endsSoon(shape: Shape | undefined): boolean {
  return typeof shape?.outcome === 'object' && !('named' in shape.outcome)
}

const signal = new AbortController().signal
const config: MigrationsConfig = {
  directory: 'migrations',
  lockTimeoutSeconds: 2,
  statementTimeoutMinutes: 5,
  needs: [],
  blockers: 'name',
  expect: [],
}

type Told = 'applied' | { readonly fails: string } | { readonly refused: string }

function filesOf({ files }: Shape): ReadonlyMap<string, Buffer> {
  const named = typeof files === 'string' || Buffer.isBuffer(files) ? [['1_shape.sql', files] as const] : files
  return new Map(named.map(([name, text]) => [name, Buffer.from(text)]))
}

/** The directory of the migrations as Purser reads it out of a repository. */
function worldOf(shape: Shape, url: string): Pick<World, 'database' | 'repository'> {
  const files = filesOf(shape)
  const repository = {
    list: async () => ({ path: '', files: [...files.keys()], submodules: [] }),
    readAll: async <Wanted extends { readonly path: string }>(_commit: string, wanted: readonly Wanted[]) =>
      wanted.map((one) => ({ ...one, text: files.get(one.path)?.toString() ?? '' })),
  }
  return {
    repository: repository as unknown as World['repository'],
    database: openDatabase({ url: new Sensitive(url) }),
  }
}

/** What the plan and then the migrate phase make of a directory. */
async function throughPurser(
  shape: Shape,
  url: string,
): Promise<{ told: Told; named: readonly string[]; missing?: readonly string[] }> {
  const world = worldOf(shape, url) as World
  const { database } = world
  let pending: readonly MigrationFile[] = []
  let named: readonly string[] = []
  try {
    const committed = await readMigrations(world, config, 'HEAD', signal)
    refuseNoneTaken(config.directory, committed)
    named = ignoredRisk(config.directory, committed)
    pending = pendingMigrations(committed.files, await database.ledger(signal), config)
    await refuseObstacles(world, pending, config, signal)
  } catch (error) {
    if (!(error instanceof PurserError)) throw error
    return { told: { refused: [error.message, error.hint, ...(error.evidence ?? [])].join('\n') }, named }
  }
  const { there } = await database.changes(pending, signal)
  try {
    for (const file of pending)
      await database.apply(
        { file, run: 42, release: 'v1.2.0', lockTimeoutMs: 2_000, statementTimeoutMs: 60_000 },
        signal,
      )
  } catch (error) {
    if (!(error instanceof DatabaseError)) throw error
    return { told: { fails: error.sqlState ?? `${error.code}: ${error.message}` }, named }
  }
  return { told: 'applied', named, missing: await database.missing(there, signal) }
}

/** What psql makes of the files that Purser takes, one after the other. */
async function throughPsql(shape: Shape, url: string): Promise<Told> {
  const files = filesOf(shape)
  const { files: taken } = await readMigrations(worldOf(shape, url) as World, config, 'HEAD', signal)
  const one = shape.oneTransaction === true ? ['--single-transaction'] : []
  const args = ['-X', '-q', '-v', 'ON_ERROR_STOP=1', '-v', 'VERBOSITY=sqlstate', ...one, '-f', '-']
  for (const { name } of taken) {
    const { status, stderr } = await child('psql', args, libpqEnvironment(new Sensitive(url)), files.get(name))
    if (status !== 0) return { fails: /ERROR: {2}(\w{5})/.exec(stderr)?.[1] ?? stderr }
  }
  return 'applied'
}

/** Whether a failure leaves what was done before it: of statements outside a transaction, and of the first of several files. */
function leavesHalf({ files }: Shape): boolean {
  return Array.isArray(files) || /concurrently|vacuum|reindex|cluster/i.test(String(files))
}

/** What psql learns from the server while it runs a file, the plan has learnt before. */
function inThePlan(told: Told): Told {
  const syntax =
    typeof told === 'object' && 'refused' in told && /has a syntax error|uses a variable of psql/.test(told.refused)
  return syntax ? { fails: '42601' } : told
}

it('has 150 shapes or more, each with a name of its own', () => {
  expect(all.length).toBeGreaterThanOrEqual(150)
  expect(new Set(all.map(({ kind, name }) => `${kind}: ${name}`)).size).toBe(all.length)
})

describe.each([15, 18] as const)('on PostgreSQL %i, as with psql,', (major) => {
  let postgres: TestPostgres
  let tools: ClientTools | undefined
  /** What is refused in the plan leaves it so. */
  let empty = ''

  beforeAll(async () => {
    postgres = await startTestPostgres(major)
    empty = await postgres.database()
    await ask(empty, 'create role shapes_owner; create role shapes_reader')
    tools = await toolsForServer(new Sensitive(empty), undefined, signal).catch(() => undefined)
  }, 60_000)
  afterAll(() => postgres.close())

  /** Does something with a database of its own, in which the shape finds what it expects. */
  async function inDatabase<T>(shape: Shape, work: (url: string) => Promise<T>): Promise<T> {
    const url = await postgres.database()
    try {
      if (shape.before !== undefined) await ask(url, shape.before)
      return await work(url)
    } finally {
      const admin = postgres.server?.adminUrl ?? ''
      await ask(admin, `drop database ${new URL(url).pathname.slice(1)} with (force)`)
      if (shape.after !== undefined) await ask(admin, shape.after)
    }
  }

  const here = all.filter(
    ({ since = 0 }, at) => major >= since && (major === 15 || everyShape || endsSoon(all[at]) || at % 3 === 0),
  )
  it.concurrent.each(here)('$kind: $name', async (shape) => {
    const { outcome } = shape
    const expected = typeof outcome === 'object' && 'named' in outcome ? 'applied' : outcome
    if (typeof expected === 'object' && 'refused' in expected) {
      const told =
        shape.before === undefined
          ? (await throughPurser(shape, empty)).told
          : await inDatabase(shape, async (url) => (await throughPurser(shape, url)).told)
      expect(told).toEqual({ refused: expect.stringContaining(expected.refused) })
      return
    }
    if (typeof expected === 'object') {
      const told = await inDatabase(shape, async (url) => {
        const { told: purser } = await throughPurser(shape, url)
        // What has failed in one transaction has left nothing, so the referee finds the database as it was.
        const psql = leavesHalf(shape)
          ? inDatabase(shape, (other) => throughPsql(shape, other))
          : throughPsql(shape, url)
        return { purser: inThePlan(purser), psql: await psql }
      })
      expect(told).toEqual({ psql: expected, purser: expected })
      return
    }
    const purser = await inDatabase(shape, async (url) => {
      const result = await throughPurser(shape, url)
      return { ...result, contents: await contentsOf(url, tools) }
    })
    const psql = await inDatabase(shape, async (url) => {
      const told = await throughPsql(shape, url)
      return { told, contents: await contentsOf(url, tools) }
    })
    expect({ psql: psql.told, purser: purser.told }).toEqual({ psql: 'applied', purser: 'applied' })
    expect(purser.contents).toEqual(psql.contents)
    expect(purser.missing).toEqual([])
    expect(purser.named).toEqual(
      typeof outcome === 'object' && 'named' in outcome ? [expect.stringContaining(outcome.named)] : [],
    )
  })
})
