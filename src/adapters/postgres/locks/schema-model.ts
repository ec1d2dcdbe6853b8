import type { RangeVar } from 'libpg-query'
import type { Facts, Oid } from './facts.ts'

/** A table, view, sequence or index, as it is at this point of the migration. */
export interface Relation {
  /** Undefined for one that the migration makes: nobody else knows it, so no lock on it counts. */
  readonly oid: Oid | undefined
  schema: string
  name: string
  /** As in pg_class: `r` table, `p` partitioned table, `v`, `m`, `f`, `S`, `i` index, `I` partitioned index. */
  readonly kind: string
  readonly owner: string | undefined
  /** The table of an index, or whose column owns a sequence. */
  of: Relation | undefined
  readonly parents: Map<Relation, Inheritance>
  readonly children: Map<Relation, Inheritance>
}

interface Inheritance {
  readonly partition: boolean
  readonly isDefault: boolean
}

export interface Constraint {
  readonly oid: Oid | undefined
  name: string
  /** As in pg_constraint: `f` foreign key, `p`, `u`, `x`, `c` check, `n` not null. */
  readonly type: string
  readonly relation: Relation
  readonly references: Relation | undefined
  /** Whether it is that of a partition, and comes and goes with its table's. */
  readonly inherited: boolean
  readonly columns: readonly string[]
  readonly referencedColumns: readonly string[]
}

/** The relations of the database while a migration changes them, in memory alone. */
export class SchemaModel {
  path: readonly string[]
  /** As server_version_num. */
  readonly version: number
  /** Named apart, as one of another name may be gone by the same word: a temporary table is found first. */
  readonly #byName = new Map<string, Relation>()
  readonly #byOid = new Map<Oid, Relation>()
  readonly #constraints = new Map<Relation, Constraint[]>()
  readonly #referring = new Map<Relation, Constraint[]>()
  readonly #rowTriggers = new Map<Relation, Set<string>>()
  readonly #attached = new Map<Relation, Set<Relation>>()
  readonly #firstPath: readonly string[]
  readonly #user: string

  constructor(facts: Facts) {
    this.path = facts.path
    this.version = facts.version
    this.#firstPath = facts.path
    this.#user = facts.user
    for (const [oid, schema, name, kind, owner] of facts.relations) this.#add({ oid, schema, name, kind, owner })
    for (const [oid, , , , , of] of facts.relations)
      this.#attach(this.withOid(oid), of === null ? undefined : this.withOid(of))
    for (const [child, parent, partition, isDefault] of facts.inheritance)
      this.inherit(this.withOid(child), this.withOid(parent), { partition, isDefault })
    for (const [oid, name, type, of, to, inherited, columns, referencedColumns] of facts.constraints)
      this.constrain(this.withOid(of), to === null ? undefined : this.withOid(to), {
        oid,
        name,
        type,
        inherited,
        columns,
        referencedColumns,
      })
    for (const [name, oid] of facts.rowTriggers) this.addRowTrigger(this.withOid(oid), name)
  }

  withOid(oid: Oid): Relation | undefined {
    return this.#byOid.get(oid)
  }

  all(): readonly Relation[] {
    return [...new Set(this.#byName.values())]
  }

  inSchema(schema: string): readonly Relation[] {
    return this.all().filter((relation) => relation.schema === schema)
  }

  /** Finds a relation as the server does: in its schema, or in the first one of the search path that has the name. */
  find(schema: string | undefined, name: string): Relation | undefined {
    const schemas = schema === undefined || schema === '' ? ['pg_temp', ...this.path] : [schema]
    for (const one of schemas) {
      const found = this.#byName.get(key(one, name))
      if (found !== undefined) return found
    }
    return undefined
  }

  named(relation: RangeVar | undefined): Relation | undefined {
    return this.find(relation?.schemaname, relation?.relname ?? '')
  }

  /** Finds by the parts of a name; a third part before them is the database. */
  byParts(parts: readonly string[]): Relation | undefined {
    const name = parts.at(-1)
    return name === undefined ? undefined : this.find(parts.at(-2), name)
  }

  /** Sets the search path of the session; undefined puts the first one back. */
  searchIn(path: readonly string[] | undefined): void {
    this.path = path === undefined ? this.#firstPath : path.map((one) => (one === '$user' ? this.#user : one))
  }

  /** Makes a relation that nobody else knows; the one that has its name already, if there is one. */
  make(relation: RangeVar | undefined, kind: string): Relation {
    const temporary = relation?.relpersistence === 't' || relation?.schemaname === 'pg_temp'
    const schema = temporary ? 'pg_temp' : (relation?.schemaname ?? this.path[0] ?? 'public')
    const name = relation?.relname ?? ''
    return this.#byName.get(key(schema, name)) ?? this.#add({ oid: undefined, schema, name, kind, owner: undefined })
  }

  makeIndex(name: string | undefined, of: Relation): void {
    if (name === undefined || name === '' || this.#byName.has(key(of.schema, name))) return
    const index = this.#add({ oid: undefined, schema: of.schema, name, kind: 'i', owner: undefined })
    this.#attach(index, of)
  }

  inherit(child: Relation | undefined, parent: Relation | undefined, how: Inheritance): void {
    if (child === undefined || parent === undefined) return
    child.parents.set(parent, how)
    parent.children.set(child, how)
  }

  disinherit(child: Relation, parent: Relation): void {
    child.parents.delete(parent)
    parent.children.delete(child)
  }

  constrain(
    relation: Relation | undefined,
    references: Relation | undefined,
    what: Omit<Constraint, 'relation' | 'references'>,
  ): void {
    if (relation === undefined) return
    const made: Constraint = { ...what, relation, references }
    append(this.#constraints, relation, made)
    if (references !== undefined) append(this.#referring, references, made)
  }

  constraints(relation: Relation): readonly Constraint[] {
    return this.#constraints.get(relation) ?? []
  }

  /** The foreign keys that refer to a relation. */
  referring(relation: Relation): readonly Constraint[] {
    return this.#referring.get(relation) ?? []
  }

  unconstrain(constraint: Constraint): void {
    remove(this.#constraints, constraint.relation, constraint)
    if (constraint.references !== undefined) remove(this.#referring, constraint.references, constraint)
  }

  addRowTrigger(relation: Relation | undefined, name: string): void {
    if (relation?.kind !== 'p') return
    const known = this.#rowTriggers.get(relation) ?? new Set()
    this.#rowTriggers.set(relation, known.add(name))
  }

  /** Tells whether a partitioned table has such a trigger of rows; any at all, without a name. */
  hasRowTrigger(relation: Relation, name?: string): boolean {
    const known = this.#rowTriggers.get(relation)
    return known !== undefined && (name === undefined ? known.size > 0 : known.has(name))
  }

  /** The indexes of a table, and the sequences that its columns own. */
  attachedTo(relation: Relation): readonly Relation[] {
    return [...(this.#attached.get(relation) ?? [])]
  }

  indexesOf(relation: Relation): readonly Relation[] {
    return this.attachedTo(relation).filter(({ kind }) => kind === 'i' || kind === 'I')
  }

  /** All that inherit from a relation, at whatever depth. */
  descendants(relation: Relation): readonly Relation[] {
    const found = new Set<Relation>()
    const waiting = [...relation.children.keys()]
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      if (found.has(next)) continue
      found.add(next)
      waiting.push(...next.children.keys())
    }
    return [...found]
  }

  defaultPartition(relation: Relation): Relation | undefined {
    return [...relation.children].find(([, { isDefault }]) => isDefault)?.[0]
  }

  rename(relation: Relation, to: { readonly schema?: string; readonly name?: string }): void {
    this.#byName.delete(key(relation.schema, relation.name))
    relation.schema = to.schema ?? relation.schema
    relation.name = to.name ?? relation.name
    this.#byName.set(key(relation.schema, relation.name), relation)
    // What belongs to a table moves with it.
    if (to.schema !== undefined) for (const one of this.attachedTo(relation)) this.rename(one, { schema: to.schema })
  }

  /** Lets a second name mean the same relation, where nobody can tell which of them it has by then. */
  alias(relation: Relation, to: { readonly schema?: string; readonly name?: string }): void {
    const second = key(to.schema ?? relation.schema, to.name ?? relation.name)
    if (!this.#byName.has(second)) this.#byName.set(second, relation)
  }

  remove(relation: Relation): void {
    if (this.#byName.get(key(relation.schema, relation.name)) === relation)
      this.#byName.delete(key(relation.schema, relation.name))
    for (const parent of relation.parents.keys()) parent.children.delete(relation)
    for (const child of relation.children.keys()) child.parents.delete(relation)
    for (const one of [...this.constraints(relation), ...this.referring(relation)]) this.unconstrain(one)
    for (const one of this.attachedTo(relation)) this.remove(one)
    if (relation.of !== undefined) this.#attached.get(relation.of)?.delete(relation)
  }

  #add(made: Pick<Relation, 'oid' | 'schema' | 'name' | 'kind' | 'owner'>): Relation {
    const relation: Relation = { ...made, of: undefined, parents: new Map(), children: new Map() }
    this.#byName.set(key(made.schema, made.name), relation)
    if (made.oid !== undefined) this.#byOid.set(made.oid, relation)
    return relation
  }

  #attach(relation: Relation | undefined, of: Relation | undefined): void {
    if (relation === undefined || of === undefined) return
    relation.of = of
    const known = this.#attached.get(of) ?? new Set()
    this.#attached.set(of, known.add(relation))
  }
}

/** Never joined with a dot: `a.b`.c and a.`b.c` are two tables. */
function key(schema: string, name: string): string {
  return JSON.stringify([schema, name])
}

function append<K, V>(map: Map<K, V[]>, at: K, value: V): void {
  const known = map.get(at)
  if (known === undefined) map.set(at, [value])
  else known.push(value)
}

function remove<K, V>(map: Map<K, V[]>, at: K, value: V): void {
  const known = map.get(at)
  if (known !== undefined)
    map.set(
      at,
      known.filter((one) => one !== value),
    )
}
