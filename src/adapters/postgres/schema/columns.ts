import type { ColumnDef, Constraint, Node } from 'libpg-query'
import { partsOf } from '../grammar/names.ts'
import { someNode, walk } from '../grammar/walk.ts'
import type { Column, Key, Relation } from './model.ts'
import { columnKey, isSerial, type Simulation, typeOf } from './simulation.ts'

/** Adds a column as its definition has it, with the constraints that stand there. */
export function addColumn(on: Simulation, relation: Relation & { readonly id: string }, def: ColumnDef): void {
  const { colname = '', typeName, constraints = [] } = def
  const serial = typeName !== undefined && isSerial(typeName)
  const column: Column = {
    type: typeName === undefined ? '' : typeOf(typeName),
    notNull: serial || domainOf(on, def)?.notNull === true,
    ...(serial || domainOf(on, def)?.hasDefault === true ? { fill: 'default' as const } : {}),
  }
  relation.columns?.set(colname, column)
  if (serial)
    on.doubt(
      columnKey(relation, colname),
      `fills ${columnKey(relation, colname)} from a new sequence, which needs rights`,
      relation.id,
    )
  for (const one of constraints) {
    if (!('Constraint' in one)) continue
    const { contype, generated_when: when, raw_expr: expression } = one.Constraint
    if (contype === 'CONSTR_NOTNULL' || contype === 'CONSTR_PRIMARY') column.notNull = true
    if (contype === 'CONSTR_DEFAULT') setDefault(column, expression)
    if (contype === 'CONSTR_IDENTITY')
      Object.assign(column, { fill: when === 'a' ? 'always' : 'identity', notNull: true })
    if (contype === 'CONSTR_GENERATED') column.fill = 'computed'
    addKey(on, relation, one.Constraint, [colname])
  }
}

export function setDefault(column: Column, expression: Node | undefined): void {
  const isNull = expression === undefined || ('A_Const' in expression && expression.A_Const.isnull === true)
  if (isNull) delete column.fill
  else column.fill = 'default'
}

function domainOf(on: Simulation, { typeName }: ColumnDef) {
  return typeName === undefined || (typeName.arrayBounds ?? []).length > 0
    ? undefined
    : on.type(partsOf(typeName.names ?? []))
}

const keyKinds: Readonly<Partial<Record<string, Key['kind']>>> = {
  CONSTR_UNIQUE: 'unique',
  CONSTR_PRIMARY: 'primary',
  CONSTR_EXCLUSION: 'exclusion',
  CONSTR_CHECK: 'check',
  CONSTR_FOREIGN: 'foreign',
}

/** Adds a constraint; others than those of the table above are about no rows. */
export function addKey(
  on: Simulation,
  relation: Relation & { readonly id: string },
  constraint: Constraint,
  ofColumn: readonly string[] = [],
): void {
  const kind = keyKinds[constraint.contype ?? '']
  if (kind === undefined) {
    if (constraint.contype === 'CONSTR_NOTNULL')
      for (const name of partsOf(constraint.keys ?? [])) setNotNull(relation, name)
    return
  }
  const expression = constraint.raw_expr
  const named = columnsNamed(constraint)
  const columns = named.length > 0 ? named : ofColumn
  if (kind === 'primary') for (const name of columns) setNotNull(relation, name)
  const index = constraint.indexname
  const name = constraint.conname ?? index ?? defaultName(relation, kind, columns)
  // A unique index that becomes the constraint's forbids nothing new.
  const taken = index === undefined ? undefined : relation.keys.get(index)
  if (index !== undefined) relation.keys.delete(index)
  const key: Key = taken ?? {
    kind,
    columns,
    passesEmpty:
      kind === 'check' ? passesNull(expression) : kind !== 'primary' && constraint.nulls_not_distinct !== true,
  }
  relation.keys.set(name, index === undefined ? key : { ...key, kind })
  const action = constraint.fk_del_action
  if (kind !== 'foreign' || (action !== undefined && action !== 'a' && action !== 'r')) return
  const referenced = on.relation(constraint.pktable)
  if (referenced !== undefined && referenced.id !== relation.id)
    on.doubt(
      `table ${nameIn(referenced)}`,
      `keeps rows of ${nameIn(referenced)} from being deleted while ${nameIn(relation)} refers to them`,
      referenced.id,
    )
}

function nameIn({ schema, name }: Relation): string {
  return schema === 'public' ? name : `${schema}.${name}`
}

export function setNotNull(relation: Relation, name: string): void {
  const column = relation.columns?.get(name)
  if (column !== undefined) column.notNull = true
}

function columnsNamed({
  keys = [],
  fk_attrs = [],
  exclusions = [],
  raw_expr: expression,
}: Constraint): readonly string[] {
  const excluded = exclusions.flatMap((one) => {
    const [element] = 'List' in one ? (one.List.items ?? []) : []
    return element !== undefined && 'IndexElem' in element ? [element.IndexElem.name ?? ''] : []
  })
  return [...partsOf(keys), ...partsOf(fk_attrs), ...excluded, ...columnsIn(expression)]
}

export function columnsIn(expression: Node | undefined): readonly string[] {
  const found = new Set<string>()
  if (expression !== undefined)
    walk({ expression: [expression] }, ({ kind, node }) => {
      const last = kind === 'ColumnRef' && 'fields' in node ? partsOf(node.fields as readonly Node[]).at(-1) : undefined
      if (last !== undefined) found.add(last)
    })
  return [...found]
}

/** A comparison with null is neither true nor false, and a check lets it pass; a function may say otherwise. */
function passesNull(expression: Node | undefined): boolean {
  const knowing = new Set([
    'NullTest',
    'BooleanTest',
    'FuncCall',
    'CoalesceExpr',
    'CaseExpr',
    'SubLink',
    'MinMaxExpr',
    'A_Indirection',
  ])
  return (
    expression !== undefined &&
    !someNode({ List: { items: [expression] } }, (kind) => knowing.has(kind)) &&
    !hasDistinct(expression)
  )
}

function hasDistinct(expression: Node): boolean {
  return (
    JSON.stringify(expression).includes('AEXPR_DISTINCT') || JSON.stringify(expression).includes('AEXPR_NOT_DISTINCT')
  )
}

/** The names that the server gives. */
function defaultName({ name }: Relation, kind: Key['kind'], columns: readonly string[]): string {
  const suffix = { unique: 'key', primary: 'pkey', exclusion: 'excl', check: 'check', foreign: 'fkey' }[kind]
  return kind === 'primary'
    ? `${name}_pkey`
    : [name, ...(kind === 'check' ? columns.slice(0, 1) : columns), suffix].join('_')
}
