import pg from 'pg'
import type { Sensitive } from '../../../sensitive.ts'
import { type Session, withLongSession } from '../connection/session.ts'
import type { SequenceRange, TableRows } from './port.ts'

/** What a database holds, exactly: the rows of each table and the last value of each sequence. */
interface Contents {
  readonly rows: readonly TableRows[]
  readonly sequences: readonly SequenceValue[]
}

/** What was dumped, counted in the snapshot itself. */
export interface Snapshot {
  readonly rows: readonly TableRows[]
  readonly sequences: readonly SequenceRange[]
}

interface SequenceValue {
  readonly sequence: string
  /** The value as text, for it may pass what a JavaScript number holds; null when the sequence was never used. */
  readonly value: string | null
}

interface TableName {
  readonly schema: string
  readonly name: string
}

export interface Table extends TableName {
  readonly oid: string
  /** The rows, as the server last estimated them; below 0 when it never did. */
  readonly estimate: number
  /** The bytes that it takes on the server's disk, without indexes. */
  readonly bytes: number
}

/** The schemas that count; undefined for all that are not the server's own. */
export type Schemas = readonly string[] | undefined

const own = `n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
  and not exists (select from pg_depend where classid = 'pg_class'::regclass and objid = c.oid and deptype = 'e')`

const chosen = `($1::text[] is null or n.nspname = any($1))`

/** Lists ordinary tables (partitions too) with contents of their own: what a dump must hold. */
export async function tablesOf(session: Session, schemas?: Schemas): Promise<readonly Table[]> {
  const { rows } = await session.query<Omit<Table, 'bytes'> & { bytes: string }>(
    `select n.nspname as schema, c.relname as name, c.oid::text as oid, c.reltuples as estimate, pg_table_size(c.oid)::text as bytes
     from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where c.relkind = 'r' and ${own} and ${chosen} order by 1, 2`,
    [schemas ?? null],
  )
  return rows.map((row) => ({ ...row, bytes: Number(row.bytes) }))
}

export function nameOf({ schema, name }: TableName): string {
  return `${schema}.${name}`
}

/** Counts every row; raises instead of counting only what row level security shows. */
export async function rowsOf(session: Session, schemas?: Schemas): Promise<readonly TableRows[]> {
  await session.query('set row_security = off')
  const counted: TableRows[] = []
  for (const table of [...(await tablesOf(session, schemas)), largeObjects]) {
    const { rows } = await session.query<{ count: string }>(countOf(table))
    counted.push({ table: nameOf(table), rows: Number(rows[0]?.count) })
  }
  return counted
}

/** Large objects belong to no table of the service, and are easily forgotten. */
const largeObjects = { schema: 'pg_catalog', name: 'pg_largeobject_metadata' }

function countOf({ schema, name }: TableName): string {
  return `select count(*) from only ${pg.escapeIdentifier(schema)}.${pg.escapeIdentifier(name)}`
}

interface CountedSnapshot {
  /** As `pg_export_snapshot` named it; the transaction that exported it must still be open. */
  readonly snapshot: string
  readonly tables: readonly TableName[]
  /** The longest wait for a lock. */
  readonly lockWaitMs: number
}

/**
 * Counts every row of a snapshot that another session holds. Each table has a transaction of its own, for its lock stays to the end of
 * one, and `pg_dump` needs what room the server has for locks.
 */
export function rowsIn(
  url: Sensitive,
  { snapshot, tables, lockWaitMs }: CountedSnapshot,
  signal: AbortSignal,
): Promise<readonly TableRows[]> {
  return withLongSession(url, 'counting what is backed up', signal, async (session) => {
    await session.query('set row_security = off')
    await session.query(`set lock_timeout = ${lockWaitMs}`)
    const counted: TableRows[] = []
    const begin = `begin isolation level repeatable read read only; set transaction snapshot ${pg.escapeLiteral(snapshot)}`
    for (const table of [...tables, largeObjects]) {
      signal.throwIfAborted()
      // Several statements in one text have an answer each.
      const answers: pg.QueryResult<{ count?: string }> | pg.QueryResult<{ count?: string }>[] = await session.query(
        `${begin}; ${countOf(table)}; commit`,
      )
      const [row] = [answers].flat().flatMap(({ rows }) => rows)
      counted.push({ table: nameOf(table), rows: Number(row?.count) })
    }
    return counted
  })
}

/** Reads the sequences, which are outside transactions: read one moment later, they may be further. */
export async function sequencesOf(session: Session, schemas?: Schemas): Promise<readonly SequenceValue[]> {
  const { rows } = await session.query<SequenceValue>(
    `select n.nspname || '.' || c.relname as sequence, pg_sequence_last_value(c.oid)::text as value
     from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where c.relkind = 'S' and ${own} and ${chosen} order by 1`,
    [schemas ?? null],
  )
  return rows
}

/** Returns what a sequence may hold in the dump: it was read at some moment between these two. */
export function rangesOf(before: readonly SequenceValue[], after: readonly SequenceValue[]): readonly SequenceRange[] {
  const later = new Map(after.map((one) => [one.sequence, one.value]))
  return before.map(({ sequence, value }) => ({ sequence, first: value, last: later.get(sequence) ?? value }))
}

/** Lists each table and sequence that is not as it was in the snapshot, one line each. */
export function differencesFrom(
  expected: { readonly rows: readonly TableRows[]; readonly sequences: readonly SequenceRange[] },
  found: Contents,
): readonly string[] {
  const rows = new Map(found.rows.map((row) => [row.table, row.rows]))
  const values = new Map(found.sequences.map((sequence) => [sequence.sequence, sequence.value]))
  return [
    ...expected.rows.flatMap(({ table, rows: wanted }) =>
      rows.get(table) === wanted ? [] : [`${table}: ${rows.get(table) ?? 'no table'}, not ${wanted} rows`],
    ),
    ...expected.sequences.flatMap((range) =>
      values.has(range.sequence) && within(values.get(range.sequence) ?? null, range)
        ? []
        : [`sequence ${range.sequence}: at ${values.get(range.sequence) ?? 'its start'}, not ${inWords(range)}`],
    ),
  ]
}

function within(value: string | null, { first, last }: SequenceRange): boolean {
  if (value === first || value === last) return true
  if (value === null || last === null) return false
  if (first === null) return true
  const [low, high] = BigInt(first) < BigInt(last) ? [first, last] : [last, first]
  return BigInt(low) <= BigInt(value) && BigInt(value) <= BigInt(high)
}

function inWords({ first, last }: SequenceRange): string {
  return first === last ? (first ?? 'its start') : `${first ?? 'its start'} to ${last ?? 'its start'}`
}
