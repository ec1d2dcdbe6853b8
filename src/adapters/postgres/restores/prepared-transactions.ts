import type { Session } from '../connection/session.ts'

/**
 * Tells of a transaction that was prepared and never finished: it holds its locks without a session that could be ended, so neither can
 * the database be renamed nor its tables be dropped. See https://www.postgresql.org/docs/current/sql-prepare-transaction.html.
 */
export async function whyPreparedTransactions(session: Session): Promise<string | undefined> {
  const { rows } = await session.query<{ gid: string; all: number }>(
    `select gid, count(*) over ()::int as all from pg_prepared_xacts where database = current_database() order by prepared limit 1`,
  )
  const [first] = rows
  if (first === undefined) return undefined
  const more = first.all > 1 ? ` and ${first.all - 1} more` : ''
  return `prepared transaction ${first.gid}${more} isn't finished (COMMIT PREPARED or ROLLBACK PREPARED)`
}
