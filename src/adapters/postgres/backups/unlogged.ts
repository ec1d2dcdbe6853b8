import pg from 'pg'
import type { Sensitive } from '../../../sensitive.ts'
import { withLongSession, withSession } from '../connection/session.ts'
import { DatabaseError } from '../errors.ts'
import { nameOf, tablesOf } from './contents.ts'

/** Beyond so many tables it would cost more than it saves: each is rewritten, if empty. */
const mostTables = 500

/**
 * Keeps the rows of a scratch database out of the server's WAL: they would go to every standby and archive, and take a
 * part of the time. Types, constraints and indexes are the same, and a database that is dropped at once needs no
 * recovery. Between the definitions and the rows, while tables are empty. What cannot be changed stays as it is.
 */
export async function withoutWal(scratch: Sensitive, source: Sensitive, doing: string, signal: AbortSignal) {
  const logged = new Set(await mustBeLogged(source, signal))
  await withLongSession(scratch, doing, signal, async (session) => {
    const tables = await tablesOf(session)
    if (tables.length > mostTables) return
    const places = tables
      .filter((table) => !logged.has(nameOf(table)))
      .map(({ schema, name }) => `${pg.escapeIdentifier(schema)}.${pg.escapeIdentifier(name)}`)
    // All or none: a foreign key from one that stayed permanent could not be made.
    await session.query('begin')
    try {
      for (const place of places) await session.query(`alter table ${place} set unlogged`)
      await session.query('commit')
    } catch (error) {
      await session.query('rollback')
      if (!(error instanceof DatabaseError) || error.transient) throw error
    }
  })
}

/**
 * Names what a permanent table leans on: a foreign key of one may not refer to an unlogged table. Permanent are
 * partitioned tables, and those that a publication names.
 * https://www.postgresql.org/docs/current/sql-createpublication.html
 */
async function mustBeLogged(source: Sensitive, signal: AbortSignal): Promise<readonly string[]> {
  return withSession(source, 'looking which tables are published', signal, async (session) => {
    const { rows } = await session.query<{ schema: string; name: string }>(`
      with recursive permanent as (
        select oid from pg_class where relkind = 'p'
        union
        select c.oid from pg_publication p join pg_publication_tables t on t.pubname = p.pubname
          join pg_namespace n on n.nspname = t.schemaname join pg_class c on c.relnamespace = n.oid and c.relname = t.tablename
          where not p.puballtables
        union
        select k.confrelid from permanent join pg_constraint k on k.conrelid = permanent.oid and k.contype = 'f'
      )
      select n.nspname as schema, c.relname as name
      from permanent join pg_class c on c.oid = permanent.oid join pg_namespace n on n.oid = c.relnamespace`)
    return rows.map(nameOf)
  })
}
