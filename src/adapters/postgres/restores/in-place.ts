import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { PassThrough, Transform, type Writable } from 'node:stream'
import type { Sensitive } from '../../../sensitive.ts'
import { type ClientTools, toolsForServer } from '../connection/client-tools.ts'
import { BackupError } from '../errors.ts'
import { dependentsQuery } from './dependents.ts'
import { whyPreparedTransactions } from './prepared-transactions.ts'
import { type ArchiveSelection, beginEmptied, checkedCommit, type Existing, selectContents } from './in-place-sql.ts'
import { libpqEnvironment } from '../connection/libpq.ts'
import { checkedName } from '../backups/manifests.ts'
import { transactionPooled } from '../connection/pooling.ts'
import type { BackupManifest, RestoreInPlace } from '../port.ts'
import { type Session, withSession } from '../connection/session.ts'
import type { BackupStorage } from '../backups/storage.ts'
import { runTool } from '../connection/tools.ts'

/*
 * A restore inside the live database: psql runs one transaction in which the schemas are emptied, `pg_restore` streams
 * the archive, and the rows are counted against the backup's manifest; only then is it committed, with a mark of the
 * run. The runbook calls it once the service is stopped and what is there has been dumped. Whatever breaks before the
 * commit leaves everything as it was. A repeat after a crash looks for the mark first, so a committed restore is never
 * made twice and another one may simply be begun anew.
 */

interface InPlaceOptions {
  readonly url: Sensitive
  readonly storage: BackupStorage
  readonly toolDirectories: readonly string[] | undefined
}

const limitMs = 12 * 60 * 60 * 1000

export async function whyNotInPlace(
  { url, toolDirectories }: InPlaceOptions,
  schemas: readonly string[] | undefined,
  signal: AbortSignal,
): Promise<string | undefined> {
  const doing = 'asking whether the database can be restored in place'
  const problem = await withSession(url, doing, signal, async (session) => {
    if (await transactionPooled(session, url, signal)) return 'the address leads to a transaction-mode pooler'
    const { rows } = await session.query<{ standby: boolean; user: string; foreign: string | null }>(
      `
      select pg_is_in_recovery() as standby, current_user::text as user, (
        select string_agg(name, ', ') from (
          select format('%I.%I', n.nspname, c.relname) as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
          where c.relkind in ('r', 'p', 'v', 'm', 'S') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
            and not pg_has_role(current_user, c.relowner, 'member')
            and not exists (select from pg_depend where classid = 'pg_class'::regclass and objid = c.oid and deptype = 'e')
            and ($1::text[] is null or n.nspname = any($1))
          order by 1 limit 3) strangers) as foreign`,
      [schemas ?? null],
    )
    if (rows[0]?.standby) return 'this server is a standby'
    if (rows[0]?.foreign) return `${rows[0].user} does not own ${rows[0].foreign}`
    const prepared = await whyPreparedTransactions(session)
    if (prepared !== undefined) return prepared
    return schemas === undefined ? undefined : whatHangsOn(session, schemas)
  })
  if (problem !== undefined) return problem
  const { directory } = await toolsForServer(url, toolDirectories, signal)
  const asked = await runTool(
    { program: 'psql', directory, args: ['--version'], doing, cwd: '/', timeoutMs: 10_000 },
    signal,
  ).catch(() => undefined)
  return asked?.exitCode === 0 ? undefined : 'psql is not installed beside pg_restore'
}

const mostNamed = 5

/** A backup of some schemas does not have what others have made of them, and emptying would drop it. */
async function whatHangsOn(session: Session, schemas: readonly string[]): Promise<string | undefined> {
  const { rows } = await session.query<{ name: string }>(dependentsQuery(schemas))
  if (rows.length === 0) return undefined
  const named = rows.slice(0, mostNamed).map(({ name }) => name)
  const more = rows.length > mostNamed ? `, and ${rows.length - mostNamed} more` : ''
  return `it would drop what depends on ${schemas.join(', ')} from outside: ${named.join('; ')}${more}`
}

export async function doneInPlace(
  { url }: Pick<InPlaceOptions, 'url'>,
  run: number,
  signal: AbortSignal,
): Promise<{ readonly safety: string } | undefined> {
  return withSession(url, 'looking whether the restore is done', signal, async (session) => {
    const { rows: found } = await session.query<{ there: boolean }>(
      `select to_regclass('purser.restores') is not null as there`,
    )
    if (!found[0]?.there) return undefined
    const { rows } = await session.query<{ safety: string }>('select safety from purser.restores where run = $1', [run])
    return rows[0]
  })
}

/**
 * Restores in place. pg_restore writes SQL, psql runs it, and only Purser says `commit`, after everything was checked:
 * whoever of the three dies, the server rolls back to what was there.
 */
export async function restoreInPlace(
  options: InPlaceOptions,
  restore: RestoreInPlace,
  signal: AbortSignal,
): Promise<{ readonly milliseconds: number }> {
  const began = performance.now()
  const { url, storage, toolDirectories } = options
  if ((await doneInPlace(options, restore.run, signal)) !== undefined) return { milliseconds: 0 }
  const doing = `restoring ${restore.file} in place`
  const manifest = await storage.manifest(checkedName(restore.file), doing, signal)
  const tools = await toolsForServer(url, toolDirectories, signal)
  const existing = await withSession(url, doing, signal, readExisting)
  const directory = await mkdtemp(join(tmpdir(), 'purser-restore-'))
  try {
    await storage.withFiles(manifest, signal, async (path) => {
      const archive = { path, tools, doing, directory, onProgress: restore.onProgress }
      const selection = selectContents(await contentsOf(archive, signal), existing)
      await runAsOne({ url, tools, doing }, signal, async (sql, over) => {
        sql.write(beginEmptied(selection.schemas, manifest.schemas))
        await writeArchive(archive, selection, sql, over)
        restore.onProgress('comparing with the snapshot of the backup')
        over.throwIfAborted()
        sql.write(checkedCommit(manifest, restore))
      })
    })
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
  await requireDone(options, manifest, restore, signal)
  return { milliseconds: Math.round(performance.now() - began) }
}

async function requireDone(
  options: InPlaceOptions,
  { file }: BackupManifest,
  { run }: RestoreInPlace,
  signal: AbortSignal,
) {
  if ((await doneInPlace(options, run, signal)) === undefined)
    throw new BackupError('restore_failed', `restoring ${file} in place: it was not committed`, {
      hint: 'The database is unchanged. Try again.',
    })
}

interface ArchiveReading {
  readonly path: string
  readonly tools: ClientTools
  readonly doing: string
  /** The directory to which lists of contents are written. */
  readonly directory: string
  readonly onProgress: (line: string) => void
}

async function contentsOf({ path, tools, doing }: ArchiveReading, signal: AbortSignal): Promise<readonly string[]> {
  const lines: string[] = []
  const { exitCode, complaints } = await runTool(
    {
      program: 'pg_restore',
      directory: tools.directory,
      args: ['--list', path],
      doing,
      cwd: dirname(path),
      timeoutMs: 60_000,
      onStdoutLine: (line: string) => void lines.push(line),
    },
    signal,
  )
  if (exitCode !== 0) throw failed(doing, complaints)
  return lines
}

async function writeArchive(
  archive: ArchiveReading,
  { list, largeObjects }: ArchiveSelection,
  sql: Writable,
  signal: AbortSignal,
): Promise<void> {
  await writePart(archive, 'contents', list, sql, signal)
  if (largeObjects === undefined) return
  const bare = withoutTransactions()
  bare.pipe(sql, { end: false })
  await writePart(archive, 'large-objects', largeObjects, bare, signal)
  const drained = new Promise((resolve) => bare.once('end', resolve))
  bare.end()
  await drained
}

async function writePart(
  { path, tools, doing, directory, onProgress }: ArchiveReading,
  name: string,
  list: string,
  stdoutTo: Writable,
  signal: AbortSignal,
): Promise<void> {
  const listFile = join(directory, name)
  await writeFile(listFile, list, { mode: 0o600 })
  const { exitCode, complaints } = await runTool(
    {
      program: 'pg_restore',
      directory: tools.directory,
      args: ['--exit-on-error', '--no-subscriptions', '--verbose', `--use-list=${listFile}`, '--file=-', path],
      doing,
      cwd: dirname(path),
      timeoutMs: limitMs,
      stdoutTo,
      onStderrLine: (line) => {
        const table = /processing data for table "(.+)"/.exec(line)?.[1]
        if (table !== undefined) onProgress(`table data ${table}`)
      },
    },
    signal,
  )
  if (exitCode !== 0) throw failed(doing, complaints)
}

/**
 * Takes the transactions out of the data of large objects, which comes as one statement a line, in transactions of its
 * own.
 */
function withoutTransactions(): Transform {
  let rest = ''
  const kept = (line: string): boolean => line !== 'BEGIN;' && line !== 'COMMIT;'
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      const lines = (rest + chunk.toString('latin1')).split('\n')
      rest = lines.pop() ?? ''
      const text = lines.filter(kept).map((line) => `${line}\n`)
      done(null, Buffer.from(text.join(''), 'latin1'))
    },
    flush(done) {
      done(null, Buffer.from(kept(rest) ? `${rest}\n` : '', 'latin1'))
    },
  })
}

/** Runs one psql that stops at the first error; ended without a commit, it leaves nothing. */
async function runAsOne(
  { url, tools, doing }: { readonly url: Sensitive; readonly tools: ClientTools; readonly doing: string },
  signal: AbortSignal,
  write: (sql: Writable, over: AbortSignal) => Promise<void>,
): Promise<void> {
  const over = new AbortController()
  const both = AbortSignal.any([signal, over.signal])
  const sql = new PassThrough()
  const psql = runTool(
    {
      program: 'psql',
      directory: tools.directory,
      args: ['--no-psqlrc', '--quiet', '--no-password', '--output=/dev/null', '--set=ON_ERROR_STOP=1', '--file=-'],
      doing,
      cwd: '/',
      env: libpqEnvironment(url),
      timeoutMs: limitMs,
      stdin: sql,
    },
    both,
  )
  const writing = write(sql, both).then(() => void sql.end())
  try {
    // psql ends by itself only when a statement failed: then what pg_restore still has to say interests nobody.
    const first = await Promise.race([psql, writing.then(() => undefined)])
    if (first !== undefined && !sql.writableEnded) throw failed(doing, first.complaints)
    const { exitCode, complaints } = await psql
    if (exitCode !== 0) throw failed(doing, complaints)
  } finally {
    over.abort(new BackupError('restore_failed', `${doing}: broken off`))
    sql.destroy()
    await Promise.allSettled([psql, writing])
  }
}

function failed(doing: string, complaints: readonly string[]): BackupError {
  return new BackupError('restore_failed', `${doing}: it was rolled back`, {
    hint: 'The database is unchanged. The messages say which statement failed.',
    evidence: complaints,
  })
}

async function readExisting(session: Session): Promise<Existing> {
  const names = async (sql: string) => (await session.query<{ name: string }>(sql)).rows.map((row) => row.name)
  return {
    schemas: await names('select nspname as name from pg_namespace'),
    extensions: await names('select extname as name from pg_extension'),
    // An event trigger goes with its function, which is dropped unless an extension has it, and comes back with it.
    others: await names(`select pubname as name from pg_publication union all select evtname from pg_event_trigger
        where exists (select from pg_depend where classid = 'pg_proc'::regclass and objid = evtfoid and deptype = 'e')
      union all select fdwname from pg_foreign_data_wrapper union all select srvname from pg_foreign_server
      union all select lanname from pg_language`),
  }
}
