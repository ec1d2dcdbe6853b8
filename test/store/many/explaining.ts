import type { Pool, PoolClient, QueryResult } from 'pg'

interface PlanNode {
  readonly 'Node Type': string
  readonly 'Relation Name'?: string
  readonly Plans?: readonly PlanNode[]
}

/** The tables that get rows with every run. */
const growing = new Set([
  'runs',
  'phases',
  'steps',
  'effects',
  'approvals',
  'backups',
  'posts',
  'watches',
  'samples',
  'log_groups',
  'log_pods',
  'audit_events',
  'releases',
  'schema_changes',
  'requests',
])

export interface Explained {
  /** Statements in the order in which they came, each once. */
  readonly statements: Set<string>
  /** Those that read a growing table from its first row to its last, and which table. */
  readonly readWhole: Map<string, string>
  /** How many statements were sent. */
  sent: number
}

/** A pool whose every statement is explained with its own values before it runs. */
export function explaining(pool: Pool): { readonly pool: Pool; readonly explained: Explained } {
  const explained: Explained = { statements: new Set(), readWhole: new Map(), sent: 0 }
  const explain = async (target: Pool | PoolClient, text: string, values: unknown[]) => {
    explained.sent += 1
    if (!/^\s*(select|insert|update|delete|with)\b/i.test(text)) return
    explained.statements.add(text)
    const { rows } = await target.query<{ 'QUERY PLAN': readonly { readonly Plan: PlanNode }[] }>(
      `explain (format json) ${text}`,
      values,
    )
    for (const { Plan } of rows[0]?.['QUERY PLAN'] ?? []) {
      const table = tableReadWhole(Plan)
      if (table !== undefined) explained.readWhole.set(text, table)
    }
  }
  const through = <T extends Pool | PoolClient>(target: T): T =>
    new Proxy(target, {
      get(of, name) {
        if (name === 'query')
          return async (text: string, values: unknown[] = []): Promise<QueryResult> => {
            await explain(of, text, values)
            return of.query(text, values)
          }
        if (name === 'connect') return async () => through(await (of as Pool).connect())
        const value: unknown = Reflect.get(of, name)
        return typeof value === 'function' ? (value.bind(of) as unknown) : value
      },
    })
  return { pool: through(pool), explained }
}

function tableReadWhole(node: PlanNode): string | undefined {
  const table = node['Relation Name']
  if (node['Node Type'] === 'Seq Scan' && table !== undefined && growing.has(table)) return table
  for (const below of node.Plans ?? []) {
    const found = tableReadWhole(below)
    if (found !== undefined) return found
  }
  return undefined
}
