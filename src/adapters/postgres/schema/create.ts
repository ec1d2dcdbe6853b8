import type { CreateStmt, IndexStmt, Node, RangeVar, SelectStmt, ViewStmt } from 'libpg-query'
import { partsOf } from '../grammar/names.ts'
import { walk } from '../grammar/walk.ts'
import { addColumn, addKey, columnsIn } from './columns.ts'
import type { Column, Relation } from './model.ts'
import { nameOfRelation, type Simulation } from './simulation.ts'

/** Makes a relation of that name, unless there is one; undefined when there is, or when nobody knows where it goes. */
export function makeRelation(
  on: Simulation,
  name: RangeVar | undefined,
  kind: Relation['kind'],
  ifNotExists = false,
): (Relation & { readonly id: string }) | undefined {
  const schema = on.target(name?.schemaname, name?.relpersistence === 't')
  if (schema === undefined) return undefined
  const known = on.relation({ ...name, schemaname: schema })
  if (known !== undefined && known.unsure === true) return undefined
  if (known !== undefined) {
    on.remark(
      ifNotExists
        ? `leaves ${known.kind} ${nameOfRelation(known)} as it is, because it exists already`
        : `makes ${kind} ${nameOfRelation(known)}, which exists already`,
    )
    return undefined
  }
  const relation = {
    id: on.newId(),
    schema,
    name: name?.relname ?? '',
    kind,
    columns: new Map<string, Column>(),
    keys: new Map(),
    policies: new Map(),
    triggers: new Set<string>(),
    rowSecurity: false,
    forced: false,
    populated: true,
    uses: [],
    // A name that is tried for only may have been there, when nobody could read what was done before.
    ...(ifNotExists && on.blind ? { unsure: true } : {}),
  } satisfies Relation & { readonly id: string }
  on.state.relations.set(relation.id, relation)
  on.touched.add(relation.id)
  return relation
}

export function createTable(on: Simulation, stmt: CreateStmt, kind: 'table' | 'foreign table' = 'table'): void {
  const { relation: name, tableElts = [], inhRelations = [], constraints = [], partbound } = stmt
  const table = makeRelation(on, name, kind, stmt.if_not_exists)
  if (table === undefined) return
  for (const parent of inhRelations) {
    const from = 'RangeVar' in parent ? on.relation(parent.RangeVar) : undefined
    copyColumns(from, table)
    if (partbound !== undefined && from !== undefined) Object.assign(table, { partitionOf: from.id })
  }
  const type = stmt.ofTypename === undefined ? undefined : on.type(partsOf(stmt.ofTypename.names ?? []))
  if (type !== undefined) Object.assign(table, { uses: [type.id] })
  for (const element of tableElts) {
    if ('TableLikeClause' in element) copyColumns(on.relation(element.TableLikeClause.relation), table)
    if ('ColumnDef' in element) addColumn(on, table, element.ColumnDef)
  }
  for (const one of [...tableElts, ...constraints]) if ('Constraint' in one) addKey(on, table, one.Constraint)
}

function copyColumns(from: Relation | undefined, to: Relation): void {
  for (const [name, { number: _, ...column }] of from?.columns ?? []) to.columns?.set(name, column)
}

/** `create table as`, `select into`, a materialized view. */
export function createFromQuery(
  on: Simulation,
  {
    into,
    query,
    kind,
    ifNotExists,
  }: {
    readonly into: { readonly rel?: RangeVar; readonly colNames?: Node[]; readonly skipData?: boolean } | undefined
    readonly query: Node | undefined
    readonly kind: Relation['kind']
    readonly ifNotExists?: boolean
  },
): void {
  const columns = columnsOf(on, query, partsOf(into?.colNames ?? []))
  const relation = makeRelation(on, into?.rel, kind, ifNotExists)
  if (relation === undefined) return
  // How the server names what a query gives is known for plain columns, and a guess for others.
  for (const column of columns?.values() ?? []) column.unsure = true
  Object.assign(relation, {
    columns,
    populated: into?.skipData !== true,
    uses: kind === 'table' ? [] : usesOf(on, query),
  })
}

export function createView(on: Simulation, { view, query, replace, aliases = [] }: ViewStmt): void {
  const columns = columnsOf(on, query, partsOf(aliases))
  const known = on.relation({ ...view, schemaname: on.target(view?.schemaname, view?.relpersistence === 't') ?? '' })
  if (replace === true && known !== undefined && known.kind === 'view') {
    // The server lets nobody take a column away like this.
    for (const [name, column] of columns ?? []) if (known.columns?.has(name) !== true) known.columns?.set(name, column)
    return
  }
  const made = makeRelation(on, view, 'view')
  if (made === undefined) return
  Object.assign(made, { columns, uses: usesOf(on, query) })
  if (replace === true && on.blind) made.unsure = true
}

function usesOf(on: Simulation, query: Node | undefined): readonly string[] {
  const used = new Set<string>()
  walk({ query: [query] }, ({ kind, node }) => {
    const id = kind === 'RangeVar' ? on.relation(node)?.id : undefined
    if (id !== undefined) used.add(id)
  })
  return [...used]
}

/** The columns of a query by their names; undefined when they cannot be told. */
function columnsOf(
  on: Simulation,
  query: Node | undefined,
  aliases: readonly string[],
): Map<string, Column> | undefined {
  const names = query !== undefined && 'SelectStmt' in query ? namesOf(on, query.SelectStmt) : undefined
  if (names === undefined) return undefined
  return new Map(names.map((name, index) => [aliases[index] ?? name, { type: '', notNull: false }]))
}

function namesOf(on: Simulation, select: SelectStmt): readonly string[] | undefined {
  if (select.larg !== undefined) return namesOf(on, select.larg)
  const names = (select.targetList ?? []).map((one): readonly string[] | undefined => {
    if (!('ResTarget' in one)) return undefined
    const { name, val } = one.ResTarget
    return name === undefined ? nameOfValue(on, val, select) : [name]
  })
  return names.includes(undefined) || names.length === 0 ? undefined : names.flatMap((one) => one ?? [])
}

function nameOfValue(on: Simulation, value: Node | undefined, select: SelectStmt): readonly string[] | undefined {
  if (value === undefined) return undefined
  if ('FuncCall' in value) return partsOf(value.FuncCall.funcname ?? []).slice(-1)
  if ('TypeCast' in value && value.TypeCast.arg !== undefined && 'ColumnRef' in value.TypeCast.arg)
    return nameOfValue(on, value.TypeCast.arg, select)
  if ('A_Const' in value || 'A_Expr' in value) return ['?column?']
  if ('CoalesceExpr' in value) return ['coalesce']
  if (!('ColumnRef' in value)) return undefined
  const { fields = [] } = value.ColumnRef
  const last = fields.at(-1)
  if (last === undefined || !('A_Star' in last)) return partsOf(fields).slice(-1)
  const [only, more] = select.fromClause ?? []
  const from = only !== undefined && more === undefined && 'RangeVar' in only ? on.relation(only.RangeVar) : undefined
  return select.withClause !== undefined || from?.columns === undefined ? undefined : [...from.columns.keys()]
}

export function createIndex(on: Simulation, stmt: IndexStmt): void {
  const table = on.relation(stmt.relation)
  if (table === undefined) return
  const columns = (stmt.indexParams ?? []).flatMap((one) =>
    'IndexElem' in one ? (one.IndexElem.name === undefined ? columnsIn(one.IndexElem.expr) : [one.IndexElem.name]) : [],
  )
  const name = stmt.idxname ?? [table.name, ...columns, 'idx'].join('_')
  const made = makeRelation(on, { relname: name, schemaname: table.schema }, 'index', stmt.if_not_exists)
  if (made === undefined || stmt.unique !== true) return
  table.keys.set(name, { kind: 'unique', columns, passesEmpty: stmt.nulls_not_distinct !== true })
}
