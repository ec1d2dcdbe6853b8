import { columnKey, nameOfRelation, routineKey, type Simulation } from './simulation.ts'
import type { Dependent, Relation } from './model.ts'
import { shown } from './keys.ts'

/** Takes a relation away; with what hangs on it, if it goes with `cascade`. */
export function removeRelation(on: Simulation, id: string, words: string, cascade: boolean): void {
  const relation = on.state.relations.get(id)
  if (relation === undefined) return
  on.state.relations.delete(id)
  on.words.set(relationKey(relation), words)
  // The partitions of a table, its sequences and its indexes go with it in any case.
  const dependents = on.facts.dependents.get(id) ?? []
  for (const other of [...dependents.map((one) => one.id), ...on.touched]) {
    const one = on.state.relations.get(other)
    if (one?.partitionOf === id)
      removeRelation(on, other, `drops partition ${nameOfRelation(one)} with ${nameOfRelation(relation)}`, cascade)
  }
  for (const one of dependents) {
    const kind = on.state.relations.get(one.id)?.kind
    if (cascade || (one.kind === 'relation' && (kind === 'index' || kind === 'sequence')))
      removeDependent(on, one, nameOfRelation(relation))
  }
  for (const number of (relation.columns ?? new Map<string, { number?: number }>()).values())
    if (number.number !== undefined) cascadeFrom(on, `${id}/${number.number}`, nameOfRelation(relation), cascade)
  if (cascade) dropUsers(on, id, nameOfRelation(relation))
}

export function removeColumn(on: Simulation, id: string, name: string, words: string, cascade: boolean): void {
  const relation = on.state.relations.get(id)
  const column = relation?.columns?.get(name)
  if (relation === undefined || column === undefined) return
  relation.columns?.delete(name)
  on.words.set(columnKey(relation, name), words)
  for (const [key, { columns }] of relation.keys) if (columns.includes(name)) relation.keys.delete(key)
  if (column.number !== undefined)
    cascadeFrom(on, `${id}/${column.number}`, `column ${nameOfRelation(relation)}.${name}`, cascade)
  if (cascade) dropUsers(on, id, `column ${nameOfRelation(relation)}.${name}`)
}

/** What the catalog says to depend on it goes with it. */
export function cascadeFrom(on: Simulation, id: string, of: string, cascade: boolean): void {
  for (const one of on.facts.dependents.get(id) ?? []) {
    const owned = one.kind === 'relation' && on.state.relations.get(one.id)?.kind === 'sequence'
    if (cascade || owned) removeDependent(on, one, of)
  }
}

/** Views that the files themselves made of it: whether they use just that column is not known. */
function dropUsers(on: Simulation, id: string, of: string): void {
  for (const user of on.touched) {
    const one = on.state.relations.get(user)
    if (one?.uses.includes(id) !== true) continue
    if (on.state.relations.has(id)) one.unsure = true
    else removeRelation(on, user, `drops ${one.kind} ${nameOfRelation(one)} with ${of}`, true)
  }
}

function removeDependent(on: Simulation, { kind, id, part }: Dependent, of: string): void {
  const relation = on.state.relations.get(id)
  switch (kind) {
    case 'relation':
      // A sequence that belongs to a column is missed with it.
      if (relation?.kind === 'sequence') on.state.relations.delete(id)
      else if (relation !== undefined)
        removeRelation(on, id, `drops ${relation.kind} ${nameOfRelation(relation)} with ${of}`, true)
      return
    case 'column':
      removeColumn(
        on,
        id,
        part,
        `drops column ${relation === undefined ? part : shown([relation.schema, relation.name, part])} with ${of}`,
        true,
      )
      return
    case 'default': {
      const column = relation?.columns?.get(part)
      if (column?.fill === 'default') delete column.fill
      return
    }
    case 'key':
      relation?.keys.delete(part)
      return
    case 'policy':
      relation?.policies.delete(part)
      return
    case 'trigger':
      relation?.triggers.delete(part)
      return
    case 'routine':
      removeRoutine(on, id, of, true)
      return
    case 'type':
      removeType(on, id, `drops type ${typeName(on, id)} with ${of}`, true)
  }
}

export function removeRoutine(on: Simulation, id: string, with_: string | undefined, cascade: boolean): void {
  const routine = on.state.routines.get(id)
  if (routine === undefined) return
  on.state.routines.delete(id)
  const key = routineKey(routine)
  on.words.set(key, `drops ${key}${with_ === undefined ? '' : ` with ${with_}`}`)
  if (cascade) cascadeFrom(on, id, key, true)
}

export function removeType(on: Simulation, id: string, words: string, cascade: boolean): void {
  const type = on.state.types.get(id)
  if (type !== undefined) on.words.set(`type ${shown([type.schema, type.name])}`, words)
  on.state.types.delete(id)
  if (!cascade || on.gone.has(id)) return
  on.gone.add(id)
  // The type of a table's rows is none that people named, but functions may take it.
  cascadeFrom(on, id, type === undefined ? 'its table' : `type ${type.name}`, true)
  if (type === undefined) return
  for (const [table, relation] of on.state.relations) {
    if (relation.uses.includes(id))
      removeRelation(on, table, `drops ${relation.kind} ${nameOfRelation(relation)} with type ${type.name}`, true)
    for (const [name, column] of relation.columns ?? [])
      if (column.number === undefined && column.type.replace(/^_/, '') === type.name)
        removeColumn(on, table, name, `drops column ${name} with type ${type.name}`, true)
  }
}

/** Takes away a schema or an extension with everything in it. */
export function removeSchema(on: Simulation, schema: string): void {
  on.state.schemas.delete(schema)
  on.words.set(`schema ${shown([schema])}`, `drops schema ${schema}`)
  const of = `schema ${schema}`
  for (const [id, one] of on.state.relations)
    if (one.schema === schema) removeRelation(on, id, `drops ${one.kind} ${nameOfRelation(one)} with ${of}`, true)
  for (const [id, one] of on.state.routines) if (one.schema === schema) removeRoutine(on, id, of, true)
  for (const [id, one] of on.state.types)
    if (one.schema === schema) removeType(on, id, `drops type ${shown([one.schema, one.name])} with ${of}`, true)
}

export function relationKey({ schema, name, kind }: Pick<Relation, 'schema' | 'name' | 'kind'>): string {
  // Relations share one space of names, whatever they are.
  return `${kind === 'sequence' || kind === 'index' ? kind : 'table'} ${shown([schema, name])}`
}

function typeName(on: Simulation, id: string): string {
  const type = on.state.types.get(id)
  return type === undefined ? id : shown([type.schema, type.name])
}
