import { type Node, parse } from 'libpg-query'
import type { Session } from '../connection/session.ts'
import { lookUp, type Used, viewDefinitions } from './catalog.ts'
import { partsOf } from './names.ts'
import { partKinds } from './node-kinds.ts'
import { walk } from './walk.ts'

/** What a query uses by name. */
interface Names {
  readonly used: readonly Used[]
  readonly relations: readonly (readonly string[])[]
}

/** The most views in views that are looked into. */
const mostViews = 300

/** Tells why a query is more than reading, by its grammar alone; undefined when it only reads, as far as its text says. */
export async function whyNotReading(sql: string): Promise<string | undefined> {
  const read = await namesOf(sql)
  return typeof read === 'string' ? read : undefined
}

/**
 * Tells why a query may change something: its text, and every function, operator, cast and view that it uses by name, looked up in the
 * catalog. Undefined when nothing is found.
 */
export async function whyMayWrite(session: Session, sql: string): Promise<string | undefined> {
  const read = await namesOf(sql)
  if (typeof read === 'string') return read
  const seen = new Set<string>()
  const waiting = [{ where: '', names: read }]
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
    const { where, names } = next
    const found = await lookUp(session, names.used)
    const bad = names.used.find((_, index) => found[index]?.volatile === true)
    if (bad !== undefined) return `${words(bad)}${where} may change something: it is volatile`
    for (const { name, sql: definition } of await viewDefinitions(session, names.relations)) {
      if (seen.has(name)) continue
      seen.add(name)
      const inside = await namesOf(definition)
      if (typeof inside === 'string') return `view ${name} ${inside}`
      if (seen.size > mostViews) return `looks at more than ${mostViews} views`
      waiting.push({ where: `, in view ${name},`, names: inside })
    }
  }
  return undefined
}

function words({ how, name }: Used): string {
  const full = name.join('.')
  if (how === 'operator') return `operator ${full}`
  return how === 'type' ? `a cast to ${full}` : `${full}()`
}

/** Gives the names that a single reading statement uses, or what is wrong with it. */
async function namesOf(sql: string): Promise<Names | string> {
  if (sql.trim() === '') return 'is empty'
  const tree = await parse(sql).catch((error: unknown) => (error instanceof Error ? error : new Error(String(error))))
  if (tree instanceof Error) return `cannot be read: ${tree.message}`
  const [only, ...more] = tree.stmts ?? []
  if (only?.stmt === undefined) return 'is empty'
  if (more.length > 0) return 'holds more than one statement'
  if (!('SelectStmt' in only.stmt)) return "isn't a SELECT"
  return namesIn(only.stmt)
}

function namesIn(stmt: Node): Names | string {
  const used = new Map<string, Used>()
  const relations = new Map<string, readonly string[]>()
  let problem: string | undefined
  const use = (how: Used['how'], nodes: unknown): void => {
    const name = partsOf((nodes ?? []) as readonly Node[])
    if (name.length > 0) used.set(JSON.stringify([how, name]), { how, name })
  }
  walk(stmt, ({ kind, node }) => {
    if (kind !== 'SelectStmt' && !partKinds.has(kind)) problem ??= refusal(kind)
    if (kind === 'IntoClause') problem ??= 'makes a table (SELECT INTO)'
    if (kind === 'SelectStmt' && 'intoClause' in node) problem ??= 'makes a table (SELECT INTO)'
    if (kind === 'LockingClause') problem ??= 'locks the rows that it reads (FOR UPDATE or the like)'
    if (kind === 'FuncCall' && 'funcname' in node) use('call', node.funcname)
    if (kind === 'A_Expr' && 'name' in node) use('operator', node.name)
    if (kind === 'SubLink' && 'operName' in node) use('operator', node.operName)
    if (kind === 'SortBy' && 'useOp' in node) use('operator', node.useOp)
    if (kind === 'TypeName' && 'names' in node) use('type', node.names)
    if (kind === 'RangeTableSample' && 'method' in node) use('call', node.method)
    if (kind === 'ColumnRef' && 'fields' in node) attribute(node.fields, 2, used)
    if (kind === 'A_Indirection' && 'indirection' in node) attribute(node.indirection, 1, used)
    if (kind === 'RangeVar') relation(node, relations)
  })
  return problem ?? { used: [...used.values()], relations: [...relations.values()] }
}

function refusal(kind: string): string {
  if (['InsertStmt', 'UpdateStmt', 'DeleteStmt', 'MergeStmt'].includes(kind)) return 'changes rows'
  return `holds ${kind}, which is not known to read only`
}

/** `row.name` calls the function `name(row)` where the row has no such column. */
function attribute(fields: unknown, least: number, used: Map<string, Used>): void {
  const names = partsOf(fields as readonly Node[])
  const last = names.at(-1)
  if (last !== undefined && names.length >= least) used.set(`attribute ${last}`, { how: 'attribute', name: [last] })
}

function relation(node: object, relations: Map<string, readonly string[]>): void {
  const { schemaname, relname }: { readonly schemaname?: string; readonly relname?: string } = node
  const name = [schemaname, relname].filter((part) => part !== undefined)
  relations.set(JSON.stringify(name), name)
}
