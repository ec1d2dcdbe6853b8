import pg from 'pg'
import type { DatabaseIdentity } from '../port.ts'
import type { Session } from './session.ts'

export async function databaseIdentity(session: Session): Promise<DatabaseIdentity> {
  const { rows } = await session.query<{ database: string; oid: string; may: boolean | null }>(`
    select current_database() as database, (select oid::text from pg_database where datname = current_database()) as oid,
      has_function_privilege(to_regprocedure('pg_catalog.pg_control_system()'), 'execute') as may`)
  const [row] = rows
  if (!row) throw new Error('the server answered with no row')
  const { database, oid, may } = row
  const { host, port } = session
  const systemIdentifier = may === true ? await controlSystem(session) : undefined
  return { systemIdentifier, database, oid, address: `${host.includes(':') ? `[${host}]` : host}:${port}` }
}

/** Servers that only speak PostgreSQL's protocol may have the function and refuse the call: that is no error here. */
async function controlSystem(session: Session): Promise<string | undefined> {
  try {
    const { rows } = await session.query<{ id: string }>(
      'select system_identifier::text as id from pg_control_system()',
    )
    return rows[0]?.id
  } catch (error) {
    if (error instanceof pg.DatabaseError && refusals.has(error.code)) return undefined
    throw error
  }
}

/** insufficient_privilege, feature_not_supported, undefined_function. */
const refusals: ReadonlySet<string | undefined> = new Set(['42501', '0A000', '42883'])
