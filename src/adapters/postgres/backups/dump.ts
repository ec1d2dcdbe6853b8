import { dirname } from 'node:path'
import type { Sensitive } from '../../../sensitive.ts'
import { type ClientTools, speakZstd } from '../connection/client-tools.ts'
import { accessOf } from './access.ts'
import { nameOf, rangesOf, rowsIn, type Schemas, sequencesOf, type Snapshot, type Table, tablesOf } from './contents.ts'
import { dumpProgress } from './dump-progress.ts'
import { roomForParallel, sayWhetherFull } from './lock-room.ts'
import { type BackupCode, BackupError } from '../errors.ts'
import { libpqEnvironment, patternOf } from '../connection/libpq.ts'
import { parallelJobs } from '../restores/new-database.ts'
import type { AccessGroup, TableRows } from './port.ts'
import { refusePooled } from '../connection/pooling.ts'
import { liftLimits, type Session, withSession } from '../connection/session.ts'
import { runTool } from '../connection/tools.ts'

interface DumpRequest {
  readonly url: Sensitive
  readonly schemas: Schemas
  readonly tools: ClientTools
  /**
   * Whether a restore will show that it is whole. `pg_restore` reads a zstd file that was cut to its end without a
   * word.
   */
  readonly triedOut: boolean
  /** The directory that is made. */
  readonly partial: string
  /** Raises when there is no room for tables of this size. */
  readonly beforehand: (sourceBytes: number) => Promise<void>
  readonly onProgress: (line: string) => void
}

interface Dumped extends Snapshot {
  readonly access: readonly AccessGroup[]
  readonly expected: readonly string[]
  readonly sourceBytes: number
}

/** The longest that a dump may take; phases have budgets of their own, and cancel by signal. */
const dumpLimitMs = 6 * 60 * 60 * 1000
/** The wait for the share lock that `pg_dump` needs on each table; behind a migration it must give up, not queue. */
const lockWaitMs = 5_000
const doing = 'dumping the database'

/** Dumps one snapshot and counts what is in it: only so can a restore be held against it while others write. */
export async function dumpSnapshot(request: DumpRequest, signal: AbortSignal): Promise<Dumped> {
  const { url, schemas } = request
  return withSession(url, 'holding the snapshot to back up', signal, async (session) => {
    await refusePooled(session, url, signal)
    await liftLimits(session)
    if (schemas !== undefined) await requireSchemas(session, schemas)
    await session.query('begin isolation level repeatable read read only')
    await session.query(`set local lock_timeout = ${lockWaitMs}`)
    const tables = await tablesOf(session, schemas)
    const sourceBytes = tables.reduce((sum, { bytes }) => sum + bytes, await largeObjectBytes(session))
    await request.beforehand(sourceBytes)
    const sequences = await sequencesOf(session, schemas)
    const snapshot = await exportSnapshot(session)
    const rows = await dumpAsServerCan(request, { session, snapshot, tables }, signal)
    const after = await sequencesOf(session, schemas)
    // Last, as it locks a hundred catalogs and their indexes until the end of the transaction: pg_dump needs the room.
    const access = await accessOf(session, schemas)
    return { expected: tables.map(nameOf), sourceBytes, access, rows, sequences: rangesOf(sequences, after) }
  })
}

interface Held {
  /** The session that holds the snapshot. */
  readonly session: Session
  readonly snapshot: string
  readonly tables: readonly Table[]
}

/**
 * Each process of a parallel dump locks its tables once more. Where the server has no room for that, one process may still do: `pg_dump`
 * alone would.
 */
async function dumpAsServerCan(request: DumpRequest, held: Held, signal: AbortSignal): Promise<readonly TableRows[]> {
  const { session, tables } = held
  const jobs = (await roomForParallel(tables.length, session)) ? parallelJobs() : 1
  try {
    return await dumpAndCount(request, held, jobs, signal)
  } catch (error) {
    signal.throwIfAborted()
    throw await sayWhetherFull(doing, error, tables.length, session)
  }
}

/** Both go side by side, and see the same rows. When one fails the other ends too. */
async function dumpAndCount(
  request: DumpRequest,
  { snapshot, tables }: Held,
  jobs: number,
  signal: AbortSignal,
): Promise<readonly TableRows[]> {
  const over = new AbortController()
  const both = AbortSignal.any([signal, over.signal])
  const counting = rowsIn(request.url, { snapshot, tables, lockWaitMs }, both)
  const dumping = dump({ ...request, jobs }, snapshot, tables, both)
  try {
    const [rows] = await Promise.all([counting, dumping])
    return rows
  } catch (error) {
    over.abort(error)
    await Promise.allSettled([counting, dumping])
    throw error
  }
}

async function requireSchemas(session: Session, schemas: readonly string[]): Promise<void> {
  const { rows } = await session.query<{ name: string }>(
    'select name from unnest($1::text[]) as name where not exists (select from pg_namespace where nspname = name)',
    [schemas],
  )
  if (rows.length === 0) return
  const missing = rows.map(({ name }) => name).join(', ')
  throw new BackupError('schema_missing', `backing up the database: it has no schema ${missing}`, {
    hint: 'Correct environments.*.backups.schemas in purser.yaml.',
  })
}

async function largeObjectBytes(session: Session): Promise<number> {
  const { rows } = await session.query<{ bytes: string }>(
    `select pg_table_size('pg_catalog.pg_largeobject')::text as bytes`,
  )
  return Number(rows[0]?.bytes ?? 0)
}

async function exportSnapshot(session: Session): Promise<string> {
  const { rows } = await session.query<{ snapshot: string }>('select pg_export_snapshot() as snapshot')
  return rows[0]?.snapshot ?? ''
}

async function dump(
  { url, schemas, tools, triedOut, partial, jobs, onProgress }: DumpRequest & { readonly jobs: number },
  snapshot: string,
  tables: readonly Table[],
  signal: AbortSignal,
): Promise<void> {
  const progress = dumpProgress(url, tables, onProgress)
  const over = new AbortController()
  const watching = progress.watch(AbortSignal.any([signal, over.signal]))
  try {
    const { exitCode, complaints } = await runTool(
      {
        program: 'pg_dump',
        directory: tools.directory,
        args: [
          '--format=directory',
          `--jobs=${jobs}`,
          `--snapshot=${snapshot}`,
          '--no-password',
          '--verbose',
          `--compress=${triedOut ? await compression(tools, signal) : '1'}`,
          ...selection(schemas),
          `--lock-wait-timeout=${lockWaitMs}`,
          `--file=${partial}`,
        ],
        doing,
        cwd: dirname(partial),
        env: libpqEnvironment(url),
        timeoutMs: dumpLimitMs,
        onStderrLine: (line) => progress.line(line),
      },
      signal,
    )
    if (exitCode !== 0) throw dumpFailed(exitCode, complaints)
  } finally {
    over.abort()
    await watching
  }
}

/**
 * Chooses the quickest compression of each kind; docs/decisions/0013 has the measurements. The server has no part in
 * it.
 */
async function compression(tools: ClientTools, signal: AbortSignal): Promise<string> {
  return (await speakZstd(tools, signal)) ? 'zstd:1' : '1'
}

/** Selects schemas, and large objects, which belong to none; without them, whatever refers to them would dangle. */
function selection(schemas: Schemas): readonly string[] {
  return schemas === undefined ? [] : ['--blobs', ...schemas.map((schema) => `--schema=${patternOf(schema)}`)]
}

function dumpFailed(exitCode: number, complaints: readonly string[]): BackupError {
  const said = complaints.join('\n')
  const make = (code: BackupCode, why: string, hint: string, transient = false): BackupError =>
    new BackupError(code, `${doing}: ${why}`, { hint, evidence: complaints, transient })
  if (said.includes('server version mismatch')) {
    return make(
      'client_tools_too_old',
      'pg_dump is older than the server',
      'Install client tools of the server’s major version or newer.',
    )
  }
  // A process of pg_dump that could not lock a table says so whatever the reason was.
  if (said.includes('out of shared memory'))
    return make('lock_table_full', "the server's lock table is full", 'Raise max_locks_per_transaction on the server.')
  if (/lock timeout|could not obtain lock/.test(said)) {
    return make(
      'lock_not_available',
      'a table is locked',
      'Something holds an exclusive lock, perhaps a migration. Try again when it is done.',
      true,
    )
  }
  if (said.includes('row-level security')) {
    return make(
      'permission_denied',
      'row level security hides rows from this user',
      'Use a user with BYPASSRLS for backups.',
    )
  }
  if (said.includes('permission denied')) {
    return make('permission_denied', 'a right is missing', 'Grant pg_read_all_data to the user of the backups.')
  }
  if (
    /could not connect|connection to server|connection refused|terminating connection|server closed the connection/i.test(
      said,
    )
  ) {
    return make(
      'database_unreachable',
      'the connection failed',
      'Check that the database server runs and that Purser can reach it.',
      true,
    )
  }
  if (said.includes('No space left'))
    return make('backup_disk_full', 'no disk space is left for it', 'Free space in the backup directory.')
  return make('backup_failed', `pg_dump exited ${exitCode}`, 'See its messages.')
}
