import type { Sensitive } from '../../sensitive.ts'
import { databaseIdentity } from './connection/identity.ts'
import { blockingSessions } from './migrations/blockers.ts'
import { risksOf } from './grammar/risks.ts'
import { defaultLedgerSchema, ledgerIn } from './migrations/ledger.ts'
import { locksOf, readingOnce } from './locks/measured.ts'
import { applyMigration } from './migrations/migrate.ts'
import { transactionPooled } from './connection/pooling.ts'
import { offThread } from '../off-thread/off-thread.ts'
import type { ForecastInput } from '../off-thread/tasks.ts'
import { weakerLockLimits } from './migrations/lock-limits.ts'
import { invalidIndexes } from './migrations/outside-transaction.ts'
import { serverObstacles } from './migrations/server-obstacles.ts'
import type { DatabaseFacts, MigrationFile, SchemaForecast, ServiceDatabase } from './port.ts'
import { runQuery, whyRefused } from './queries.ts'
import { type FileNeeds, missingForMigrations } from './rights/migration-rights.ts'
import { readCatalog } from './schema/catalog.ts'
import { parseKey } from './schema/keys.ts'
import { withQuerySession } from './connection/query-sessions.ts'
import type { Session } from './connection/session.ts'

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
  const reading = readingOnce()
  const ledger = ledgerIn(ledgerSchema ?? defaultLedgerSchema)
  return {
    facts: (signal) =>
      withQuerySession(url, 'reading the facts of the database', signal, (session) => readFacts(session, url, signal)),
    identity: (signal) => withQuerySession(url, 'reading which database it is', signal, databaseIdentity),
    ledger: (signal) =>
      withQuerySession(url, 'reading the migration ledger', signal, (session) => ledger.entries(session)),
    apply: (migration, signal) => applyMigration(url, ledger, migration, signal),
    async applicability(sql, { lockTimeoutMs }, signal) {
      const text = await offThread('text', sql, signal)
      return { sql: text.sql, obstacles: text.obstacles, overruled: weakerLockLimits(text.lockLimits, lockTimeoutMs) }
    },
    async serverObstacles(sql, signal) {
      const { reads, calls } = await offThread('syntax', sql, signal)
      // A server is bothered, and its log, only when there is something to ask.
      if (reads && calls.length === 0) return []
      return withQuerySession(url, 'asking the server whether it reads a migration', signal, (session) =>
        serverObstacles(session, { sql: reads ? undefined : sql, calls }),
      )
    },
    async missingRights(files, signal) {
      const needs: FileNeeds[] = []
      for (const { name, sql } of files) needs.push({ file: name, needs: await offThread('rights', sql, signal) })
      return withQuerySession(url, 'asking for the rights that migrations need', signal, (session) =>
        missingForMigrations(session, ledgerSchema ?? defaultLedgerSchema, needs),
      )
    },
    invalidIndexes: (signal) => withQuerySession(url, 'looking for invalid indexes', signal, invalidIndexes),
    async locks(migrations, signal) {
      const read = []
      for (const sql of migrations) read.push(await reading(sql, signal))
      return read.every(({ locks }) => locks.steps === '[]') ? read.map(() => []) : locksOf(url, read, signal)
    },
    blocking: (wanted, signal) =>
      withQuerySession(url, 'looking for blocking sessions', signal, (session) => blockingSessions(session, wanted)),
    async risks(sql, signal) {
      const text = await reading(sql, signal)
      return withQuerySession(url, 'looking at what a migration calls', signal, (session) => risksOf(session, text))
    },
    changes: (files, signal) => changes(url, files, signal),
    missing: (objects, signal) =>
      withQuerySession(url, 'looking for what the migrations bring', signal, (session) => missing(session, objects)),
    missingTables: (tables, signal) =>
      withQuerySession(url, 'looking for tables', signal, (session) => missingTables(session, tables)),
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

async function missing(session: Session, objects: readonly string[]): Promise<readonly string[]> {
  const asked = objects.flatMap((object) => {
    const key = parseKey(object)
    return key === undefined ? [] : [{ object, ...key }]
  })
  const { rows } = await session.query<{ object: string }>(
    `select object from json_to_recordset($1) as wanted (object text, kind text, schema text, "table" text, part text)
     where not exists (select from pg_class c join pg_namespace n on n.oid = c.relnamespace
       where n.nspname = wanted.schema and c.relname = wanted."table" and case wanted.kind
         when 'column' then exists (select from pg_attribute where attrelid = c.oid and attname = wanted.part and attnum > 0 and not attisdropped)
         when 'policy' then exists (select from pg_policy where polrelid = c.oid and polname = wanted.part)
         else true end)`,
    [JSON.stringify(asked)],
  )
  return rows.map(({ object }) => object)
}

async function changes(
  url: Sensitive,
  files: readonly Pick<MigrationFile, 'sql'>[],
  signal: AbortSignal,
): Promise<SchemaForecast> {
  if (files.length === 0) return { files: [], there: [], perhaps: [] }
  const texts = files.map(({ sql }) => sql)
  const names = await offThread('names', JSON.stringify(texts), signal)
  const catalog = await withQuerySession(url, 'reading what the migrations change', signal, (session) =>
    readCatalog(session, names),
  )
  const input: ForecastInput = { files: texts, catalog }
  return offThread('forecast', JSON.stringify(input), signal)
}
