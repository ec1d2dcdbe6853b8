import { dirname } from 'node:path'
import { BackupError } from './errors.ts'
import { runTool } from './tools.ts'

/** What the table of contents of a custom-format dump tells. */
export interface Archive {
  readonly database: string
  readonly serverVersion: string
  readonly clientVersion: string
  /** `schema.table` of each that has its rows in the archive. */
  readonly tables: readonly string[]
}

const listLimitMs = 60_000
const readLimitMs = 2 * 60 * 60 * 1000
const hint = 'Do not rely on this file; make a new backup.'

export async function readArchive(path: string, signal: AbortSignal): Promise<Archive> {
  const facts: Record<string, string> = {}
  const tables: string[] = []
  const onStdoutLine = (line: string): void => {
    const fact = /^;\s+(dbname|Dumped from database version|Dumped by pg_dump version): (\S+)/.exec(line)
    if (fact?.[1] !== undefined && fact[2] !== undefined) facts[fact[1]] = fact[2]
    const table = /^\d+; \d+ \d+ TABLE DATA (\S+) (.+) \S+$/.exec(line)
    if (table) tables.push(`${table[1]}.${table[2]}`)
  }
  const doing = 'reading the table of contents of the backup'
  const run = {
    program: 'pg_restore',
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
    tables: tables.sort(),
  }
}

/** Unpacks everything to nowhere. A list alone proves nothing: a file cut in half still lists well. */
export async function readThrough(path: string, signal: AbortSignal): Promise<void> {
  const doing = 'reading the backup through'
  const args = ['--file=/dev/null', path]
  const run = { program: 'pg_restore', args, doing, cwd: dirname(path), timeoutMs: readLimitMs } as const
  const { exitCode, complaints } = await runTool(run, signal)
  if (exitCode === 0) return
  throw new BackupError('backup_damaged', `${doing}: pg_restore exited ${exitCode}`, { hint, evidence: complaints })
}
