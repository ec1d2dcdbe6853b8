import { excerpt } from '../../outside-text/excerpt.ts'
import { type ErrorFacts, PurserError } from '../../errors.ts'

const databaseCodes = [
  'already_exists',
  'authentication_failed',
  'backup_partial',
  'check_violation',
  'connection_lost',
  'connections_stay',
  'database_address',
  'database_failed',
  'database_missing',
  'database_starting',
  'database_unreachable',
  'deadlock',
  'disk_full',
  'foreign_key_violation',
  'insufficient_resources',
  'lock_not_available',
  'lock_table_full',
  'migration_drift',
  'migration_escaped',
  'migration_not_repeatable',
  'migration_not_transactional',
  'migration_unreadable',
  'not_in_transaction',
  'not_read_only',
  'not_null_violation',
  'operator_intervention',
  'permission_denied',
  'pooled_connection',
  'query_cancelled',
  'read_only',
  'serialization_failure',
  'statement_timeout',
  'syntax_error',
  'too_many_connections',
  'undefined_column',
  'undefined_table',
  'unique_violation',
] as const
type DatabaseCode = (typeof databaseCodes)[number]

interface DatabaseErrorFacts extends ErrorFacts {
  /** The SQLSTATE, when the server answered. */
  readonly sqlState?: string
}

/** The database refused a statement, or could not be asked. */
export class DatabaseError extends PurserError {
  readonly code: DatabaseCode
  readonly sqlState: string | undefined

  constructor(code: DatabaseCode, message: string, facts: DatabaseErrorFacts = {}) {
    super(message, facts)
    this.code = code
    this.sqlState = facts.sqlState
  }
}

const backupCodes = [
  'backup_damaged',
  'backup_disk_full',
  'backup_failed',
  'backup_missing',
  'backup_name',
  'client_tools_missing',
  'client_tools_too_old',
  'command_not_started',
  'command_timed_out',
  'database_address',
  'database_unreachable',
  'lock_not_available',
  'lock_table_full',
  'permission_denied',
  'restore_differs',
  'restore_failed',
  'schema_missing',
  'storage_denied',
  'storage_failed',
  'storage_missing',
  'storage_region',
  'storage_unreachable',
  'workspace_missing',
] as const
export type BackupCode = (typeof backupCodes)[number]

/** A backup could not be made, kept, proven or restored. */
export class BackupError extends PurserError {
  readonly code: BackupCode

  constructor(code: BackupCode, message: string, facts?: ErrorFacts) {
    super(message, facts)
    this.code = code
  }
}

interface Meaning {
  readonly code: DatabaseCode
  readonly hint?: string
  readonly transient?: boolean
}

/** What people are told for each SQLSTATE, see https://www.postgresql.org/docs/current/errcodes-appendix.html. */
const meanings: Readonly<Record<string, Meaning>> = {
  '55P03': {
    code: 'lock_not_available',
    transient: true,
    hint: 'End the sessions that hold the lock, or try again when there is less traffic.',
  },
  '40P01': { code: 'deadlock', transient: true, hint: 'Two transactions waited for each other. Try again.' },
  '40001': { code: 'serialization_failure', transient: true, hint: 'Try again.' },
  '57P01': { code: 'connection_lost', transient: true, hint: 'The server ended the session. Try again.' },
  '57P02': { code: 'connection_lost', transient: true, hint: 'The server crashed and is recovering. Try again.' },
  '57P03': { code: 'database_starting', transient: true, hint: 'The server is starting or stopping. Try again.' },
  '53300': {
    code: 'too_many_connections',
    transient: true,
    hint: 'All connections of the server are in use. Free some, or raise max_connections.',
  },
  '53100': { code: 'disk_full', hint: 'The server has no disk space left.' },
  '28P01': { code: 'authentication_failed', hint: 'Check the user and password of the database address.' },
  '28000': { code: 'authentication_failed', hint: 'Check pg_hba.conf and the user of the database address.' },
  '3D000': { code: 'database_missing', hint: 'Check the database name in the address.' },
  '42501': { code: 'permission_denied', hint: 'Grant the missing right to the user of the database address.' },
  '42601': { code: 'syntax_error', hint: 'Correct the SQL.' },
  '42P01': {
    code: 'undefined_table',
    hint: 'The table does not exist here: check the order of the migrations and the search_path.',
  },
  '42703': { code: 'undefined_column', hint: 'The column does not exist here: check the order of the migrations.' },
  '42P07': {
    code: 'already_exists',
    hint: "It exists, but the ledger doesn't list the migration. Compare the schema first.",
  },
  '42710': {
    code: 'already_exists',
    hint: "It exists, but the ledger doesn't list the migration. Compare the schema first.",
  },
  '42701': {
    code: 'already_exists',
    hint: "The column exists, but the ledger doesn't list the migration. Compare the schema first.",
  },
  '25001': {
    code: 'not_in_transaction',
    hint: "The statement can't run inside a transaction. Put it in its own migration and run that by hand.",
  },
  '2D000': {
    code: 'migration_not_transactional',
    hint: 'A procedure or DO block ends the transaction that calls it. Take its COMMIT and ROLLBACK out, or run it by hand.',
  },
  '55P04': {
    code: 'migration_not_transactional',
    hint: 'A new enum value is used in the file that adds it. Add it in a file of its own before.',
  },
  '25006': { code: 'read_only', hint: 'Only reading is allowed here. Is this a standby?' },
  '23505': { code: 'unique_violation', hint: 'Existing rows contradict the new constraint. Clean them up first.' },
  '23502': { code: 'not_null_violation', hint: 'Existing rows contradict the new constraint. Fill them first.' },
  '23503': { code: 'foreign_key_violation', hint: 'Existing rows contradict the new constraint. Clean them up first.' },
  '23514': { code: 'check_violation', hint: 'Existing rows contradict the new constraint. Clean them up first.' },
}

const classes: Readonly<Record<string, Meaning>> = {
  '08': { code: 'connection_lost', transient: true, hint: 'Check that Purser can reach the server, then try again.' },
  '53': { code: 'insufficient_resources', transient: true },
  '57': { code: 'operator_intervention', transient: true },
}

const networkCodes = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ETIMEDOUT',
  'EPIPE',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
])
const lostMessages =
  /^(Connection terminated|timeout expired|Client has encountered a connection error|Client was closed)/

interface ServerMessage {
  readonly message: string
  readonly code?: string
  readonly detail?: string
  readonly hint?: string
  readonly where?: string
  readonly position?: string
}

/** Tells in our terms what `pg` threw. `sql` is what was sent, so that the place can be shown. */
export function explain(doing: string, thrown: unknown, sql?: string): Error {
  if (thrown instanceof PurserError) return thrown
  if (!(thrown instanceof Error)) return new DatabaseError('database_failed', `${doing}: ${String(thrown)}`)
  const server: ServerMessage = thrown
  const state = server.code
  if (state !== undefined && networkCodes.has(state)) return unreachable(doing, describeNetwork(thrown), thrown)
  // Node gives up on several addresses of one host with an AggregateError that has no message.
  if (thrown instanceof AggregateError || lostMessages.test(thrown.message))
    return unreachable(doing, describeNetwork(thrown), thrown)
  if (state === undefined || !/^[0-9A-Z]{5}$/.test(state)) {
    return new DatabaseError('database_failed', `${doing}: ${thrown.message}`, { cause: thrown })
  }
  const meaning = meaningOf(state, thrown.message, server.hint ?? '')
  return new DatabaseError(meaning.code, `${doing}: ${thrown.message}`, {
    ...(meaning.hint === undefined ? {} : { hint: meaning.hint }),
    transient: meaning.transient ?? false,
    evidence: evidenceOf(server, sql),
    sqlState: state,
    cause: thrown,
  })
}

const lockTableFull: Meaning = {
  code: 'lock_table_full',
  hint: 'Raise max_locks_per_transaction on the server: each table that is touched in one transaction needs a lock.',
}

function meaningOf(state: string, message: string, hint: string): Meaning {
  if (state === '57014') {
    return message.includes('statement timeout')
      ? {
          code: 'statement_timeout',
          hint: 'The statement ran past its time limit. Raise the limit, or split the work.',
        }
      : { code: 'query_cancelled', hint: 'The statement was cancelled on the server.' }
  }
  // The server has one SQLSTATE for memory that ran out and for a lock table that is full; its English text tells them apart, and
  // so does its hint in any language.
  if (state === '53200' && /out of shared memory|max_locks_per_transaction/.test(`${message} ${hint}`))
    return lockTableFull
  return meanings[state] ?? classes[state.slice(0, 2)] ?? { code: 'database_failed' }
}

function unreachable(doing: string, why: string, cause: Error): DatabaseError {
  return new DatabaseError('database_unreachable', `${doing}: ${why}`, {
    hint: 'Check that the database server runs and that Purser can reach it.',
    transient: true,
    cause,
  })
}

function describeNetwork(error: Error): string {
  if (error instanceof AggregateError) return error.errors.map(String).join('; ') || 'no address answered'
  return error.message
}

function evidenceOf(server: ServerMessage, sql: string | undefined): readonly string[] {
  const lines = [`ERROR ${server.code}: ${server.message}`]
  if (server.detail) lines.push(withoutValues(`DETAIL: ${server.detail}`))
  if (server.hint) lines.push(`HINT: ${server.hint}`)
  if (sql !== undefined && server.position !== undefined) lines.push(...placeIn(sql, Number(server.position)))
  return lines
}

/**
 * Leaves the values of rows out of a line of a server's message: "Key (email)=(dana@example.com) already exists" is shown as far as it
 * tells the column. Which column helps, whose data does not.
 */
export function withoutValues(line: string): string {
  // A value may have line ends in it.
  if (/^DETAIL: /.test(line))
    return line
      .replace(/(Failing row contains) .*$/s, '$1 (…).')
      .replaceAll(/\)=\(.*?\)(?= |$)/gs, ')=(…)')
      .replace(/\(.*\)\.$/s, '(…).')
  if (/^(CONTEXT: +)?COPY .+, line \d+/.test(line)) return line.replace(/(, line \d+(?:, column [^:]+)?): .*$/s, '$1')
  return /COPY failed for table |^psql:/.test(line) ? line.replace(/(ERROR: .*): ".*"$/, '$1: "…"') : line
}

/** Shows the line of SQL at a character position that counts from 1, with a mark below it as psql makes it. */
function placeIn(sql: string, position: number): readonly string[] {
  const before = sql.slice(0, indexOfCharacter(sql, position - 1))
  const start = before.lastIndexOf('\n') + 1
  const line = sql.slice(start).split('\n', 1)[0] ?? ''
  const label = `LINE ${before.split('\n').length}: `
  return [`${label}${excerpt(line, 200)}`, `${' '.repeat(label.length + Math.min(before.length - start, 200))}^`]
}

/** The server counts characters, JavaScript UTF-16 units. */
function indexOfCharacter(text: string, wanted: number): number {
  let at = 0
  for (let count = 0; count < wanted && at < text.length; count += 1)
    at += (text.codePointAt(at) ?? 0) > 0xff_ff ? 2 : 1
  return at
}
