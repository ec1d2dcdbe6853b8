import { excerpt } from '../../../outside-text/excerpt.ts'
import type { MigrationObstacle } from '../port.ts'
import { buildsConcurrently, concurrentIndex } from './concurrent-index.ts'
import { obstacles as known, type ObstacleKind } from './obstacles.ts'
import { splitStatements, type Statement } from './statements.ts'

const control =
  /^(begin|start transaction|commit|end|rollback(?! to\b| transaction to\b| work to\b)|abort|prepare transaction)\b/
const begins = /^(begin( work| transaction)?|start transaction)$/
const commits = /^(commit|end)( work| transaction)?$/
const outsidePatterns = [
  /^(create( unique)? index|drop index|reindex\b.*) concurrently\b/,
  /^reindex (system|database|schema)\b/,
  /^refresh materialized view concurrently\b.*\bwith no data\b/,
  /^(vacuum|cluster$|checkpoint|alter system|create database|drop database|create tablespace|drop tablespace)\b/,
  /^alter table\b.*\bdetach partition\b.*\bconcurrently\b/,
  /^(create|drop) subscription\b/,
]

/** Tells by its `words` a statement that the server refuses inside a transaction. */
export function outsideOnly(words: string): boolean {
  return outsidePatterns.some((pattern) => pattern.test(words))
}

/**
 * Tells by its `words` a statement that waits for old transactions to end and blocks nobody meanwhile, so that it needs no limit for
 * its lock. Others that run outside a transaction (`vacuum full`, `reindex database`) take locks behind which everybody queues.
 */
export function waitsHarmlessly(words: string): boolean {
  return /^(create( unique)? index|drop index|reindex\b.*) concurrently\b/.test(words)
}

/** Tells by its `words` a statement whose effect ends with the session: a try that goes on in another session needs it again. */
export function setsSession(words: string): boolean {
  return (
    /^(set|reset)\b(?! (local|constraints|transaction)\b)/.test(words) ||
    /^select (pg_catalog ?\. ?)?set_config ?\(/.test(words)
  )
}

/** How a migration is applied. */
export interface MigrationText {
  readonly runs: 'as a whole' | 'by statement'
  /** What is run as a whole, without a transaction of the file's own around it. Every statement keeps its line. */
  readonly sql: string
  readonly obstacles: readonly MigrationObstacle[]
  /** The statements that set `lock_timeout`, with their places in `sql`. */
  readonly lockLimits: readonly { readonly line: number; readonly start: number; readonly text: string }[]
}

/**
 * Tells how a migration is applied, from its text alone. A file that is one `begin … commit` is one transaction anyway, so it is run as
 * the one with the ledger's row. Pure.
 */
export function migrationText(sql: string): MigrationText {
  const statements = splitStatements(sql)
  const around = transactionAround(statements)
  const inner = statements.filter((statement) => !around.includes(statement))
  const byStatement = inner.some(({ words }) => outsideOnly(words))
  return {
    runs: byStatement ? 'by statement' : 'as a whole',
    sql: blanked(sql, around),
    obstacles: obstacles(inner, { byStatement, wrapped: around.length > 0 }),
    lockLimits: inner
      .filter(({ words }) => setsLockTimeout(words))
      .map(({ line, start, text }) => ({ line, start, text })),
  }
}

/** The first and the last statement, when they are the transaction around everything else. */
function transactionAround(statements: readonly Statement[]): readonly Statement[] {
  const [first, last] = [statements[0], statements.at(-1)]
  if (first === undefined || last === undefined || first === last) return []
  const inner = statements.slice(1, -1)
  return begins.test(first.words) && commits.test(last.words) && !inner.some(({ words }) => control.test(words))
    ? [first, last]
    : []
}

function obstacles(
  statements: readonly Statement[],
  file: { readonly byStatement: boolean; readonly wrapped: boolean },
): readonly MigrationObstacle[] {
  const found: MigrationObstacle[] = []
  for (const statement of statements) {
    const kind = obstacle(statement, file)
    if (kind !== undefined) found.push({ line: statement.line, text: excerpt(statement.text, 120), ...known[kind] })
    // The rows that follow are no statements, whatever they look like.
    if (kind === 'copy from stdin') break
  }
  return found
}

function obstacle(
  statement: Statement,
  { byStatement, wrapped }: { readonly byStatement: boolean; readonly wrapped: boolean },
): ObstacleKind | undefined {
  const { words } = statement
  if (words.startsWith('\\')) return 'psql command'
  if (/^copy\b.*\bfrom stdin\b/.test(words)) return 'copy from stdin'
  if (control.test(words)) return 'transaction control'
  if (outsideOnly(words) && wrapped) return 'outside within'
  if (buildsConcurrently(statement) && concurrentIndex(statement) === undefined) return 'unnamed index'
  if (/^(create|drop) (database|tablespace|subscription)\b/.test(words)) return 'once only'
  if (byStatement && /^(create (local |global )?temp(orary)? |prepare |declare |listen )/.test(words))
    return 'session object'
  return undefined
}

function setsLockTimeout(words: string): boolean {
  return /^set (local |session )?lock_timeout\b/.test(words)
}

/** Blanks statements out, so that every other one keeps its line. */
export function blanked(sql: string, statements: readonly { readonly start: number; readonly text: string }[]): string {
  const parts: string[] = []
  let from = 0
  for (const { start, text } of statements) {
    parts.push(sql.slice(from, start), text.replaceAll(/[^\n]/g, ' '))
    from = start + text.length
  }
  return [...parts, sql.slice(from)].join('')
}

/** Milliseconds of `set lock_timeout = '2s'`; undefined for what is no plain time. */
function millisecondsSet(text: string): number | undefined {
  const [, digits, unit = 'ms'] = /(?:=|\bto)\s*'?\s*(\d+)\s*(us|ms|s|min|h|d)?\s*'?$/i.exec(text) ?? []
  const units: Readonly<Record<string, number>> = {
    us: 0.001,
    ms: 1,
    s: 1_000,
    min: 60_000,
    h: 3_600_000,
    d: 86_400_000,
  }
  const factor = units[unit.toLowerCase()]
  return digits === undefined || factor === undefined ? undefined : Number(digits) * factor
}

/** Leaves out the file's own lock limits that are weaker than Purser's; a stricter one is the author's wish. Pure. */
export function weakerLockLimits(text: MigrationText, lockTimeoutMs: number): MigrationText['lockLimits'] {
  return text.lockLimits.filter(({ text: statement }) => {
    const ms = millisecondsSet(statement)
    return ms === undefined || ms === 0 || ms > lockTimeoutMs
  })
}
