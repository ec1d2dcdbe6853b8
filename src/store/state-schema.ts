import type { Sql } from './database.ts'
import { newestMigration } from './schema.ts'

/** How the tables of the state database stand. */
export interface StateSchema {
  /** The number of the newest migration that was applied; 0 when there are no tables. */
  readonly applied: number
  /** The newest one that this program knows. */
  readonly known: number
  /** The service whose state this is; undefined while it is nobody's. */
  readonly service: string | undefined
  /** Whether the user may make the schemas that are missing. */
  readonly mayCreate: boolean
  /** The user, quoted where SQL needs it. */
  readonly user: string
}

/** Reads how the tables of the state database stand. Changes nothing. */
export async function stateSchema(sql: Sql): Promise<StateSchema> {
  const { rows } = await sql.query<{ mayCreate: boolean; user: string; there: boolean; owned: boolean }>(
    `select has_database_privilege(current_database(), 'create') as "mayCreate", quote_ident(current_user) as user,
       to_regclass('purser.schema_migrations') is not null as there, to_regclass('purser.owner') is not null as owned`,
  )
  const [row] = rows
  if (row === undefined) throw new Error('the server answered with no row')
  const { mayCreate, user, there, owned } = row
  const service = owned ? await ownerIn(sql) : undefined
  return { applied: there ? await newestApplied(sql) : 0, known: newestMigration, service, mayCreate, user }
}

async function newestApplied(sql: Sql): Promise<number> {
  const { rows } = await sql.query<{ newest: number | null }>(
    'select max(version) as newest from purser.schema_migrations',
  )
  return rows[0]?.newest ?? 0
}

async function ownerIn(sql: Sql): Promise<string | undefined> {
  const { rows } = await sql.query<{ service: string }>('select service from purser.owner')
  return rows[0]?.service
}
