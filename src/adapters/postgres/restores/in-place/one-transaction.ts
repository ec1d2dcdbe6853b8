import { writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { PassThrough, Transform, type Writable } from 'node:stream'
import type { Sensitive } from '../../../../sensitive.ts'
import type { ClientTools } from '../../connection/client-tools.ts'
import { BackupError } from '../../errors.ts'
import { writingEnvironment } from '../../connection/writing-environment.ts'
import { runTool } from '../../connection/tools.ts'
import type { ArchiveSelection } from './archive-contents.ts'

/*
 * One psql that runs everything as one transaction, fed by us and by pg_restore, which writes an archive as SQL. Who dies of the three
 * before the commit leaves nothing.
 */

const limitMs = 12 * 60 * 60 * 1000

interface ArchiveReading {
  readonly path: string
  readonly tools: ClientTools
  readonly doing: string
  /** The directory to which lists of contents are written. */
  readonly directory: string
  readonly onProgress: (line: string) => void
}

export async function contentsOf(
  { path, tools, doing }: ArchiveReading,
  signal: AbortSignal,
): Promise<readonly string[]> {
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

export async function writeArchive(
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
 * Takes the transactions out of the large objects, which come as one statement a line, their data in transactions of its own. One that is
 * there still (a restore of some schemas leaves them) gives way.
 */
function withoutTransactions(): Transform {
  let rest = ''
  const kept = (line: string): readonly string[] => {
    if (line === 'BEGIN;' || line === 'COMMIT;') return []
    const oid = /^SELECT pg_catalog\.lo_create\('(\d+)'\);$/.exec(line)?.[1]
    if (oid === undefined) return [line]
    return [`SELECT pg_catalog.lo_unlink(oid) FROM pg_catalog.pg_largeobject_metadata WHERE oid = ${oid};`, line]
  }
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      const lines = (rest + chunk.toString('latin1')).split('\n')
      rest = lines.pop() ?? ''
      const text = lines.flatMap(kept).map((line) => `${line}\n`)
      done(null, Buffer.from(text.join(''), 'latin1'))
    },
    flush(done) {
      done(null, Buffer.from(`${kept(rest).join('\n')}\n`, 'latin1'))
    },
  })
}

/** Runs one psql that stops at the first error; ended without a commit, it leaves nothing. */
export async function runAsOne(
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
      env: await writingEnvironment(url, both),
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
