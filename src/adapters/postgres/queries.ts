import type { Sensitive } from '../../sensitive.ts'
import { withQuerySession } from './connection/query-sessions.ts'
import type { Session } from './connection/session.ts'
import { DatabaseError, explain } from './errors.ts'
import { whyMayWrite, whyNotReading } from './grammar/read-only.ts'
import type { QueryAnswer } from './port.ts'

/** Whom queries are asked as. */
interface Asker {
  readonly url: Sensitive
  /** Whether the address is that of a role that was made for reading. */
  readonly readsOnly: boolean
}

/** Runs a query that was configured, once it is known that it only reads. */
export function runQuery(asker: Asker, sql: string, timeoutMs: number, signal: AbortSignal): Promise<QueryAnswer> {
  return withQuerySession(asker.url, 'querying the database', signal, (session) =>
    reading(session, timeoutMs, async () => {
      const why = await whyNotReadOnly(session, asker, sql)
      if (why !== undefined) throw refused(why)
      return answerOf(session, sql)
    }),
  )
}

/** Tells why a query would be refused, without running it; undefined when it would not. */
export function whyRefused(asker: Asker, sql: string, signal: AbortSignal): Promise<string | undefined> {
  return withQuerySession(asker.url, 'looking at a query', signal, (session) =>
    reading(session, 10_000, () => whyNotReadOnly(session, asker, sql)),
  )
}

async function reading<T>(session: Session, timeoutMs: number, work: () => Promise<T>): Promise<T> {
  await session.query('begin read only')
  await session.query(`set local statement_timeout = ${Math.round(timeoutMs)}`)
  // The text was read with this setting, which a role or a database may have otherwise.
  await session.query('set local standard_conforming_strings = on')
  // Rows that a policy hides would be missing in silence; so the server refuses instead.
  await session.query('set local row_security = off')
  try {
    return await work()
  } finally {
    await session.query('rollback').catch(() => {})
  }
}

async function whyNotReadOnly(session: Session, { readsOnly }: Asker, sql: string): Promise<string | undefined> {
  const outright = await whyNotReading(sql)
  if (outright !== undefined) return outright
  const mayWrite = readsOnly ? await whyRoleMayWrite(session) : undefined
  if (readsOnly && mayWrite === undefined) return undefined
  const why = await whyMayWrite(session, sql)
  return why === undefined || mayWrite === undefined
    ? why
    : `${why}, and the role that queries are asked as ${mayWrite}`
}

/** A role of which one of these is true is none that only reads, whatever it was made for. */
async function whyRoleMayWrite(session: Session): Promise<string | undefined> {
  const { rows } = await session.query<{ why: string | null }>(
    `select case
       when r.rolsuper then 'is a superuser'
       when r.rolcreaterole or r.rolcreatedb or r.rolreplication then 'may create roles or databases, or replicate'
       when exists (select from pg_catalog.pg_roles other where other.rolname in ('pg_write_all_data', 'pg_signal_backend',
           'pg_execute_server_program', 'pg_read_server_files', 'pg_write_server_files', 'pg_checkpoint', 'pg_maintain',
           'pg_create_subscription', 'pg_signal_autovacuum_worker') and pg_catalog.pg_has_role(r.oid, other.oid, 'member'))
         then 'is a member of a role that may do more than read'
       when pg_catalog.has_database_privilege(pg_catalog.current_database(), 'create') then 'may create schemas'
       when exists (select from pg_catalog.pg_namespace n where n.nspname !~ '^pg_(toast_)?temp_' and pg_catalog.has_schema_privilege(n.oid, 'create'))
         then 'may create objects'
       when exists (select from pg_catalog.pg_class c where c.relkind in ('r', 'p', 'v', 'f', 'm') and c.relpersistence <> 't'
           -- Everybody may write to pg_settings, which is their own session.
           and c.relnamespace <> all (array['pg_catalog', 'information_schema']::regnamespace[]::oid[])
           and pg_catalog.has_table_privilege(c.oid, 'insert, update, delete, truncate'))
         then 'may write to tables'
       end as why
     from pg_catalog.pg_roles r where r.rolname = current_user`,
  )
  const [row] = rows
  return row === undefined ? 'is not known to the server' : (row.why ?? undefined)
}

function refused(why: string): DatabaseError {
  return new DatabaseError('not_read_only', `querying the database: not asked, as it ${why}`, {
    hint: 'Remove it from the query in purser.yaml, or name a read-only role: readOnlyDatabaseUrlEnv (docs/database.md).',
  })
}

async function answerOf(session: Session, sql: string): Promise<QueryAnswer> {
  try {
    const request = {
      text: sql,
      rowMode: 'array' as const,
      // The server takes exactly one statement in the extended protocol, so nothing can follow a `commit`.
      queryMode: 'extended',
      types: { getTypeParser: () => (value: string) => value },
    }
    const answer = await session.query<(string | null)[]>(request)
    return { columns: answer.fields.map((field) => field.name), rows: answer.rows }
  } catch (error) {
    throw withoutRows(explain('querying the database', error, sql))
  }
}

const divisionByZero = '22012'

/** The server quotes the value that it could not take ("invalid input syntax for type integer: …"): a row stays where it is. */
function withoutRows(error: Error): Error {
  const state = error instanceof DatabaseError ? (error.sqlState ?? '') : ''
  if (!/^(22|23|P0)/.test(state) || state === divisionByZero) return error
  return new DatabaseError(
    'database_failed',
    `querying the database: the server cannot take a value (SQLSTATE ${state}). Its message may quote a row, so it isn't shown`,
    { sqlState: state, hint: 'Run the query by hand to see which value.' },
  )
}
