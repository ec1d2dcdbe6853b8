import { createHash } from 'node:crypto'
import { rm, writeFile } from 'node:fs/promises'
import pg from 'pg'
import type { Sensitive } from '../../../sensitive.ts'
import { roleFacts } from '../rights/role-facts.ts'
import { type Trial, trialOf } from '../rights/role-problems.ts'
import { contentsWithout } from './archive.ts'
import { differencesFrom, rowsOf, type Schemas, sequencesOf, type Snapshot } from './contents.ts'
import { BackupError } from '../errors.ts'
import { withPrerequisites } from '../restores/schema-prerequisites.ts'
import { createAlike, databaseName, dropDatabase, onDatabase, restoreInto } from '../restores/new-database.ts'
import type { RestoreTest } from './port.ts'
import { withoutWal } from './unlogged.ts'
import { withLongSession } from '../connection/session.ts'

/** The place where backups are tried out. */
export interface TestRestoreOptions {
  readonly enabled: boolean
  /** The address of another server for it; without one, it is the server of the database itself. */
  readonly url?: Sensitive
}

interface TestRestoreRequest {
  readonly source: Sensitive
  readonly options: TestRestoreOptions
  readonly trial: Trial
  /** The path of the dump. */
  readonly path: string
  readonly snapshot: Snapshot
  /** The schemas that were dumped; undefined when all were. */
  readonly schemas: Schemas
  readonly toolDirectories: readonly string[] | undefined
  readonly onProgress: (line: string) => void
}

const cleanUpLimitMs = 60_000

/** Decides how a backup of these schemas can be tried out, by what the catalogs say of the user. Changes nothing. */
export async function trialHere(
  source: Sensitive,
  options: TestRestoreOptions,
  schemas: Schemas,
  signal: AbortSignal,
): Promise<Trial> {
  if (!options.enabled) return untriedFor('switched off in purser.yaml (backups.testRestore)')
  const elsewhere = options.url !== undefined
  return withLongSession(options.url ?? source, 'asking for the right to create databases', signal, async (session) => {
    const { rows } = await session.query<{ may: boolean; user: string }>(
      'select rolcreatedb or rolsuper as may, rolname as user from pg_roles where rolname = current_user',
    )
    if (!rows[0]?.may) return untriedFor(`${rows[0]?.user ?? 'the user'} isn't allowed to create databases (CREATEDB)`)
    if (!elsewhere) return trialOf(await roleFacts(session, schemas), { elsewhere })
    return withLongSession(source, 'asking what a test restore needs', signal, async (live) =>
      trialOf(await roleFacts(live, schemas, session), { elsewhere }),
    )
  })
}

function untriedFor(untried: string): Trial {
  return { untried, withOwners: false, withTablespaces: false, entries: [], leftOut: [] }
}

/**
 * Restores into a database made for it and compares every count with the snapshot of the dump. The database is dropped
 * whatever happens; its name depends on nothing but the source, so the next try also drops what a crash has left.
 */
export async function testRestore(request: TestRestoreRequest, signal: AbortSignal): Promise<RestoreTest> {
  const { source, options, trial, snapshot, onProgress } = request
  if (trial.untried !== undefined) return { outcome: 'skipped', reason: trial.untried }
  const server = options.url ?? source
  const scratch = scratchName(source)
  const doing = 'restoring the backup into a scratch database'
  try {
    await withLongSession(server, doing, signal, async (session) => {
      await dropDatabase(session, scratch)
      if (options.url === undefined) await createAlike(session, scratch, trial)
      else await session.query(`create database ${pg.escapeIdentifier(scratch)} template template0 encoding 'UTF8'`)
    })
    const url = onDatabase(server, scratch)
    const milliseconds = await fill(request, url, doing, signal)
    onProgress('comparing the restored rows with the snapshot')
    await compareWith(snapshot, url, 'comparing the test restore', signal)
    const without = trial.leftOut.map(({ what }) => what)
    return { outcome: 'passed', milliseconds, ...(without.length === 0 ? {} : { without }) }
  } finally {
    await withLongSession(server, 'dropping the scratch database', AbortSignal.timeout(cleanUpLimitMs), (session) =>
      dropDatabase(session, scratch),
    ).catch(() => {})
  }
}

async function fill(request: TestRestoreRequest, url: Sensitive, doing: string, signal: AbortSignal): Promise<number> {
  const { source, trial, path, schemas, toolDirectories, onProgress } = request
  const { withOwners, withTablespaces, entries } = trial
  const restore = async (listFile?: string): Promise<number> => {
    const began = performance.now()
    const whole = { url, path, doing, withOwners, withTablespaces, toolDirectories, listFile, onProgress }
    await restoreInto({ ...whole, section: 'pre-data' }, signal)
    await withoutWal(url, source, doing, signal)
    await restoreInto({ ...whole, section: 'data' }, signal)
    await restoreInto({ ...whole, section: 'post-data' }, signal)
    return Math.round(performance.now() - began)
  }
  if (schemas !== undefined)
    return withPrerequisites(
      { source, target: url, schemas, path, withOwners, toolDirectories, doing },
      signal,
      restore,
    )
  if (entries.length === 0) return restore()
  const listFile = `${path}.list`
  try {
    await writeFile(listFile, await contentsWithout(path, entries, toolDirectories, signal), { mode: 0o600 })
    return await restore(listFile)
  } finally {
    await rm(listFile, { force: true })
  }
}

/** Raises `restore_differs` when a database does not hold exactly what the snapshot held. */
export async function compareWith(snapshot: Snapshot, url: Sensitive, doing: string, signal: AbortSignal) {
  await withLongSession(url, doing, signal, async (session) => {
    const found = { rows: await rowsOf(session), sequences: await sequencesOf(session) }
    const differences = differencesFrom(snapshot, found)
    if (differences.length === 0) return
    throw new BackupError('restore_differs', `${doing}: ${differences.length} tables or sequences are not as dumped`, {
      hint: "Don't use this backup. Make a new one.",
      evidence: differences.slice(0, 20),
    })
  })
}

function scratchName(source: Sensitive): string {
  const { host, pathname } = new URL(source.reveal())
  const hash = createHash('sha256').update(`${host}${pathname}`).digest('hex').slice(0, 8)
  return databaseName(decodeURIComponent(pathname.slice(1)), `_purser_test_${hash}`)
}
