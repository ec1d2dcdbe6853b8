import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { Sensitive } from '../../sensitive.ts'
import { readArchive, readThrough, type Archive } from './archive.ts'
import { BackupError, explain } from './errors.ts'
import { libpqEnvironment } from './libpq.ts'
import { refusePooled } from './pooling.ts'
import type { BackupManifest, Backups } from './port.ts'
import { withSession } from './session.ts'
import { runTool } from './tools.ts'

export interface BackupOptions {
  readonly url: Sensitive
  readonly directory: string
}

/** Longest that a dump may take; phases have budgets of their own, and cancel by signal. */
const dumpLimitMs = 6 * 60 * 60 * 1000
/** `pg_dump` needs a share lock on each table; behind a migration it must give up, not queue. */
const lockWaitMs = 5_000

export function openBackups({ url, directory }: BackupOptions): Backups {
  return {
    clientVersion,
    create: (name, onProgress, signal) => create({ url, directory }, name, onProgress, signal),
    verify: async (file, signal) => verify(directory, checkedName(file), signal),
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
  { url, directory }: BackupOptions,
  name: string,
  onProgress: (line: string) => void,
  signal: AbortSignal,
): Promise<BackupManifest> {
  const file = `${checkedName(name)}.dump`
  await mkdir(directory, { recursive: true, mode: 0o700 })
  if (await stat(manifestPath(directory, file)).catch(() => undefined)) {
    onProgress(`${file} exists; checking it`)
    return verify(directory, file, signal)
  }
  const partial = join(directory, `${file}.partial`)
  const startedAt = new Date().toISOString()
  try {
    const expected = await tablesOf(url, signal)
    await writeFile(partial, '', { mode: 0o600 }) // pg_dump would let everybody read it
    await dump(url, directory, partial, onProgress, signal)
    onProgress('reading the archive through')
    const archive = await prove(partial, expected, signal)
    const facts = await fingerprint(partial)
    const { tables, database, serverVersion, clientVersion: madeBy } = archive
    const manifest: BackupManifest = {
      ...{ file, database, serverVersion, clientVersion: madeBy, ...facts, tables },
      ...{ startedAt, finishedAt: new Date().toISOString() },
    }
    await finish(directory, partial, manifest)
    return manifest
  } catch (error) {
    await rm(partial, { force: true })
    throw error
  }
}

/** The names become file names and arguments of programs. */
function checkedName(name: string): string {
  if (/^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$/.test(name) && !name.endsWith('.partial')) return name
  throw new BackupError('backup_name', `naming a backup: ${JSON.stringify(name)} is not a plain file name`)
}

function manifestPath(directory: string, file: string): string {
  return join(directory, `${file}.json`)
}

async function dump(
  url: Sensitive,
  directory: string,
  partial: string,
  onProgress: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const doing = 'dumping the database'
  const { exitCode, complaints } = await runTool(
    {
      program: 'pg_dump',
      args: ['--format=custom', '--no-password', '--verbose', `--lock-wait-timeout=${lockWaitMs}`, `--file=${partial}`],
      doing,
      cwd: directory,
      env: libpqEnvironment(url),
      timeoutMs: dumpLimitMs,
      onStderrLine: (line) => {
        const table = /dumping contents of table "(.+)"/.exec(line)?.[1]
        if (table !== undefined) onProgress(`dumping ${table.replace('"."', '.')}`)
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

/** Ordinary tables with contents of their own, as `schema name`: what the dump must hold. */
async function tablesOf(url: Sensitive, signal: AbortSignal): Promise<readonly string[]> {
  return withSession(url, 'listing the tables to back up', signal, async (session) => {
    await refusePooled(session, url, signal)
    const { rows } = await session.query<{ name: string }>(`
      select n.nspname || '.' || c.relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where c.relkind = 'r' and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
        and not exists (select from pg_depend where classid = 'pg_class'::regclass and objid = c.oid and deptype = 'e')`)
    return rows.map((row) => row.name)
  })
}

/** A dump is a backup only after this: table of contents complete, every byte of it readable. */
async function prove(path: string, expected: readonly string[], signal: AbortSignal): Promise<Archive> {
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
  await readThrough(path, signal)
  return archive
}

async function fingerprint(path: string): Promise<{ readonly bytes: number; readonly sha256: string }> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(path), hash)
  return { bytes: (await stat(path)).size, sha256: hash.digest('hex') }
}

/** Dump first, manifest last: a manifest says that the file beside it is whole. */
async function finish(directory: string, partial: string, manifest: BackupManifest): Promise<void> {
  const handle = await open(partial, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
  await rename(partial, join(directory, manifest.file))
  const path = manifestPath(directory, manifest.file)
  await writeFile(`${path}.partial`, `${JSON.stringify(manifest, null, 2)}\n`, { mode: 0o600, flush: true })
  await rename(`${path}.partial`, path)
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
  await prove(path, manifest.tables, signal)
  return manifest
}

async function readManifest(path: string, doing: string): Promise<BackupManifest> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as BackupManifest
  } catch (error) {
    const hint = 'See which backups there are; this one was never finished or was removed.'
    throw new BackupError('backup_missing', `${doing}: it has no readable manifest`, { hint, cause: error })
  }
}
