import pg from 'pg'
import type { Session } from '../connection/session.ts'
import type { ApplyMigration } from '../port.ts'
import { hasStricterStatementLimit, type MigrationText } from './file-text.ts'
import { lockLimitAgain } from './lock-limits.ts'
import { splitStatements } from './statements.ts'

type Limits = Pick<ApplyMigration, 'lockTimeoutMs' | 'statementTimeoutMs'>

/**
 * Runs a text within the transaction that has begun. It is sent in one piece, for which the server has one time limit, unless the limit for
 * locks has to be set again in between. Where the file limits its statements more strictly they are sent one by one, so that each has
 * the limit that is meant; a weaker one is put back to Purser's.
 */
export async function runText(session: Session, text: MigrationText, limits: Limits): Promise<void> {
  const { sql, limitAgainAt, statementLimits } = text
  const again = new Set(limitAgainAt)
  if (!hasStricterStatementLimit(text, limits.statementTimeoutMs)) {
    let from = 0
    for (const end of [...limitAgainAt, sql.length]) {
      await runPiece(session, sql, from, end)
      if (again.has(end)) await session.query(lockLimitAgain(limits.lockTimeoutMs))
      from = end
    }
    return
  }
  const limited = new Set(statementLimits.map(({ start }) => start))
  for (const { start, text: statement } of splitStatements(sql)) {
    const end = start + statement.length
    await runPiece(session, sql, start, end)
    if (limited.has(start)) await noMoreThan(session, Math.round(limits.statementTimeoutMs))
    if (again.has(end)) await session.query(lockLimitAgain(limits.lockTimeoutMs))
  }
}

/** The server tells a place within what it was sent; people look for it in the file. */
async function runPiece(session: Session, sql: string, from: number, end: number): Promise<void> {
  if (from === end) return
  try {
    await session.query(sql.slice(from, end))
  } catch (error) {
    if (from > 0 && error instanceof pg.DatabaseError && error.position !== undefined)
      error.position = String(Number(error.position) + characters(sql, from))
    throw error
  }
}

/** The server counts characters, JavaScript UTF-16 units. */
function characters(text: string, end: number): number {
  let count = 0
  for (let at = 0; at < end; at += 1) if ((text.charCodeAt(at) & 0xfc_00) !== 0xdc_00) count += 1
  return count
}

async function noMoreThan(session: Session, limitMs: number): Promise<void> {
  await session.query(
    `select pg_catalog.set_config('statement_timeout', $1, true) from pg_catalog.pg_settings
     where name = 'statement_timeout' and (setting::bigint = 0 or setting::bigint > $1::bigint)`,
    [String(limitMs)],
  )
}
