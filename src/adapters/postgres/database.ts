import pg from 'pg'
import type { Sensitive } from '../../sensitive.ts'
import { databaseIdentity } from './connection/identity.ts'
import { blockingSessions } from './migrations/blockers.ts'
import { risksOf } from './grammar/risks.ts'
import { defaultLedgerSchema, ledgerIn } from './migrations/ledger.ts'
import { applyMigration } from './migrations/migrate.ts'
import { transactionPooled } from './connection/pooling.ts'
import { offThread } from '../off-thread/off-thread.ts'
import { weakerLockLimits } from './migrations/file-text.ts'
import { invalidIndexes } from './migrations/outside-transaction.ts'
import type { DatabaseFacts, MigrationLock, ServiceDatabase } from './port.ts'
import { runQuery, whyRefused } from './queries.ts'
import { type Session, withSession } from './connection/session.ts'

interface DatabaseOptions {
  readonly url: Sensitive
  /** The address of a role that may only read, as which configured queries are asked. */
  readonly readOnlyUrl?: Sensitive
  /** The schema of Purser's own tables in the service's database; `purser` by default. */
  readonly ledgerSchema?: string
}

/**
 * Opens the service's database with one connection for each call, so nothing is left open and a server restart between
 * two calls goes unnoticed.
 */
export function openDatabase({ url, readOnlyUrl, ledgerSchema }: DatabaseOptions): ServiceDatabase {
  const asker = { url: readOnlyUrl ?? url, readsOnly: readOnlyUrl !== undefined }
  const ledger = ledgerIn(ledgerSchema ?? defaultLedgerSchema)
  return {
    facts: (signal) =>
      withSession(url, 'reading the facts of the database', signal, (session) => readFacts(session, url, signal)),
    identity: (signal) => withSession(url, 'reading which database it is', signal, databaseIdentity),
    ledger: (signal) => withSession(url, 'reading the migration ledger', signal, (session) => ledger.entries(session)),
    apply: (migration, signal) => applyMigration(url, ledger, migration, signal),
    async applicability(sql, { lockTimeoutMs }, signal) {
      const text = await offThread('text', sql, signal)
      return { sql: text.sql, obstacles: text.obstacles, overruled: weakerLockLimits(text, lockTimeoutMs) }
    },
    invalidIndexes: (signal) => withSession(url, 'looking for invalid indexes', signal, invalidIndexes),
    async locks(sql, signal) {
      const taken = await offThread('locks', sql, signal)
      return withSession(url, 'measuring tables', signal, (session) => measured(session, taken))
    },
    blocking: (wanted, signal) =>
      withSession(url, 'looking for blocking sessions', signal, (session) => blockingSessions(session, wanted)),
    async risks(sql, signal) {
      const text = await offThread('migration', sql, signal)
      return withSession(url, 'looking at what a migration calls', signal, (session) => risksOf(session, text))
    },
    changes: (sql, signal) => offThread('changes', sql, signal),
    missing: (objects, signal) =>
      withSession(url, 'looking for what the migrations bring', signal, (session) => missing(session, objects)),
    missingTables: (tables, signal) =>
      withSession(url, 'looking for tables', signal, (session) => missingTables(session, tables)),
    query: (sql, { timeoutMs }, signal) => runQuery(asker, sql, timeoutMs, signal),
    whyNotReadOnly: (sql, signal) => whyRefused(asker, sql, signal),
  }
}

async function readFacts(session: Session, url: Sensitive, signal: AbortSignal): Promise<DatabaseFacts> {
  const { rows } = await session.query<Omit<DatabaseFacts, 'transactionPooled' | 'sizeBytes'> & { size: string }>(`
    select current_setting('server_version') as "serverVersion",
      current_setting('server_version_num')::int as "serverVersionNumber",
      current_database() as database, current_user::text as "user",
      pg_is_in_recovery() as "inRecovery", pg_database_size(current_database())::text as size`)
  const [row] = rows
  if (!row) throw new Error('the server answered with no row')
  const { size, ...facts } = row
  return {
    ...facts,
    sizeBytes: Number(size),
    transactionPooled: await transactionPooled(session, url, signal),
  }
}

async function missingTables(session: Session, tables: readonly string[]): Promise<readonly string[]> {
  const { rows } = await session.query<{ name: string }>(
    `select name from unnest($1::text[]) with ordinality as wanted (name, place)
     where not exists (select from pg_class where oid = to_regclass(name) and relkind in ('r', 'p'))
     order by place`,
    [tables],
  )
  return rows.map((row) => row.name)
}

/** The form of a plain name; others could be read in two ways. */
const plainObject = /^(table|column|policy) ([A-Za-z_][\w$]*(?:\.[A-Za-z_][\w$]*){0,2})$/

async function missing(session: Session, objects: readonly string[]): Promise<readonly string[]> {
  const asked = objects.flatMap((object) => {
    const [, kind, name = ''] = plainObject.exec(object) ?? []
    if (kind === undefined) return []
    const parts = name.split('.')
    const part = kind === 'table' ? '' : (parts.pop() ?? '')
    return parts.length === 0
      ? []
      : [{ object, kind, table: parts.map((part) => pg.escapeIdentifier(part)).join('.'), part }]
  })
  const { rows } = await session.query<{ object: string }>(
    `select object from json_to_recordset($1) as wanted (object text, kind text, "table" text, part text)
     where not case kind
       when 'column' then exists (select from pg_attribute
         where attrelid = to_regclass("table") and attname = part and attnum > 0 and not attisdropped)
       when 'policy' then exists (select from pg_policy where polrelid = to_regclass("table") and polname = part)
       else to_regclass("table") is not null end`,
    [JSON.stringify(asked)],
  )
  return rows.map(({ object }) => object)
}

async function measured(
  session: Session,
  taken: readonly Omit<MigrationLock, 'bytes' | 'rows'>[],
): Promise<readonly MigrationLock[]> {
  const sizes = await tableSizes(
    session,
    taken.map(({ table }) => table),
  )
  const known = new Map(sizes.map((size) => [size.table, size]))
  return taken.flatMap((lock) => {
    const size = known.get(lock.table)
    return size === undefined ? [] : [{ ...lock, bytes: size.bytes, rows: size.rows }]
  })
}

async function tableSizes(session: Session, tables: readonly string[]) {
  const { rows } = await session.query<{ table: string; bytes: string; rows: number }>(
    `select wanted.name as table, greatest(c.reltuples, 0) as rows,
       (case when c.relkind = 'p' then (select coalesce(sum(pg_total_relation_size(part.relid)), 0) from pg_partition_tree(c.oid) part)
        else pg_total_relation_size(c.oid) end)::text as bytes
     from unnest($1::text[]) as wanted (name) join pg_class c on c.oid = to_regclass(wanted.name) and c.relkind in ('r', 'p')`,
    [tables],
  )
  return rows.map(({ table, bytes, rows: count }) => ({ table, bytes: Number(bytes), rows: Math.round(Number(count)) }))
}
