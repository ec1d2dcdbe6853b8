/*
 * A schema as releases meet it, as far as a migration names it: plain data, so that what a file does can be tried on a copy. What is
 * `unsure` may be there or not: a branch of a `do` block, or SQL that is put together, decides it.
 */

export interface Column {
  /** The name in `pg_type`, with what stands in brackets: `varchar(10)`, `_int4`. */
  type: string
  /** Its number in the table; undefined for one that the files make. */
  number?: number
  notNull: boolean
  /** What fills it when an insert leaves it out; `always` and `computed` refuse a given value. */
  fill?: 'default' | 'identity' | 'always' | 'computed'
  unsure?: boolean
}

/** What makes some rows impossible, or what an `on conflict` names. */
export interface Key {
  readonly kind: 'unique' | 'primary' | 'exclusion' | 'check' | 'foreign'
  readonly columns: readonly string[]
  /** Whether an insert that leaves its columns empty passes. */
  readonly passesEmpty: boolean
  /** The referenced table, when its rows cannot be deleted any more. */
  readonly holds?: string
}

export interface Relation {
  schema: string
  name: string
  kind: 'table' | 'foreign table' | 'view' | 'materialized view' | 'sequence' | 'index'
  /** Undefined when they are not known: `select *` of something that was not read. */
  columns: Map<string, Column> | undefined
  keys: Map<string, Key>
  /** For each policy whether it is restrictive. */
  policies: Map<string, { restrictive: boolean; unsure?: boolean }>
  triggers: Set<string>
  rowSecurity: boolean
  forced: boolean
  populated: boolean
  partitionOf?: string
  /** The ids of what it is made of; for what the files make. The catalog knows the others. */
  uses: string[]
  unsure?: boolean
}

export interface Routine {
  schema: string
  name: string
  /** Types of `pg_type`: `int4`. */
  args: readonly string[]
  result: string
  defaults: number
  unsure?: boolean
}

export interface NamedType {
  schema: string
  name: string
  /** Of an enum. */
  labels: string[]
  /** Of a domain. */
  notNull: boolean
  hasDefault: boolean
  unsure?: boolean
}

/** Something that goes with another thing when that is dropped with `cascade`. */
export interface Dependent {
  readonly kind: 'relation' | 'column' | 'default' | 'key' | 'policy' | 'trigger' | 'routine' | 'type'
  readonly id: string
  /** The column, constraint, policy or trigger. */
  readonly part: string
}

export interface SchemaState {
  /** By an id that no renaming changes. */
  relations: Map<string, Relation>
  routines: Map<string, Routine>
  types: Map<string, NamedType>
  schemas: Set<string>
  extensions: Set<string>
  /** The search path as it is set; `undefined` when nobody knows it. */
  path: readonly string[] | undefined
}

/** What the catalog knows, and no file changes. */
export interface CatalogFacts {
  /** The search path of a new session. */
  readonly path: readonly string[]
  readonly user: string
  /** By the id of what is depended on; a column is `ID/NUMBER`. */
  readonly dependents: ReadonlyMap<string, readonly Dependent[]>
  /** Functions, of all that the files call, of which it is known that they change no schema. */
  readonly harmless: ReadonlySet<string>
}

export interface Catalog {
  readonly state: SchemaState
  readonly facts: CatalogFacts
}

/** The path with `$user` as the role that applies the migrations; only schemas that exist. */
export function pathOf({ path, schemas }: SchemaState, { user }: CatalogFacts): readonly string[] {
  return (path ?? []).map((schema) => (schema === '$user' ? user : schema)).filter((schema) => schemas.has(schema))
}

/** The schema of temporary relations, whatever its number. */
export const temporary = 'pg_temp'
