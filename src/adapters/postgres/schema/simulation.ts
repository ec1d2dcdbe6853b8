import type { RangeVar, TypeName } from 'libpg-query'
import { partsOf } from '../grammar/names.ts'
import { shown, type Name } from './keys.ts'
import {
  type CatalogFacts,
  type NamedType,
  pathOf,
  type Relation,
  type Routine,
  type SchemaState,
  temporary,
} from './model.ts'

/** Something that may make a statement of an older release fail. */
interface Doubt {
  readonly object: string
  readonly what: string
  /** What it is done to: nobody misses anything of what the same file made. */
  readonly about?: string
}

type With<T> = T & { readonly id: string }

/** A schema while files are tried on it: what they do to it, and what is said of that. */
export class Simulation {
  state: SchemaState
  readonly facts: CatalogFacts
  /** How what is gone at the end went, by its key. */
  readonly words = new Map<string, string>()
  readonly doubts: Doubt[] = []
  /** What the plan says of things that are there already, or are not. */
  readonly remarks: string[] = []
  /** Whether something was done that nobody can read. */
  blind: boolean
  readonly savepoints = new Map<string, SchemaState>()
  /** Types whose dependents are gone already. */
  readonly gone = new Set<string>()
  /** Relations that the files made, or made partitions of others: how they hang together stands in no catalog. */
  readonly touched: Set<string>
  static #made = 0

  /** How many relations were copied to try branches. */
  readonly tried: { relations: number }

  /** `within`: what this one is a branch of. */
  constructor(state: SchemaState, facts: CatalogFacts, within?: Simulation) {
    this.state = state
    this.facts = facts
    this.blind = within?.blind ?? false
    this.touched = within?.touched ?? new Set()
    this.tried = within?.tried ?? { relations: 0 }
  }

  newId(): string {
    Simulation.#made += 1
    return `made ${Simulation.#made}`
  }

  /** The schemas in which an unqualified name is looked for. */
  path(): readonly string[] {
    return [temporary, ...pathOf(this.state, this.facts)]
  }

  /** Where something new goes; undefined when nobody knows. */
  target(schema: string | undefined, isTemporary = false): string | undefined {
    if (isTemporary || schema?.startsWith(temporary) === true) return temporary
    return schema ?? pathOf(this.state, this.facts)[0]
  }

  relation(name: RangeVar | undefined): With<Relation> | undefined {
    return find(this.state.relations, name?.relname, name?.schemaname, this.path())
  }

  relationNamed(parts: readonly string[]): With<Relation> | undefined {
    return find(this.state.relations, parts.at(-1), parts.at(-2), this.path())
  }

  type(parts: readonly string[]): With<NamedType> | undefined {
    return find(this.state.types, parts.at(-1), parts.at(-2), this.path())
  }

  routines(parts: readonly string[]): readonly With<Routine>[] {
    const [name, schema] = [parts.at(-1), parts.at(-2)]
    const schemas = schema === undefined ? this.path() : [schema]
    const found: With<Routine>[] = []
    for (const [id, one] of this.state.routines)
      if (one.name === name && schemas.includes(one.schema)) found.push({ ...one, id })
    return found
  }

  remark(words: string): void {
    // What nobody could read may have made it, or taken it away.
    if (!this.blind) this.remarks.push(words)
  }

  doubt(object: string, what: string, about?: string): void {
    this.doubts.push({ object, what, ...(about === undefined ? {} : { about }) })
  }
}

function find<T extends { readonly schema: string; readonly name: string }>(
  all: ReadonlyMap<string, T>,
  name: string | undefined,
  schema: string | undefined,
  path: readonly string[],
): With<T> | undefined {
  const schemas = schema === undefined ? path : [schema.startsWith(temporary) ? temporary : schema]
  let first: readonly [place: number, id: string, one: T] | undefined
  for (const [id, one] of all) {
    if (one.name !== name) continue
    const place = schemas.indexOf(one.schema)
    if (place >= 0 && (first === undefined || place < first[0])) first = [place, id, one]
  }
  // The state itself is changed through what is found, so it is the same object with its id.
  return first === undefined ? undefined : Object.assign(first[2], { id: first[1] })
}

export const nameOfRelation = ({ schema, name }: { readonly schema: string; readonly name: string }): string =>
  shown([schema, name] satisfies Name)

export const columnKey = ({ schema, name }: Pick<Relation, 'schema' | 'name'>, column: string): string =>
  `column ${shown([schema, name, column])}`

export function routineKey({ schema, name, args }: Pick<Routine, 'schema' | 'name' | 'args'>): string {
  return `function ${shown([schema, name])}(${args.map(typeInWords).join(', ')})`
}

/** The type as `pg_type` names it, with its brackets: `varchar(10)`. */
export function typeOf({ names = [], typmods = [], arrayBounds = [] }: TypeName): string {
  const written = partsOf(names).at(-1) ?? ''
  const name = serials[written] ?? written
  const mods = typmods.flatMap((one) => ('A_Const' in one ? [String(one.A_Const.ival?.ival ?? 0)] : []))
  const brackets = mods.length > 0 && name !== 'interval' ? `(${mods.join(',')})` : ''
  return `${arrayBounds.length > 0 ? '_' : ''}${name}${brackets}`
}

const serials: Readonly<Record<string, string>> = {
  serial: 'int4',
  serial4: 'int4',
  bigserial: 'int8',
  serial8: 'int8',
  smallserial: 'int2',
  serial2: 'int2',
}

export function isSerial({ names = [] }: TypeName): boolean {
  return (partsOf(names).at(-1) ?? '') in serials
}

const spoken: Readonly<Record<string, string>> = {
  int2: 'smallint',
  int4: 'integer',
  int8: 'bigint',
  float4: 'real',
  float8: 'double precision',
  bool: 'boolean',
  bpchar: 'char',
  timestamptz: 'timestamp with time zone',
}

/** The type as people write it. */
export function typeInWords(type: string): string {
  const [, list, name = '', brackets = ''] = /^(_?)(.*?)(\([\d,]+\))?$/.exec(type) ?? []
  return `${spoken[name] ?? name}${brackets}${list === '_' ? '[]' : ''}`
}
