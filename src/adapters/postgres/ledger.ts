import pg from 'pg'
import type { LedgerEntry, MigrationFile } from './port.ts'
import type { Session } from './session.ts'

export const defaultLedgerSchema = 'purser'

/** Purser's own record of what it applied, in the service's database so that both are one transaction. */
export interface Ledger {
  exists(session: Session): Promise<boolean>
  entries(session: Session): Promise<readonly LedgerEntry[]>
  find(session: Session, version: string): Promise<LedgerEntry | undefined>
  /** Inside the migration's transaction: makes the ledger when it is the first, and adds the row. */
  record(session: Session, file: MigrationFile, facts: RecordFacts): Promise<void>
}

export interface RecordFacts {
  readonly run: number
  readonly release: string
  readonly milliseconds: number
}

interface Row {
  readonly version: string
  readonly name: string
  readonly sha256: string
  readonly applied_at: Date
  readonly applied_by: string
}

export function ledgerIn(schema: string): Ledger {
  const table = `${pg.escapeIdentifier(schema)}.migrations`
  const select = `select version, name, sha256, applied_at, applied_by from ${table}`

  async function exists(session: Session): Promise<boolean> {
    const { rows } = await session.query<{ found: boolean }>('select to_regclass($1) is not null as found', [table])
    return rows[0]?.found ?? false
  }

  return {
    exists,
    async entries(session) {
      if (!(await exists(session))) return []
      const { rows } = await session.query<Row>(`${select} order by version`)
      return rows.map(entryOf)
    },
    async find(session, version) {
      if (!(await exists(session))) return undefined
      const { rows } = await session.query<Row>(`${select} where version = $1`, [version])
      return rows[0] && entryOf(rows[0])
    },
    async record(session, file, { run, release, milliseconds }) {
      if (!(await exists(session))) await session.query(definition(schema, table))
      await session.query(
        `insert into ${table} (version, name, sha256, applied_by, run, release, duration_ms)
         values ($1, $2, $3, current_user, $4, $5, $6)`,
        [file.version, file.name, file.sha256, run, release, milliseconds],
      )
      await tellSupabase(session, file)
    },
  }
}

function definition(schema: string, table: string): string {
  return `
    create schema if not exists ${pg.escapeIdentifier(schema)};
    create table ${table} (
      version text primary key,
      name text not null,
      sha256 text not null,
      applied_at timestamptz not null default now(),
      applied_by text not null,
      run bigint not null,
      release text not null,
      duration_ms integer not null
    );`
}

/** `supabase db push` keeps its own ledger and would apply the file again if it were not told. */
async function tellSupabase(session: Session, file: MigrationFile): Promise<void> {
  const { rows } = await session.query<{ attname: string }>(
    `select attname from pg_attribute
     where attrelid = to_regclass('supabase_migrations.schema_migrations') and attnum > 0 and not attisdropped`,
  )
  const columns = new Set(rows.map((row) => row.attname))
  if (!columns.has('version')) return
  const title = file.name.replace(/^\d+_/, '').replace(/\.sql$/, '')
  const values: Readonly<Record<string, unknown>> = { version: file.version, name: title, statements: [file.sql] }
  const used = Object.keys(values).filter((column) => columns.has(column))
  await session.query(
    `insert into supabase_migrations.schema_migrations (${used.join(', ')})
     values (${used.map((_, index) => `$${index + 1}`).join(', ')}) on conflict (version) do nothing`,
    used.map((column) => values[column]),
  )
}

function entryOf(row: Row): LedgerEntry {
  const { version, name, sha256 } = row
  return { version, name, sha256, appliedAt: row.applied_at.toISOString(), appliedBy: row.applied_by }
}
