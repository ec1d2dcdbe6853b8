import pg from 'pg'
import type { LedgerEntry, MigrationFile } from '../port.ts'
import type { Session } from '../connection/session.ts'

export const defaultLedgerSchema = 'purser'

/** Purser's own record of what it applied, in the service's database so that both are one transaction. */
export interface Ledger {
  exists(session: Session): Promise<boolean>
  entries(session: Session): Promise<readonly LedgerEntry[]>
  find(session: Session, version: string): Promise<LedgerEntry | undefined>
  /** Makes the ledger when it is the first, and adds the row, inside the migration's transaction. */
  record(session: Session, file: MigrationFile, facts: RecordFacts): Promise<void>
  /** Tells of a file that runs statement by statement which are done, by their place in this very text. */
  statementsDone(session: Session, file: MigrationFile): Promise<ReadonlySet<number>>
  noteStatement(session: Session, file: MigrationFile, index: number): Promise<void>
}

interface RecordFacts {
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
  const statements = `${pg.escapeIdentifier(schema)}.migration_statements`
  const select = `select version, name, sha256, applied_at, applied_by from ${table}`

  async function exists(session: Session): Promise<boolean> {
    const { rows } = await session.query<{ found: boolean }>('select to_regclass($1) is not null as found', [table])
    return rows[0]?.found ?? false
  }

  /** Asked first: even where it exists, `create schema if not exists` wants the right to make schemas in the database. */
  async function makeSchema(session: Session): Promise<void> {
    const { rows } = await session.query('select from pg_namespace where nspname = $1', [schema])
    if (rows.length === 0) await session.query(`create schema if not exists ${pg.escapeIdentifier(schema)}`)
  }

  return {
    exists,
    async entries(session) {
      const ours = (await exists(session)) ? (await session.query<Row>(`${select} order by version`)).rows : []
      const known = new Set(ours.map((row) => row.version))
      const theirs = (await supabaseEntries(session)).filter(({ version }) => !known.has(version))
      return [...ours.map(entryOf), ...theirs]
    },
    async find(session, version) {
      const ours = (await exists(session))
        ? (await session.query<Row>(`${select} where version = $1`, [version])).rows[0]
        : undefined
      return ours === undefined
        ? (await supabaseEntries(session)).find((entry) => entry.version === version)
        : entryOf(ours)
    },
    async statementsDone(session, { version, sha256 }) {
      const { rows: found } = await session.query<{ found: boolean }>('select to_regclass($1) is not null as found', [
        statements,
      ])
      if (!found[0]?.found) return new Set()
      const { rows } = await session.query<{ statement: number }>(
        `select statement from ${statements} where version = $1 and sha256 = $2`,
        [version, sha256],
      )
      return new Set(rows.map((row) => row.statement))
    },
    async noteStatement(session, { version, sha256 }, index) {
      await makeSchema(session)
      await session.query(`create table if not exists ${statements} (version text, sha256 text, statement integer,
          done_at timestamptz not null default now(), primary key (version, sha256, statement))`)
      await session.query(
        `insert into ${statements} (version, sha256, statement) values ($1, $2, $3) on conflict do nothing`,
        [version, sha256, index],
      )
    },
    async record(session, file, { run, release, milliseconds }) {
      if (!(await exists(session))) {
        await makeSchema(session)
        await session.query(definition(table))
      }
      await session.query(
        `insert into ${table} (version, name, sha256, applied_by, run, release, duration_ms)
         values ($1, $2, $3, current_user, $4, $5, $6)`,
        [file.version, file.name, file.sha256, run, release, milliseconds],
      )
      await tellSupabase(session, file)
    },
  }
}

function definition(table: string): string {
  return `
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

/** Tells the ledger of `supabase db push`, which would apply the file again otherwise. */
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

/** Reads what `supabase db push` has applied. It keeps neither time nor checksum. */
async function supabaseEntries(session: Session): Promise<readonly LedgerEntry[]> {
  const { rows: columns } = await session.query<{ attname: string }>(
    `select attname from pg_attribute where attrelid = to_regclass('supabase_migrations.schema_migrations')
     and attname in ('version', 'name') and not attisdropped`,
  )
  if (!columns.some((column) => column.attname === 'version')) return []
  const name = columns.some((column) => column.attname === 'name') ? 'name' : 'null'
  const { rows } = await session.query<{ version: string; name: string | null }>(
    `select version, ${name}::text as name from supabase_migrations.schema_migrations order by version`,
  )
  return rows.map(({ version, name: title }) => ({
    version,
    name: title === null ? version : `${version}_${title}.sql`,
    sha256: undefined,
    appliedAt: '',
    appliedBy: 'supabase',
  }))
}

function entryOf(row: Row): LedgerEntry {
  const { version, name, sha256 } = row
  return { version, name, sha256, appliedAt: row.applied_at.toISOString(), appliedBy: row.applied_by }
}
