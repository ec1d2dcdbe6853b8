import { createHash } from 'node:crypto'
import type { Sensitive } from '../../../sensitive.ts'
import pg from 'pg'
import { differencesFrom, rowsOf, type Schemas, sequencesOf, type Snapshot } from './contents.ts'
import { BackupError } from '../errors.ts'
import { withPrerequisites } from '../restores/schema-prerequisites.ts'
import { createAlike, databaseName, dropDatabase, onDatabase, restoreInto } from '../restores/new-database.ts'
import type { RestoreTest } from '../port.ts'
import { withLongSession, withSession } from '../connection/session.ts'

/** The place where backups are tried out. */
export interface TestRestoreOptions {
  readonly enabled: boolean
  /** The address of another server for it; without one, it is the server of the database itself. */
  readonly url?: Sensitive
}

interface TestRestoreRequest {
  readonly source: Sensitive
  readonly options: TestRestoreOptions
  /** The path of the dump. */
  readonly path: string
  readonly snapshot: Snapshot
  /** The schemas that were dumped; undefined when all were. */
  readonly schemas: Schemas
  readonly toolDirectories: readonly string[] | undefined
  readonly onProgress: (line: string) => void
}

const cleanUpLimitMs = 60_000

/** Tells why a backup cannot be tried out; undefined when it can. */
export async function whyNoTestRestore(
  source: Sensitive,
  options: TestRestoreOptions,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (!options.enabled) return 'switched off in purser.yaml (backups.testRestore)'
  return withSession(options.url ?? source, 'asking for the right to create databases', signal, async (session) => {
    const { rows } = await session.query<{ may: boolean; user: string }>(
      'select rolcreatedb or rolsuper as may, rolname as user from pg_roles where rolname = current_user',
    )
    return rows[0]?.may ? undefined : `${rows[0]?.user ?? 'the user'} isn't allowed to create databases (CREATEDB)`
  })
}

/**
 * Restores into a database made for it and compares every count with the snapshot of the dump. The database is dropped
 * whatever happens; its name depends on nothing but the source, so the next try also drops what a crash has left.
 */
export async function testRestore(request: TestRestoreRequest, signal: AbortSignal): Promise<RestoreTest> {
  const { source, options, snapshot, onProgress } = request
  const reason = await whyNoTestRestore(source, options, signal)
  if (reason !== undefined) return { outcome: 'skipped', reason }
  const server = options.url ?? source
  const scratch = scratchName(source)
  const doing = 'restoring the backup into a scratch database'
  try {
    await withLongSession(server, doing, signal, async (session) => {
      await dropDatabase(session, scratch)
      if (options.url === undefined) await createAlike(session, scratch)
      else await session.query(`create database ${pg.escapeIdentifier(scratch)} template template0 encoding 'UTF8'`)
    })
    const url = onDatabase(server, scratch)
    const milliseconds = await fill(request, url, doing, signal)
    onProgress('comparing the restored rows with the snapshot')
    await compareWith(snapshot, url, 'comparing the test restore', signal)
    return { outcome: 'passed', milliseconds }
  } finally {
    await withLongSession(server, 'dropping the scratch database', AbortSignal.timeout(cleanUpLimitMs), (session) =>
      dropDatabase(session, scratch),
    ).catch(() => {})
  }
}

async function fill(request: TestRestoreRequest, url: Sensitive, doing: string, signal: AbortSignal): Promise<number> {
  const { source, options, path, schemas, toolDirectories, onProgress } = request
  const withOwners = options.url === undefined
  const restore = async (listFile?: string): Promise<number> => {
    const began = performance.now()
    await restoreInto({ url, path, doing, withOwners, toolDirectories, listFile, onProgress }, signal)
    return Math.round(performance.now() - began)
  }
  if (schemas === undefined) return restore()
  return withPrerequisites({ source, target: url, schemas, path, withOwners, toolDirectories, doing }, signal, restore)
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
