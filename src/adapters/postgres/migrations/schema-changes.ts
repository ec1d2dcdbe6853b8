import { type AlterTableCmd, type ColumnDef, type Node, parse } from 'libpg-query'
import { dotted, nameOf, objectName } from '../grammar/names.ts'
import type { SchemaChanges, TakenObject } from '../port.ts'

/**
 * Reads, by PostgreSQL's own grammar, what a migration takes away from releases that do not know it, and what it
 * brings. What a function or a `do` block does stays unseen; a text that cannot be parsed gives nothing (the linter
 * names it).
 */
export async function schemaChangesOf(sql: string): Promise<SchemaChanges> {
  const needs = /^\s*--\s*purser:\s*needs\s+(\S+)/im.exec(sql)?.[1]
  const statements = await parse(sql).then(
    (tree) => tree.stmts ?? [],
    () => [],
  )
  const nodes = statements.flatMap(({ stmt }) => (stmt === undefined ? [] : [stmt]))
  const found = nodes.flatMap(changesOf)
  const temporary = new Set(nodes.flatMap(temporaryTable))
  return {
    takes: [...found.flatMap((one) => one.takes ?? []), ...filledThenRequired(nodes)].filter(
      ({ object }) => !temporary.has(object),
    ),
    makes: found.flatMap((one) => one.makes ?? []),
    ...(needs === undefined ? {} : { needs }),
  }
}

interface Found {
  readonly takes?: readonly TakenObject[]
  readonly makes?: readonly string[]
}

function changesOf(stmt: Node): readonly Found[] {
  if (isTemporary(stmt)) return []
  if ('CreateStmt' in stmt) {
    const table = nameOf(stmt.CreateStmt.relation)
    const columns = (stmt.CreateStmt.tableElts ?? []).flatMap((elt) =>
      'ColumnDef' in elt ? [elt.ColumnDef.colname] : [],
    )
    return [{ makes: [`table ${table}`, ...columns.map((column) => `column ${table}.${column ?? ''}`)] }]
  }
  if ('CreateTableAsStmt' in stmt) return [{ makes: [`table ${nameOf(stmt.CreateTableAsStmt.into?.rel)}`] }]
  if ('ViewStmt' in stmt) return [{ makes: [`table ${nameOf(stmt.ViewStmt.view)}`] }]
  if ('CreateFunctionStmt' in stmt) return [{ makes: [`function ${dotted(stmt.CreateFunctionStmt.funcname ?? [])}`] }]
  if ('CreatePolicyStmt' in stmt)
    return [{ makes: [`policy ${nameOf(stmt.CreatePolicyStmt.table)}.${stmt.CreatePolicyStmt.policy_name ?? ''}`] }]
  if ('DropStmt' in stmt) return dropped(stmt.DropStmt.removeType ?? '', stmt.DropStmt.objects ?? [])
  if ('RenameStmt' in stmt) return renamed(stmt.RenameStmt)
  if ('AlterObjectSchemaStmt' in stmt) return moved(stmt.AlterObjectSchemaStmt)
  if ('AlterEnumStmt' in stmt && stmt.AlterEnumStmt.oldVal !== undefined) {
    const type = dotted(stmt.AlterEnumStmt.typeName ?? [])
    const { oldVal: value } = stmt.AlterEnumStmt
    return [{ takes: [{ object: `value ${type}.${value}`, what: `renames value ${value} of type ${type}` }] }]
  }
  if (!('AlterTableStmt' in stmt) || stmt.AlterTableStmt.objtype === 'OBJECT_INDEX') return []
  const table = nameOf(stmt.AlterTableStmt.relation)
  return (stmt.AlterTableStmt.cmds ?? []).flatMap((cmd) =>
    'AlterTableCmd' in cmd ? altered(table, cmd.AlterTableCmd) : [],
  )
}

/** A temporary table is nobody else's, and neither is it missed. */
function temporaryTable(stmt: Node): readonly string[] {
  if (!isTemporary(stmt)) return []
  const relation = 'CreateStmt' in stmt ? stmt.CreateStmt.relation : undefined
  const made = 'CreateTableAsStmt' in stmt ? stmt.CreateTableAsStmt.into?.rel : relation
  return [`table ${nameOf(made)}`]
}

/**
 * Finds columns that are added empty, filled, and then required: an insert by a release that does not know them fails. One that has a
 * default in the end fills itself.
 */
function filledThenRequired(nodes: readonly Node[]): readonly TakenObject[] {
  const added = new Map<string, { required: boolean; filled: boolean }>()
  for (const node of nodes) {
    if (!('AlterTableStmt' in node)) continue
    const table = nameOf(node.AlterTableStmt.relation)
    for (const cmd of node.AlterTableStmt.cmds ?? []) if ('AlterTableCmd' in cmd) note(table, cmd.AlterTableCmd, added)
  }
  return [...added].flatMap(([column, { required, filled }]) =>
    required && !filled ? [{ object: `empty ${column}`, what: `requires a value in the new column ${column}` }] : [],
  )
}

function note(
  table: string,
  { subtype, name = '', def }: AlterTableCmd,
  added: Map<string, { required: boolean; filled: boolean }>,
): void {
  if (subtype === 'AT_AddColumn' && def !== undefined && 'ColumnDef' in def) {
    const { colname = '', constraints = [], typeName } = def.ColumnDef
    const kinds = constraints.map((one) => ('Constraint' in one ? one.Constraint.contype : undefined))
    // One that is required from the beginning is told where it is added.
    if (kinds.includes('CONSTR_NOTNULL') || kinds.includes('CONSTR_PRIMARY')) return
    const filled = kinds.some((kind) => kind !== undefined && filling.has(kind)) || isSerial(typeName)
    added.set(`${table}.${colname}`, { required: false, filled })
    return
  }
  const known = added.get(`${table}.${name}`)
  if (known === undefined) return
  if (subtype === 'AT_SetNotNull') known.required = true
  if (subtype === 'AT_DropNotNull') known.required = false
  if (subtype === 'AT_ColumnDefault') known.filled = def !== undefined
  if (subtype === 'AT_AddIdentity') known.filled = true
}

function isTemporary(stmt: Node): boolean {
  const relation =
    'CreateStmt' in stmt
      ? stmt.CreateStmt.relation
      : 'CreateTableAsStmt' in stmt
        ? stmt.CreateTableAsStmt.into?.rel
        : undefined
  return relation?.relpersistence === 't'
}

function altered(table: string, { subtype, name = '', def }: AlterTableCmd): readonly Found[] {
  if (subtype === 'AT_DropColumn')
    return [{ takes: [{ object: `column ${table}.${name}`, what: `drops column ${table}.${name}` }] }]
  if (subtype !== 'AT_AddColumn' || def === undefined || !('ColumnDef' in def)) return []
  const column = `${table}.${def.ColumnDef.colname ?? ''}`
  const required: readonly TakenObject[] = fillsItself(def.ColumnDef)
    ? []
    : [{ object: `empty ${column}`, what: `requires a value in the new column ${column}` }]
  return [{ takes: required, makes: [`column ${column}`] }]
}

/** Tells whether an insert that does not name the column goes well. */
function fillsItself({ constraints = [], typeName }: ColumnDef): boolean {
  const kinds = constraints.map((constraint) =>
    'Constraint' in constraint ? constraint.Constraint.contype : undefined,
  )
  const required = kinds.includes('CONSTR_NOTNULL') || kinds.includes('CONSTR_PRIMARY')
  const filled = kinds.some((kind) => kind !== undefined && filling.has(kind))
  return !required || filled || isSerial(typeName)
}

const filling: ReadonlySet<string> = new Set(['CONSTR_DEFAULT', 'CONSTR_IDENTITY', 'CONSTR_GENERATED'])

function isSerial(typeName: ColumnDef['typeName']): boolean {
  return /^(small|big)?serial[248]?$/.test(dotted(typeName?.names ?? []))
}

/** Relations share one space of names, whatever they are. Indexes, triggers and the like are no release's business. */
const relations: Readonly<Record<string, string>> = {
  OBJECT_TABLE: 'table',
  OBJECT_FOREIGN_TABLE: 'table',
  OBJECT_VIEW: 'view',
  OBJECT_MATVIEW: 'materialized view',
}
const routines = new Set(['OBJECT_FUNCTION', 'OBJECT_PROCEDURE', 'OBJECT_ROUTINE'])

function dropped(kind: string, objects: readonly Node[]): readonly Found[] {
  return objects.flatMap((object): readonly Found[] => {
    const name = objectName(object)
    const relation = relations[kind]
    if (relation !== undefined) return [{ takes: [{ object: `table ${name}`, what: `drops ${relation} ${name}` }] }]
    if (routines.has(kind)) return [{ takes: [{ object: `function ${name}`, what: `drops function ${name}` }] }]
    if (kind === 'OBJECT_SCHEMA') return [{ takes: [{ object: `schema ${name}`, what: `drops schema ${name}` }] }]
    return []
  })
}

function renamed(stmt: Extract<Node, { RenameStmt: unknown }>['RenameStmt']): readonly Found[] {
  const { renameType = '', subname = '', newname = '' } = stmt
  const relation = relations[renameType]
  const was = nameOf(stmt.relation)
  if (renameType === 'OBJECT_COLUMN')
    return [
      {
        takes: [{ object: `column ${was}.${subname}`, what: `renames column ${was}.${subname} to ${newname}` }],
        makes: [`column ${was}.${newname}`],
      },
    ]
  if (relation !== undefined) {
    const is = nameOf({ ...stmt.relation, relname: newname })
    return [
      { takes: [{ object: `table ${was}`, what: `renames ${relation} ${was} to ${newname}` }], makes: [`table ${is}`] },
    ]
  }
  if (!routines.has(renameType) || stmt.object === undefined) return []
  const name = objectName(stmt.object)
  return [{ takes: [{ object: `function ${name}`, what: `renames function ${name} to ${newname}` }] }]
}

function moved(stmt: Extract<Node, { AlterObjectSchemaStmt: unknown }>['AlterObjectSchemaStmt']): readonly Found[] {
  const relation = relations[stmt.objectType ?? '']
  if (relation === undefined) return []
  const was = nameOf(stmt.relation)
  const is = nameOf({ ...stmt.relation, schemaname: stmt.newschema ?? '' })
  const what = `moves ${relation} ${was} to schema ${stmt.newschema ?? ''}`
  return [{ takes: [{ object: `table ${was}`, what }], makes: [`table ${is}`] }]
}
