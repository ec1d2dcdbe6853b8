import { mkdir, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Sensitive } from '../../sensitive.ts'
import { readArchive, readThrough, type Archive } from './archive.ts'
import { nameOf, rangesOf, rowsOf, sequencesOf, tablesOf } from './contents.ts'
import { BackupError, explain } from './errors.ts'
import { libpqEnvironment } from './libpq.ts'
import {
  checkedName,
  finish,
  fingerprint,
  listManifests,
  manifestPath,
  outlived,
  readManifest,
  removeBackup,
} from './manifests.ts'
import { parallelJobs } from './new-database.ts'
import { refusePooled } from './pooling.ts'
import type { BackupManifest, Backups } from './port.ts'
import { withSession, type Session } from './session.ts'
import { testRestore, whyNoTestRestore, type Snapshot, type TestRestoreOptions } from './test-restore.ts'
import { runTool } from './tools.ts'

export interface BackupOptions {
  readonly url: Sensitive
  readonly directory: string
  /** On, on the same server, unless told otherwise. */
  readonly testRestore?: TestRestoreOptions
}

interface Place {
  readonly url: Sensitive
  readonly directory: string
  readonly testRestore: TestRestoreOptions
}

/** Longest that a dump may take; phases have budgets of their own, and cancel by signal. */
const dumpLimitMs = 6 * 60 * 60 * 1000
/** `pg_dump` needs a share lock on each table; behind a migration it must give up, not queue. */
const lockWaitMs = 5_000

export function openBackups({ url, directory, testRestore = { enabled: true } }: BackupOptions): Backups {
  const place: Place = { url, directory, testRestore }
  return {
    clientVersion,
    whyNoTestRestore: (signal) => whyNoTestRestore(url, testRestore, signal),
    create: (name, onProgress, signal) => create(place, name, onProgress, signal),
    verify: async (file, signal) => verify(directory, checkedName(file), signal),
    list: async (signal) => {
      signal.throwIfAborted()
      return listManifests(directory)
    },
    retain: async (rule, signal) => {
      const gone = outlived(await listManifests(directory), rule)
      for (const file of gone) {
        signal.throwIfAborted()
        await removeBackup(directory, checkedName(file))
      }
      return gone
    },
  }
}

async function clientVersion(signal: AbortSignal): Promise<{ readonly text: string; readonly major: number }> {
  let text = ''
  const doing = 'asking pg_dump for its version'
  const onStdoutLine = (line: string): void => void (text ||= line)
  for (const program of ['pg_restore', 'pg_dump'] as const) {
    text = ''
    const args = ['--version']
    await runTool({ program, args, doing, cwd: '/', timeoutMs: 10_000, onStdoutLine }, signal)
  }
  const version = /(\d+)(?:[.\w]*)/.exec(text)
  if (!version) throw new BackupError('client_tools_missing', `${doing}: it answered ${JSON.stringify(text)}`)
  return { text: version[0], major: Number(version[1]) }
}

async function create(
  place: Place,
  name: string,
  onProgress: (line: string) => void,
  signal: AbortSignal,
): Promise<BackupManifest> {
  const { url, directory } = place
  const file = `${checkedName(name)}.dump`
  await mkdir(directory, { recursive: true, mode: 0o700 })
  if (await stat(manifestPath(directory, file)).catch(() => undefined)) {
    onProgress(`${file} exists; checking it`)
    return verify(directory, file, signal)
  }
  const partial = join(directory, `${file}.partial`)
  const startedAt = new Date().toISOString()
  try {
    await rm(partial, { recursive: true, force: true })
    const { expected, ...snapshot } = await dumpSnapshot(url, partial, onProgress, signal)
    const archive = await tableOfContents(partial, expected, signal)
    const facts = await fingerprint(partial)
    const restoreTest = await testRestore(url, place.testRestore, partial, snapshot, onProgress, signal)
    // A restore reads every byte; without one, reading is what can be proven.
    if (restoreTest.outcome === 'skipped') {
      onProgress('reading the archive through')
      await readThrough(partial, signal)
    }
    const { tables, database, serverVersion, clientVersion: madeBy } = archive
    const manifest: BackupManifest = {
      ...{ file, database, serverVersion, clientVersion: madeBy, ...facts, tables, ...snapshot, restoreTest },
      ...{ startedAt, finishedAt: new Date().toISOString() },
    }
    await finish(directory, partial, manifest)
    return manifest
  } catch (error) {
    await rm(partial, { recursive: true, force: true })
    throw error
  }
}

/** Dumps one snapshot and counts what is in it: only so can a restore be held against it while others write. */
async function dumpSnapshot(
  url: Sensitive,
  partial: string,
  onProgress: (line: string) => void,
  signal: AbortSignal,
): Promise<Snapshot & { readonly expected: readonly string[] }> {
  return withSession(url, 'holding the snapshot to back up', signal, async (session) => {
    await refusePooled(session, url, signal)
    await session.query('begin isolation level repeatable read read only')
    await session.query(`set local idle_in_transaction_session_timeout = 0`)
    await session.query(`set local statement_timeout = 0`)
    await session.query(`set local lock_timeout = ${lockWaitMs}`)
    const expected = (await tablesOf(session)).map(nameOf)
    const sequences = await sequencesOf(session)
    await dump(url, await exportSnapshot(session), partial, onProgress, signal)
    onProgress('counting the rows of the snapshot')
    const rows = await rowsOf(session)
    return { expected, rows, sequences: rangesOf(sequences, await sequencesOf(session)) }
  })
}

async function exportSnapshot(session: Session): Promise<string> {
  const { rows } = await session.query<{ snapshot: string }>('select pg_export_snapshot() as snapshot')
  return rows[0]?.snapshot ?? ''
}

async function dump(
  url: Sensitive,
  snapshot: string,
  partial: string,
  onProgress: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const doing = 'dumping the database'
  let dumped = 0
  const { exitCode, complaints } = await runTool(
    {
      program: 'pg_dump',
      args: [
        ...['--format=directory', `--jobs=${parallelJobs()}`, `--snapshot=${snapshot}`, '--no-password', '--verbose'],
        // Half the time of the default level for a twentieth more space.
        '--compress=1',
        ...[`--lock-wait-timeout=${lockWaitMs}`, `--file=${partial}`],
      ],
      doing,
      cwd: dirname(partial),
      env: libpqEnvironment(url),
      timeoutMs: dumpLimitMs,
      onStderrLine: (line) => {
        const table = /dumping contents of table "(.+)"/.exec(line)?.[1]
        if (table === undefined) return
        dumped += 1
        onProgress(`dumping ${table.replace('"."', '.')} (table ${dumped})`)
      },
    },
    signal,
  )
  if (exitCode !== 0) throw dumpFailed(doing, exitCode, complaints)
}

function dumpFailed(doing: string, exitCode: number, complaints: readonly string[]): BackupError {
  const said = complaints.join('\n')
  const make = (code: string, why: string, hint: string, transient = false): BackupError =>
    new BackupError(code, `${doing}: ${why}`, { hint, evidence: complaints, transient })
  if (said.includes('server version mismatch')) {
    return make(
      'client_tools_too_old',
      'pg_dump is older than the server',
      'Install client tools of the server’s major version or newer.',
    )
  }
  if (/lock timeout|could not obtain lock/.test(said)) {
    return make(
      'lock_not_available',
      'a table is locked',
      'Something holds an exclusive lock, perhaps a migration; try again when it is done.',
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
      'Check that the database server runs and can be reached from here.',
      true,
    )
  }
  if (said.includes('No space left'))
    return make('disk_full', 'no disk space is left for it', 'Free space in the backup directory.')
  return make('backup_failed', `pg_dump exited ${exitCode}`, 'See its messages.')
}

/** Every table that was there must be in it. */
async function tableOfContents(path: string, expected: readonly string[], signal: AbortSignal): Promise<Archive> {
  const archive = await readArchive(path, signal)
  const missing = expected.filter((table) => !archive.tables.includes(table))
  if (missing.length > 0) {
    throw new BackupError(
      'backup_damaged',
      `checking the backup: it lacks ${missing.length} of ${expected.length} tables`,
      {
        hint: 'Make the backup again.',
        evidence: missing.slice(0, 20),
      },
    )
  }
  return archive
}

async function verify(directory: string, file: string, signal: AbortSignal): Promise<BackupManifest> {
  const path = join(directory, file)
  const doing = `checking the backup ${file}`
  const hint = 'Do not rely on this file; make a new backup.'
  const manifest = await readManifest(manifestPath(directory, file), doing)
  const found = await fingerprint(path).catch((error: unknown) => {
    throw new BackupError('backup_damaged', `${doing}: the file is gone`, { hint, cause: explain(doing, error) })
  })
  if (found.sha256 !== manifest.sha256 || found.bytes !== manifest.bytes) {
    const evidence = [
      `made: ${manifest.bytes} bytes, sha256 ${manifest.sha256}`,
      `now: ${found.bytes} bytes, sha256 ${found.sha256}`,
    ]
    throw new BackupError('backup_damaged', `${doing}: the file is not what was written`, { hint, evidence })
  }
  await tableOfContents(path, manifest.tables, signal)
  await readThrough(path, signal)
  return manifest
}
