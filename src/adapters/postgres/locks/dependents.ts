import type { Dependencies, Oid } from './facts.ts'

/** The catalogs that hold what can be leaned upon: their OIDs are the same in every version. */
export const classes = {
  relation: 1259,
  type: 1247,
  routine: 1255,
  constraint: 2606,
  rule: 2618,
  schema: 2615,
  extension: 3079,
} as const

/** An object of the catalog, or a column of a relation. */
export interface Thing {
  readonly of: Oid
  readonly oid: Oid
  readonly column?: string
}

export interface Taken {
  /** Relations that go as a whole. */
  readonly gone: ReadonlySet<Oid>
  /** All that are locked for it, those that go among them. */
  readonly locked: ReadonlySet<Oid>
  readonly constraints: ReadonlySet<Oid>
}

type Edge = Dependencies['edges'][number]

/** What goes with an object when it is dropped, followed as the server does. */
export class Dependents {
  readonly #leaning = new Map<string, Edge[]>()
  readonly #owners = new Map<string, Edge[]>()
  readonly #parts = new Map<string, Oid>()
  readonly #facts: Dependencies

  constructor(facts: Dependencies) {
    this.#facts = facts
    for (const edge of facts.edges) {
      append(this.#leaning, keyOf(edge[0], edge[1]), edge)
      if (edge[6] === 'i') append(this.#owners, keyOf(edge[3], edge[4]), edge)
    }
    for (const [of, oid, relation] of facts.parts) this.#parts.set(keyOf(of, oid), relation)
  }

  get statistics(): Dependencies['statistics'] {
    return this.#facts.statistics
  }

  /** Finds objects by name; `schemas` is where an unqualified name is looked for. */
  named(of: Oid, schemas: readonly string[], name: string, argumentCount?: number): readonly Thing[] {
    for (const schema of schemas) {
      const found = this.#facts.objects.filter(
        ([itsClass, , itsSchema, itsName, its]) =>
          itsClass === of &&
          itsSchema === schema &&
          itsName === name &&
          (argumentCount === undefined || its === argumentCount),
      )
      if (found.length > 0) return found.map(([, oid]) => ({ of, oid }))
    }
    return []
  }

  /** The relations whose columns are of a type, also by a domain over it. */
  columnsOfType(type: Thing): readonly Oid[] {
    const edges = this.#leaning.get(keyOf(type.of, type.oid)) ?? []
    return edges.flatMap(([, , , of, oid, column]): readonly Oid[] => {
      if (of === classes.relation && column !== null) return [oid]
      return of === classes.type ? this.columnsOfType({ of, oid }) : []
    })
  }

  /** The relations that a view reads. */
  readBy(view: Oid): readonly Oid[] {
    return this.#facts.edges.flatMap(([of, oid, , leaningClass, leaning]) =>
      of === classes.relation &&
      oid !== view &&
      leaningClass === classes.rule &&
      this.#parts.get(keyOf(classes.rule, leaning)) === view
        ? [oid]
        : [],
    )
  }

  takenWith(things: readonly Thing[]): Taken {
    const gone = new Set<Oid>()
    const locked = new Set<Oid>()
    const constraints = new Set<Oid>()
    const seen = new Set<string>()
    const waiting = [...things]
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      const { of, oid, column } = next
      const id = JSON.stringify([of, oid, column])
      if (seen.has(id)) continue
      seen.add(id)
      if (of === classes.relation) locked.add(oid)
      if (of === classes.relation && column === undefined) gone.add(oid)
      if (of === classes.constraint) constraints.add(oid)
      const relation = this.#parts.get(keyOf(of, oid))
      if (relation !== undefined) locked.add(relation)
      for (const [, , itsColumn, toClass, to, toColumn] of this.#leaning.get(keyOf(of, oid)) ?? [])
        if (column === undefined || itsColumn === column) waiting.push(thing(toClass, to, toColumn))
      // The rule of a view is the view's: what takes one takes the other.
      if (column === undefined)
        for (const [ownerClass, owner, ownerColumn] of this.#owners.get(keyOf(of, oid)) ?? [])
          if (ownerColumn === null) waiting.push(thing(ownerClass, owner, null))
    }
    return { gone, locked, constraints }
  }
}

function thing(of: Oid, oid: Oid, column: string | null): Thing {
  return { of, oid, ...(column === null ? {} : { column }) }
}

function keyOf(of: Oid, oid: Oid): string {
  return `${of} ${oid}`
}

function append<K, V>(map: Map<K, V[]>, at: K, value: V): void {
  const known = map.get(at)
  if (known === undefined) map.set(at, [value])
  else known.push(value)
}
