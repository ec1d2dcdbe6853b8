import { createHash } from 'node:crypto'
import type { Sensitive } from '../../../sensitive.ts'
import { offThread } from '../../off-thread/off-thread.ts'
import { type Session, withSession } from '../connection/session.ts'
import type { MigrationText } from '../grammar/reading.ts'
import type { MigrationLock } from '../port.ts'
import { gatherFacts } from './facts.ts'
import type { ToldLock } from './tell.ts'

/** The most readings that are kept; each is as large as what it found. */
const mostKept = 300

/** Reads migrations by the grammar, each text once: a plan asks for its risks and then for its locks. */
export function readingOnce(): (sql: string, signal: AbortSignal) => Promise<MigrationText> {
  const kept = new Map<string, MigrationText>()
  return async (sql, signal) => {
    const key = createHash('sha256').update(sql).digest('hex')
    const known = kept.get(key)
    if (known !== undefined) return known
    const read = await offThread('migration', sql, signal)
    const [oldest] = kept.keys()
    if (kept.size >= mostKept && oldest !== undefined) kept.delete(oldest)
    kept.set(key, read)
    return read
  }
}

/** Tells what migrations that were read lock, applied one after the other, and measures it. */
export function locksOf(
  url: Sensitive,
  read: readonly MigrationText[],
  signal: AbortSignal,
): Promise<readonly (readonly MigrationLock[])[]> {
  return withSession(url, 'reading what a migration locks', signal, async (session) => {
    const facts = await gatherFacts(
      session,
      read.some(({ locks }) => locks.needsDependencies),
    )
    const files = read.map(({ locks }) => locks.steps)
    const told = await offThread('locks', JSON.stringify({ files, facts }), signal)
    const measures = await measure(session, told.flat())
    return told.map((locks) =>
      locks.flatMap(({ oid, ...lock }) => {
        const known = measures.get(oid)
        return known === undefined ? [] : [{ ...lock, ...known }]
      }),
    )
  })
}

async function measure(
  session: Session,
  locks: readonly ToldLock[],
): Promise<ReadonlyMap<number, Pick<MigrationLock, 'table' | 'kind' | 'bytes' | 'rows'>>> {
  if (locks.length === 0) return new Map()
  const { rows } = await session.query<{
    oid: string
    table: string
    kind: MigrationLock['kind']
    bytes: string
    rows: number
  }>(
    `select c.oid::text as oid, c.oid::regclass::text as table,
       case c.relkind when 'v' then 'view' when 'm' then 'materialized view' when 'f' then 'foreign table' when 'S' then 'sequence' else 'table' end as kind,
       case when c.relkind = 'p' then (select coalesce(sum(greatest(leaf.reltuples, 0)), 0) from pg_catalog.pg_partition_tree(c.oid) part
         join pg_catalog.pg_class leaf on leaf.oid = part.relid where part.isleaf) else greatest(c.reltuples, 0) end as rows,
       (case c.relkind when 'p' then (select coalesce(sum(pg_catalog.pg_total_relation_size(part.relid)), 0) from pg_catalog.pg_partition_tree(c.oid) part)
         when 'r' then pg_catalog.pg_total_relation_size(c.oid) when 'm' then pg_catalog.pg_total_relation_size(c.oid) else 0 end)::text as bytes
     from pg_catalog.pg_class c where c.oid = any ($1::oid[])`,
    [[...new Set(locks.map(({ oid }) => oid))]],
  )
  return new Map(
    rows.map(({ oid, table, kind, bytes, rows: count }) => [
      Number(oid),
      { table, kind, bytes: Number(bytes), rows: Math.round(Number(count)) },
    ]),
  )
}
