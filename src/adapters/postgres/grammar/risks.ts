import type { Session } from '../connection/session.ts'
import { type MigrationReading, riskWeights, type StatementRisk } from '../port.ts'
import { lookUp, type Used } from './catalog.ts'
import type { Call, Found, MigrationText } from './reading.ts'

/** The most risks that are named of one file; the rest, less dangerous, is counted. */
const mostRisks = 60

/** Makes risks of what was read: calls are looked up, rows estimated, and the most dangerous comes first. */
export async function risksOf(
  session: Session,
  { statements, found, calls }: MigrationText,
): Promise<MigrationReading> {
  const all = [...found, ...(await callsThatMatter(session, calls))]
  const sorted = all.toSorted((a, b) => rank(a) - rank(b) || a.line - b.line)
  const kept = sorted.slice(0, mostRisks)
  const rows = await estimates(session, kept)
  const risks = kept.map(({ weight, line, more, what, within, rowsOf }): StatementRisk => {
    const said = within === undefined ? what : `defines ${within}, which ${what}`
    return { weight, line, more, what: said, ...(rowsOf === undefined ? {} : { rows: rows.get(rowsOf) ?? null }) }
  })
  return { statements, risks, left: sorted.length - kept.length }
}

/** What is done at once comes before what a function does when it is called. */
function rank({ weight, within }: Found): number {
  return riskWeights.indexOf(weight) * 2 + (within === undefined ? 0 : 1)
}

async function callsThatMatter(session: Session, calls: readonly Call[]): Promise<readonly Found[]> {
  const inCatalog = await lookUp(session, calls)
  return calls.flatMap(({ name, how, ...place }, index): readonly Found[] => {
    const { volatile, known } = inCatalog[index] ?? { volatile: false, known: false }
    // What is written as a column mostly is one, and operators and types of the file are named where they are defined.
    if (how === 'call' ? known && !volatile : !volatile) return []
    const why = known ? 'may change something' : 'the database does not have yet'
    return [{ ...place, weight: 'unreadable', what: `${useInWords({ how, name })}, which ${why}` }]
  })
}

function useInWords({ how, name }: Used): string {
  const full = name.join('.')
  if (how === 'operator') return `uses operator ${full}`
  return how === 'type' ? `casts to ${full}` : `calls ${full}()`
}

/** The server's estimates of the rows of these tables; null where it was never told to count. */
async function estimates(session: Session, found: readonly Found[]): Promise<ReadonlyMap<string, number | null>> {
  const tables = [...new Set(found.flatMap(({ rowsOf }) => (rowsOf === undefined ? [] : [rowsOf])))]
  if (tables.length === 0) return new Map()
  const { rows } = await session.query<{ name: string; rows: number | null }>(
    `select wanted.name, (select case when bool_or(part.reltuples >= 0) then sum(greatest(part.reltuples, 0)) end
         from pg_catalog.pg_class c cross join lateral (
           select c.reltuples where c.relkind <> 'p'
           union all select leaf.reltuples from pg_catalog.pg_partition_tree(c.oid) tree
             join pg_catalog.pg_class leaf on leaf.oid = tree.relid where c.relkind = 'p' and tree.isleaf) part
         where c.oid in (select found.oid from pg_catalog.pg_class found join pg_catalog.pg_namespace n on n.oid = found.relnamespace
           where found.relkind in ('r', 'p', 'm', 'f')
             and (n.nspname || '.' || found.relname = wanted.name or found.relname = wanted.name and pg_catalog.pg_table_is_visible(found.oid)))) as rows
     from unnest($1::text[]) as wanted (name)`,
    [tables],
  )
  return new Map(rows.map(({ name, rows: count }) => [name, count === null ? null : Math.round(Number(count))]))
}
