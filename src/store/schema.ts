import type { Pool, PoolClient } from 'pg'
import type { AuditKeys } from '../model/audit-chain.ts'
import { inSchema, ordinarySchema, type Sql, sqlOn } from './database.ts'
import { migrations } from './migrations/migrations.ts'

/** The number of the newest migration that this program knows. */
export const newestMigration = Math.max(...migrations.map(({ version }) => version))

/** Brings the schema up to date; many processes may start at once. Safe to repeat. */
export async function migrateStateDatabase(
  pool: Pool,
  auditKeys: AuditKeys = [],
  schema: string = ordinarySchema,
): Promise<void> {
  const client = await pool.connect()
  try {
    const sql = sqlOn(client, schema)
    await client.query('begin')
    await client.query(`select pg_advisory_xact_lock(hashtextextended('purser:schema', 0))`)
    await client.query(`create schema if not exists ${schema}`)
    await sql.query(`create table if not exists purser.schema_migrations
      (version integer primary key, name text not null, applied_at timestamptz not null default now())`)
    await applyPending(client, sql, auditKeys, schema)
    await client.query('commit')
  } catch (error) {
    await client.query('rollback')
    throw error
  } finally {
    client.release()
  }
}

async function applyPending(client: PoolClient, sql: Sql, auditKeys: AuditKeys, schema: string): Promise<void> {
  const { rows } = await sql.query<{ version: number }>('select version from purser.schema_migrations')
  const applied = new Set(rows.map((row) => row.version))
  for (const migration of migrations.filter((migration) => !applied.has(migration.version))) {
    // Many statements at once go without parameters, which `sql` always sends.
    await client.query(inSchema(migration.sql, schema))
    await migration.after?.(sql, auditKeys)
    await sql.query('insert into purser.schema_migrations (version, name) values ($1, $2)', [
      migration.version,
      migration.name,
    ])
  }
}
