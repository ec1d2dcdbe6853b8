import { dirname } from 'node:path'
import { type ClientTools, newestTools } from '../connection/client-tools.ts'
import { BackupError } from '../errors.ts'
import { runTool } from '../connection/tools.ts'

/** What the table of contents of a custom-format dump tells. */
export interface Archive {
  readonly database: string
  readonly serverVersion: string
  readonly clientVersion: string
  /** The `schema.table` of each table that has its rows in the archive. */
  readonly tables: readonly string[]
}

const listLimitMs = 60_000
const readLimitMs = 2 * 60 * 60 * 1000
const hint = "Don't use this backup. Make a new one."

/** Reads the table of contents. `expected` are the tables that are looked for. */
export async function readArchive(
  path: string,
  expected: readonly string[],
  { directory }: ClientTools,
  signal: AbortSignal,
): Promise<Archive> {
  const facts: Record<string, string> = {}
  const wanted = new Set(expected)
  const tables = new Set<string>()
  const onStdoutLine = (line: string): void => {
    const fact = /^;\s+(dbname|Dumped from database version|Dumped by pg_dump version): (\S+)/.exec(line)
    if (fact?.[1] !== undefined && fact[2] !== undefined) facts[fact[1]] = fact[2]
    const entry = /^\d+; \d+ \d+ TABLE DATA (.+)$/.exec(line)?.[1]
    const table = entry === undefined ? undefined : tableIn(entry, wanted)
    if (table !== undefined) tables.add(table)
  }
  const doing = 'reading the table of contents of the backup'
  const run = {
    program: 'pg_restore',
    directory,
    args: ['--list', path],
    doing,
    cwd: dirname(path),
    timeoutMs: listLimitMs,
  } as const
  const { exitCode, complaints } = await runTool({ ...run, onStdoutLine }, signal)
  if (exitCode !== 0) {
    throw new BackupError('backup_damaged', `${doing}: pg_restore exited ${exitCode}`, { hint, evidence: complaints })
  }
  return {
    database: facts['dbname'] ?? '',
    serverVersion: facts['Dumped from database version'] ?? '',
    clientVersion: facts['Dumped by pg_dump version'] ?? '',
    tables: [...tables].sort(),
  }
}

/** Returns the table of contents, for `pg_restore --use-list`, without these entries ("EXTENSION - name") and the comments on them. */
export async function contentsWithout(
  path: string,
  entries: readonly string[],
  toolDirectories: readonly string[] | undefined,
  signal: AbortSignal,
): Promise<string> {
  const doing = 'reading the table of contents of the backup'
  const { directory } = await newestTools(toolDirectories, signal)
  const kept: string[] = []
  const begins = entries.flatMap((entry) => [`${entry} `, `COMMENT - ${entry.replace(' - ', ' ')} `])
  const onStdoutLine = (line: string): void => {
    const entry = /^\d+; \d+ \d+ (.+)$/.exec(line)?.[1]
    if (entry !== undefined && !begins.some((begin) => entry.startsWith(begin))) kept.push(line)
  }
  const run = { program: 'pg_restore', directory, args: ['--list', path], doing, cwd: dirname(path) } as const
  const { exitCode, complaints } = await runTool({ ...run, timeoutMs: listLimitMs, onStdoutLine }, signal)
  if (exitCode === 0) return `${kept.join('\n')}\n`
  throw new BackupError('backup_damaged', `${doing}: pg_restore exited ${exitCode}`, { hint, evidence: complaints })
}

/**
 * Finds the table of "schema table owner", each of which may hold spaces itself: only one way to read it is a table
 * that is looked for.
 */
function tableIn(entry: string, wanted: ReadonlySet<string>): string | undefined {
  const spaces = [...entry.matchAll(/ /g)].map(({ index }) => index)
  for (const [place, first] of spaces.entries())
    for (const end of spaces.slice(place + 1)) {
      const table = `${entry.slice(0, first)}.${entry.slice(first + 1, end)}`
      if (wanted.has(table)) return table
    }
  return undefined
}

/** Unpacks everything to nowhere. A list alone proves nothing: a file cut in half still lists well. */
export async function readThrough(path: string, { directory }: ClientTools, signal: AbortSignal): Promise<void> {
  const doing = 'reading the backup through'
  const args = ['--file=/dev/null', path]
  const run = { program: 'pg_restore', directory, args, doing, cwd: dirname(path), timeoutMs: readLimitMs } as const
  const { exitCode, complaints } = await runTool(run, signal)
  if (exitCode === 0) return
  throw new BackupError('backup_damaged', `${doing}: pg_restore exited ${exitCode}`, { hint, evidence: complaints })
}
