import { rm, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import pg from 'pg'
import type { Sensitive } from '../../../sensitive.ts'
import { newestTools, toolsForServer } from '../connection/client-tools.ts'
import { BackupError } from '../errors.ts'
import { connectionName, libpqEnvironment, patternOf } from '../connection/libpq.ts'
import { withLongSession, withSession } from '../connection/session.ts'
import { runTool } from '../connection/tools.ts'
import { writingEnvironment } from '../connection/writing-environment.ts'

interface PrerequisitesRequest {
  readonly source: Sensitive
  readonly target: Sensitive
  readonly schemas: readonly string[]
  /** The path of the dump of those schemas. */
  readonly path: string
  readonly withOwners: boolean
  readonly toolDirectories: readonly string[] | undefined
  readonly doing: string
}

const limitMs = 10 * 60_000

/**
 * Lays the definitions of other schemas (no rows) into an empty database, as a dump of some schemas leans on others:
 * types, functions, extensions. Lends the dump's table of contents without what cannot be made there: the schemas that
 * exist already, and foreign keys into tables whose rows are not there.
 */
export async function withPrerequisites<T>(
  request: PrerequisitesRequest,
  signal: AbortSignal,
  work: (listFile: string) => Promise<T>,
): Promise<T> {
  const rest = `${request.path}.rest`
  const listFile = `${request.path}.list`
  try {
    await dumpRest(request, rest, signal)
    await layRest(request, rest, signal)
    await writeFile(listFile, await contentsThatCanBe(request, signal), { mode: 0o600 })
    return await work(listFile)
  } finally {
    await rm(rest, { force: true })
    await rm(listFile, { force: true })
  }
}

async function dumpRest(
  { source, schemas, path, toolDirectories, doing }: PrerequisitesRequest,
  rest: string,
  signal: AbortSignal,
) {
  const { directory } = await toolsForServer(source, toolDirectories, signal)
  const not = schemas.map((schema) => `--exclude-schema=${patternOf(schema)}`)
  const args = ['--format=custom', '--schema-only', '--section=pre-data', '--no-password', ...not, `--file=${rest}`]
  const { exitCode, complaints } = await runTool(
    {
      program: 'pg_dump',
      directory,
      args,
      doing,
      cwd: dirname(path),
      env: libpqEnvironment(source),
      timeoutMs: limitMs,
    },
    signal,
  )
  if (exitCode === 0) return
  throw new BackupError('restore_failed', `${doing}: the definitions of the other schemas could not be dumped`, {
    hint: 'The backup needs them. Let its user read them, or switch backups.testRestore off.',
    evidence: complaints,
  })
}

/**
 * Lays the rest. Errors pass: what cannot be made here may not be needed, and if it is, the restore itself will say so.
 */
async function layRest(
  { target, schemas, path, withOwners, toolDirectories, doing }: PrerequisitesRequest,
  rest: string,
  signal: AbortSignal,
) {
  await withLongSession(target, doing, signal, async (session) => {
    for (const schema of schemas) await session.query(`create schema if not exists ${pg.escapeIdentifier(schema)}`)
  })
  const { directory } = await toolsForServer(target, toolDirectories, signal)
  const { PGDATABASE = '', ...env } = await writingEnvironment(target, signal)
  const owners = withOwners ? [] : ['--no-owner', '--no-acl']
  const args = ['--no-password', ...owners, `--dbname=${connectionName(PGDATABASE)}`, rest]
  await runTool({ program: 'pg_restore', directory, args, doing, cwd: dirname(path), env, timeoutMs: limitMs }, signal)
}

async function contentsThatCanBe(
  { source, schemas, path, toolDirectories, doing }: PrerequisitesRequest,
  signal: AbortSignal,
): Promise<string> {
  const outward = await withSession(source, doing, signal, async (session) => {
    const { rows } = await session.query<{ entry: string }>(
      `select concat_ws(' ', 'FK CONSTRAINT', n.nspname, c.relname, k.conname) as entry
         from pg_constraint k join pg_class c on c.oid = k.conrelid join pg_namespace n on n.oid = c.relnamespace
         join pg_class f on f.oid = k.confrelid join pg_namespace fn on fn.oid = f.relnamespace
         where k.contype = 'f' and n.nspname = any($1) and fn.nspname <> all($1)`,
      [schemas],
    )
    return rows.map(({ entry }) => `${entry} `)
  })
  const { directory } = await newestTools(toolDirectories, signal)
  const lines: string[] = []
  const onStdoutLine = (line: string): void => {
    const entry = /^\d+; \d+ \d+ (.+)$/.exec(line)?.[1] ?? ''
    if (!entry.startsWith('SCHEMA - ') && !outward.some((one) => entry.startsWith(one))) lines.push(line)
  }
  const args = ['--list', path]
  await runTool(
    { program: 'pg_restore', directory, args, doing, cwd: dirname(path), timeoutMs: limitMs, onStdoutLine },
    signal,
  )
  return `${lines.join('\n')}\n`
}
