import type { AlterObjectSchemaStmt, CreateFunctionStmt, DropStmt, Node, ObjectWithArgs, RenameStmt } from 'libpg-query'
import { joined, nameOf, objectName, partsOf } from '../grammar/names.ts'
import { cascadeFrom, relationKey, removeRelation, removeRoutine, removeSchema, removeType } from './cascade.ts'
import { shown } from './keys.ts'
import { temporary, type Relation, type Routine } from './model.ts'
import { columnKey, nameOfRelation, routineKey, type Simulation, typeOf } from './simulation.ts'

const relationKinds: Readonly<Record<string, string>> = {
  OBJECT_TABLE: 'table',
  OBJECT_FOREIGN_TABLE: 'foreign table',
  OBJECT_VIEW: 'view',
  OBJECT_MATVIEW: 'materialized view',
  OBJECT_SEQUENCE: 'sequence',
  OBJECT_INDEX: 'index',
}
/** One name as the record has it: odd ones in quotes, so that a line stays one. */
const plain = (name: string): string => shown([name])

const routineKinds = new Set(['OBJECT_FUNCTION', 'OBJECT_PROCEDURE', 'OBJECT_ROUTINE', 'OBJECT_AGGREGATE'])
const typeKinds = new Set(['OBJECT_TYPE', 'OBJECT_DOMAIN'])

export function drop(on: Simulation, stmt: DropStmt): void {
  const { removeType: kind = '', objects = [], behavior, missing_ok: ifExists } = stmt
  const cascade = behavior === 'DROP_CASCADE'
  for (const object of objects) {
    const parts = partsIn(object)
    const relation = relationKinds[kind]
    if (relation !== undefined) dropRelation(on, relation, parts, cascade, ifExists === true)
    else if (routineKinds.has(kind))
      for (const { id } of matching(on, object)) removeRoutine(on, id, undefined, cascade)
    else if (typeKinds.has(kind)) {
      const type = on.type(parts)
      if (type !== undefined) removeType(on, type.id, `drops type ${shown([type.schema, type.name])}`, cascade)
    } else if (kind === 'OBJECT_SCHEMA') {
      const [schema = ''] = parts
      if (on.state.schemas.has(schema)) removeSchema(on, schema)
    } else dropPart(on, kind, parts, cascade)
  }
}

function dropRelation(
  on: Simulation,
  kind: string,
  parts: readonly string[],
  cascade: boolean,
  ifExists: boolean,
): void {
  const found = on.relationNamed(parts)
  if (found === undefined) {
    if (!ifExists) on.remark(`drops ${kind} ${joined(parts)}, which does not exist`)
    return
  }
  // A file that drops a table as a view fails; so nothing is lost by it.
  if (kind !== found.kind) return
  if (found.kind === 'index')
    for (const one of on.state.relations.values()) if (one.schema === found.schema) one.keys.delete(found.name)
  const what = found.partitionOf === undefined ? kind : 'partition'
  const words = `drops ${what} ${nameOfRelation(found)}`
  removeRelation(on, found.id, words, cascade)
}

/** What belongs to a table, and an extension with everything in it. */
function dropPart(on: Simulation, kind: string, parts: readonly string[], cascade: boolean): void {
  const table = on.relationNamed(parts.slice(0, -1))
  const part = parts.at(-1) ?? ''
  if (kind === 'OBJECT_POLICY') table?.policies.delete(part)
  if (kind === 'OBJECT_TRIGGER') table?.triggers.delete(part)
  if (kind === 'OBJECT_RULE' && table !== undefined)
    on.doubt(`table ${nameOfRelation(table)}`, `drops rule ${part} of ${nameOfRelation(table)}`, table.id)
  if (kind === 'OBJECT_EXTENSION' && on.state.extensions.delete(part)) {
    on.doubt(`extension ${part}`, `drops extension ${part}`)
    // What it brought goes with it in any case, and what hangs on that with `cascade`.
    cascadeFrom(on, `extension ${part}`, `extension ${part}`, true)
  }
  const odd = [
    'OBJECT_CAST',
    'OBJECT_OPERATOR',
    'OBJECT_EVENT_TRIGGER',
    'OBJECT_FOREIGN_SERVER',
    'OBJECT_FDW',
    'OBJECT_COLLATION',
  ]
  if (odd.includes(kind))
    on.doubt(`other ${part}`, `drops ${kind.replace('OBJECT_', '').toLowerCase().replaceAll('_', ' ')} ${part}`)
  if (odd.includes(kind) && cascade) on.blind = true
}

function partsIn(object: Node): readonly string[] {
  if ('List' in object) return partsOf(object.List.items ?? [])
  if ('TypeName' in object) return partsOf(object.TypeName.names ?? [])
  if ('ObjectWithArgs' in object) return partsOf(object.ObjectWithArgs.objname ?? [])
  return partsOf([object])
}

/** The functions that are meant: without arguments all of the name, which may be one only. */
function matching(on: Simulation, object: Node): readonly (Routine & { readonly id: string })[] {
  const named: ObjectWithArgs = 'ObjectWithArgs' in object ? object.ObjectWithArgs : {}
  const all = on.routines(partsOf(named.objname ?? []))
  if (named.args_unspecified === true) return all.slice(0, 1)
  const args = (named.objargs ?? []).flatMap((arg) => ('TypeName' in arg ? [typeOf(arg.TypeName)] : []))
  return all.filter((one) => one.args.join() === args.map((arg) => arg.replace(/\(.*/, '')).join()).slice(0, 1)
}

export function createRoutine(on: Simulation, stmt: CreateFunctionStmt): void {
  const parts = partsOf(stmt.funcname ?? [])
  const schema = on.target(parts.at(-2))
  if (schema === undefined) return
  const parameters = (stmt.parameters ?? []).flatMap((one) =>
    'FunctionParameter' in one ? [one.FunctionParameter] : [],
  )
  const inward = parameters.filter(
    ({ mode }) => mode !== 'FUNC_PARAM_TABLE' && (mode !== 'FUNC_PARAM_OUT' || stmt.is_procedure === true),
  )
  const args = inward.map(({ argType }) => (argType === undefined ? '' : typeOf(argType).replace(/\(.*/, '')))
  const defaults = inward.filter(({ defexpr }) => defexpr !== undefined).length
  const made = {
    schema,
    name: parts.at(-1) ?? '',
    args,
    result: JSON.stringify(stmt.returnType?.names ?? ''),
    defaults,
  }
  const others = on.routines([schema, made.name])
  if (others.some((one) => one.args.join() === args.join())) {
    if (stmt.replace !== true) on.remark(`makes ${routineKey(made)}, which exists already`)
    return
  }
  on.state.routines.set(on.newId(), made)
}

export function rename(on: Simulation, stmt: RenameStmt): void {
  const { renameType = '', subname = '', newname = '', object } = stmt
  const relation = on.relation(stmt.relation)
  if (renameType === 'OBJECT_COLUMN' && relation !== undefined) renameColumn(on, relation, subname, newname)
  else if (relationKinds[renameType] !== undefined && relation !== undefined) {
    on.words.set(relationKey(relation), `renames ${relation.kind} ${nameOfRelation(relation)} to ${plain(newname)}`)
    if (relation.kind === 'index') renameKey(on, relation, newname)
    relation.name = newname
  } else if (routineKinds.has(renameType) && object !== undefined)
    for (const { id, ...one } of matching(on, object)) {
      on.words.set(routineKey(one), `renames ${routineKey(one)} to ${plain(newname)}`)
      Object.assign(on.state.routines.get(id) ?? {}, { name: newname })
    }
  else if (typeKinds.has(renameType) && object !== undefined) renameType_(on, object, newname)
  else if (renameType === 'OBJECT_SCHEMA') renameSchema(on, subname, newname)
  else if (renameType === 'OBJECT_ATTRIBUTE' && stmt.relation !== undefined)
    on.doubt(`type ${nameOf(stmt.relation)}`, `renames attribute ${subname} of type ${nameOf(stmt.relation)}`)
  else renamePart(relation, renameType, subname, newname)
}

function renameColumn(on: Simulation, relation: Relation & { readonly id: string }, was: string, is: string): void {
  const column = relation.columns?.get(was)
  if (column === undefined) return
  relation.columns?.delete(was)
  relation.columns?.set(is, column)
  on.words.set(columnKey(relation, was), `renames ${columnKey(relation, was)} to ${plain(is)}`)
  for (const [name, key] of relation.keys)
    if (key.columns.includes(was))
      relation.keys.set(name, { ...key, columns: key.columns.map((one) => (one === was ? is : one)) })
}

function renamePart(relation: Relation | undefined, kind: string, was: string, is: string): void {
  const key = relation?.keys.get(was)
  if (kind === 'OBJECT_TABCONSTRAINT' && key !== undefined && relation?.keys.delete(was) === true)
    relation.keys.set(is, key)
  const policy = relation?.policies.get(was)
  if (kind === 'OBJECT_POLICY' && policy !== undefined && relation?.policies.delete(was) === true)
    relation.policies.set(is, policy)
  if (kind === 'OBJECT_TRIGGER' && relation?.triggers.delete(was) === true) relation.triggers.add(is)
}

function renameKey(on: Simulation, { schema, name }: Relation, is: string): void {
  for (const one of on.state.relations.values())
    if (one.schema === schema) renamePart(one, 'OBJECT_TABCONSTRAINT', name, is)
}

function renameType_(on: Simulation, object: Node, newname: string): void {
  const type = on.type(partsIn(object))
  if (type === undefined) return
  const was = shown([type.schema, type.name])
  on.words.set(`type ${was}`, `renames type ${was} to ${plain(newname)}`)
  // The columns of the type are the same as before, under its new name.
  for (const { columns } of on.state.relations.values())
    for (const column of columns?.values() ?? []) {
      if (column.type === type.name) column.type = newname
      if (column.type === `_${type.name}`) column.type = `_${newname}`
    }
  type.name = newname
}

function renameSchema(on: Simulation, was: string, is: string): void {
  if (!on.state.schemas.delete(was)) return
  on.state.schemas.add(is)
  on.words.set(`schema ${shown([was])}`, `renames schema ${plain(was)} to ${plain(is)}`)
  for (const one of on.state.relations.values())
    if (one.schema === was) {
      on.words.set(relationKey(one), `renames schema ${plain(was)} to ${plain(is)}`)
      one.schema = is
    }
  for (const one of [...on.state.routines.values(), ...on.state.types.values()]) if (one.schema === was) one.schema = is
}

export function move(on: Simulation, stmt: AlterObjectSchemaStmt): void {
  const { objectType = '', newschema = '', object } = stmt
  const relation = relationKinds[objectType] === undefined ? undefined : on.relation(stmt.relation)
  if (relation !== undefined && relation.schema !== temporary) {
    on.words.set(
      relationKey(relation),
      `moves ${relation.kind} ${nameOfRelation(relation)} to schema ${plain(newschema)}`,
    )
    relation.schema = newschema
  }
  if (object === undefined) return
  if (routineKinds.has(objectType))
    for (const { id, ...one } of matching(on, object)) {
      on.words.set(routineKey(one), `moves ${routineKey(one)} to schema ${plain(newschema)}`)
      Object.assign(on.state.routines.get(id) ?? {}, { schema: newschema })
    }
  const type = typeKinds.has(objectType) ? on.type(partsIn(object)) : undefined
  if (type !== undefined) {
    const was = shown([type.schema, type.name])
    on.words.set(`type ${was}`, `moves type ${was} to schema ${plain(newschema)}`)
    type.schema = newschema
  }
  if (objectType === 'OBJECT_EXTENSION')
    on.doubt(`extension ${objectName(object)}`, `moves extension ${objectName(object)} to schema ${plain(newschema)}`)
}
