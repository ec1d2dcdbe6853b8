import { excerpt } from '../../../outside-text/excerpt.ts'
import type { MigrationObstacle } from '../port.ts'
import { calledBy, committingMadeBy, isCommittingBlock, type ProcedureName } from './committing.ts'
import { buildsConcurrently, concurrentIndex } from './concurrent-index.ts'
import { type LockLimit, lockLimitsOf, placesToSetAgain } from './lock-limits.ts'
import { newEnumValuesUsed } from './new-enum-values.ts'
import { obstacles as known, type ObstacleKind } from './obstacles.ts'
import { millisecondsOf, settingOf } from './settings.ts'
import { splitStatements, type Statement } from './statements.ts'

const shownCharacters = 120

const control =
  /^(begin|start transaction|commit|end|rollback(?! to\b| transaction to\b| work to\b)|abort|prepare transaction)\b/
const begins = /^(begin( work| transaction)?|start transaction)$/
const commits = /^(commit|end)( work| transaction)?$/
const outsidePatterns = [
  /^(create( unique)? index|drop index|reindex\b.*) concurrently\b/,
  /^reindex\b( \(.*\))? (system|database|schema)\b/,
  /^refresh materialized view concurrently\b.*\bwith no data\b/,
  /^(vacuum|checkpoint|alter system|create database|drop database|create tablespace|drop tablespace)\b/,
  /^cluster( verbose)?$|^cluster \([^)]*\)$/,
  /^alter database\b.* set tablespace\b/,
  /^alter table\b.*\bdetach partition\b.*\bconcurrently\b/,
  /^(create|drop) subscription\b/,
  /^alter subscription\b.* (refresh|set|add|drop) publication\b/,
]

/** Tells by its `words` a statement that the server refuses inside a transaction. */
function outsideOnly(words: string): boolean {
  return reindexesConcurrently(words) || outsidePatterns.some((pattern) => pattern.test(words))
}

/**
 * Tells by its `words` a statement that is run outside a transaction. Of a partitioned table the server refuses `reindex` and `cluster`
 * inside one, which the text does not tell; both may be repeated.
 */
export function runsOutside(words: string): boolean {
  return /^(reindex|cluster)\b/.test(words) || outsideOnly(words)
}

/**
 * Tells by its `words` a statement that waits for old transactions to end and blocks nobody meanwhile, so that it needs no limit for
 * its lock. Others that run outside a transaction (`vacuum full`, `reindex database`) take locks behind which everybody queues.
 */
export function waitsHarmlessly(words: string): boolean {
  return reindexesConcurrently(words) || /^(create( unique)? index|drop index|reindex\b.*) concurrently\b/.test(words)
}

/** `reindex (verbose, concurrently) …`. The last option of a name counts. */
function reindexesConcurrently(words: string): boolean {
  const options = /^reindex ?\(([^)]*)\)/.exec(words)?.[1]?.split(',') ?? []
  const last = options.map((option) => option.trim()).findLast((option) => /^concurrently\b/.test(option))
  return last !== undefined && !/ (?:off|false|0)$/.test(last)
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
  /** The statements that change `lock_timeout`, with their places in `sql`. */
  readonly lockLimits: readonly LockLimit[]
  /** The places in `sql` at which Purser's limit is set again. */
  readonly limitAgainAt: readonly number[]
  /** The statements that set `statement_timeout`, with their places in `sql`. */
  readonly statementLimits: readonly TimeLimit[]
  /** The procedures that are called. */
  readonly calls: readonly (ProcedureName & { readonly line: number; readonly text: string })[]
}

interface TimeLimit {
  readonly line: number
  readonly start: number
  readonly text: string
  /** Undefined for what is no plain time. */
  readonly milliseconds: number | undefined
}

/**
 * Tells how a migration is applied, from its text alone. A file that is one `begin … commit` is one transaction anyway, so it is run as
 * the one with the ledger's row. Pure.
 */
export function migrationText(sql: string): MigrationText {
  const statements = splitStatements(sql)
  const around = transactionAround(statements)
  const inner = statements.filter((statement) => !around.includes(statement))
  const wrapped = around.length > 0
  const byStatement = inner.some(({ words }) => (wrapped ? outsideOnly(words) : runsOutside(words)))
  return {
    runs: byStatement ? 'by statement' : 'as a whole',
    sql: blanked(sql, around),
    obstacles: [...unreadable(sql), ...obstacles(inner, { byStatement, wrapped })],
    lockLimits: lockLimitsOf(inner),
    limitAgainAt: placesToSetAgain(inner),
    statementLimits: inner.flatMap(statementLimit),
    calls: inner.flatMap((statement) => {
      const called = calledBy(statement)
      return called === undefined
        ? []
        : [{ ...called, line: statement.line, text: excerpt(statement.text, shownCharacters) }]
    }),
  }
}

function statementLimit(statement: Statement): readonly TimeLimit[] {
  const setting = settingOf(statement)
  if (setting?.name !== 'statement_timeout') return []
  const { line, start, text } = statement
  return [{ line, start, text, milliseconds: millisecondsOf(setting) }]
}

/** Finds what is no text in UTF-8: whoever reads the file puts U+FFFD where it is none. */
function unreadable(sql: string): readonly MigrationObstacle[] {
  const found = (
    [
      ['not UTF-8', '\uFFFD'],
      ['zero byte', '\0'],
    ] as const
  ).find(([, character]) => sql.includes(character))
  if (found === undefined) return []
  const [kind, character] = found
  const before = sql.slice(0, sql.indexOf(character))
  const text = excerpt(sql.slice(before.lastIndexOf('\n') + 1).split('\n', 1)[0] ?? '', shownCharacters)
  return [{ line: before.split('\n').length, text, ...known[kind] }]
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

interface FileKind {
  readonly byStatement: boolean
  readonly wrapped: boolean
}

function obstacles(statements: readonly Statement[], file: FileKind): readonly MigrationObstacle[] {
  const found: MigrationObstacle[] = []
  const used = new Set(file.byStatement ? [] : newEnumValuesUsed(statements))
  const committing = statements.flatMap((statement) => committingMadeBy(statement) ?? [])
  for (const statement of statements) {
    const kind =
      obstacle(statement, file) ??
      (used.has(statement) ? 'new enum value' : endsTransaction(statement, committing) ? 'commits' : undefined)
    if (kind !== undefined) found.push(obstacleAt(statement, kind))
    // The rows that follow are no statements, whatever they look like.
    if (kind === 'copy from stdin') break
  }
  return found
}

/** Says where something stands and what it is. */
export function obstacleAt({ line, text }: Pick<Statement, 'line' | 'text'>, kind: ObstacleKind): MigrationObstacle {
  return { line, text: excerpt(text, shownCharacters), ...known[kind] }
}

function obstacle(statement: Statement, { byStatement, wrapped }: FileKind): ObstacleKind | undefined {
  const { words } = statement
  // Outside quotes SQL has no backslash.
  if (words.includes('\\')) return 'psql command'
  if (/^copy\b.*\bfrom stdin\b/.test(words)) return 'copy from stdin'
  if (control.test(words)) return 'transaction control'
  if (/^set (local |session )?transaction\b/.test(words)) return 'transaction mode'
  if (/^discard all\b/.test(words) || /\bpg_advisory_unlock_all\b/.test(words)) return 'session forgotten'
  if (outsideOnly(words) && wrapped) return 'outside within'
  if (buildsConcurrently(statement) && concurrentIndex(statement) === undefined) return 'unnamed index'
  if (onceOnly.test(words)) return 'once only'
  return misread(statement) ?? (byStatement ? obstacleByStatement(statement) : undefined)
}

const onceOnly =
  /^((create|drop) (database|tablespace|subscription)|alter database\b.* set tablespace|alter subscription\b.* (refresh|set|add|drop) publication)\b/

/** Settings by which psql would read what follows otherwise; Purser sends a text as a whole, in UTF-8. */
function misread(statement: Statement): ObstacleKind | undefined {
  const { name, value } = settingOf(statement) ?? {}
  if (name === 'standard_conforming_strings' && !/^(?:on|t(?:rue)?|y(?:es)?|1|default)$/.test(value ?? ''))
    return 'escaping strings'
  return name === 'client_encoding' && !/^(?:utf[-_ ]?8|unicode|default)$/.test(value ?? '')
    ? 'other encoding'
    : undefined
}

/** What has no effect, or not the one that is meant, when each statement is a transaction of its own. */
function obstacleByStatement(statement: Statement): ObstacleKind | undefined {
  const { words } = statement
  if (/^(create (local |global )?temp(orary)? |prepare |declare |listen )/.test(words)) return 'session object'
  return /^(lock|savepoint|release|rollback|set local|set constraints)\b/.test(words) ||
    settingOf(statement)?.local === true
    ? 'leans on a transaction'
    : undefined
}

function endsTransaction(statement: Statement, committing: readonly ProcedureName[]): boolean {
  const called = calledBy(statement)
  return called === undefined ? isCommittingBlock(statement) : committing.some(({ name }) => name === called.name)
}

/** A statement of a file that is run by statement: its place in the text, and its `words` where they matter for how it is run. */
interface StatementPlace extends Pick<Statement, 'line' | 'start' | 'words'> {
  readonly end: number
}

/** Divides a file that is run by statement. The texts themselves stay where they are: a thread would have to hand over all of them. Pure. */
export function statementPlaces(sql: string): readonly StatementPlace[] {
  return splitStatements(sql).map(({ line, start, text, words }) => ({
    line,
    start,
    end: start + text.length,
    words: runsOutside(words) || setsSession(words) ? words : '',
  }))
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

/** Whether a file limits its statements more strictly than Purser would. Pure. */
export function hasStricterStatementLimit(text: MigrationText, statementTimeoutMs: number): boolean {
  return text.statementLimits.some(
    ({ milliseconds }) => milliseconds !== undefined && milliseconds > 0 && milliseconds <= statementTimeoutMs,
  )
}
