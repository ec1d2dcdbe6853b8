import type { Node } from 'libpg-query'
import { partsOf } from '../grammar/names.ts'
import type { Facts } from './facts.ts'
import { classes, Dependents, type Taken, type Thing } from './dependents.ts'
import { type Mode, stronger } from './modes.ts'
import { type Constraint, type Relation, SchemaModel } from './schema-model.ts'

/** A lock on a relation that was there before. */
export interface LockOnRelation {
  readonly line: number
  readonly relation: Relation
  readonly mode: Mode
}

/** What a migration locks, gathered while its statements are gone through. Statements are told in its methods' words. */
export class Taking {
  readonly model: SchemaModel
  readonly dependents: Dependents | undefined
  readonly published: Facts['published']
  line = 1
  /** Whether the statement surely runs: in a block it may stand behind a condition. */
  sure = true
  #locks = new Map<Relation, LockOnRelation>()

  constructor(facts: Facts) {
    this.model = new SchemaModel(facts)
    this.published = facts.published
    this.dependents = facts.dependencies === undefined ? undefined : new Dependents(facts.dependencies)
  }

  /** The strongest lock on each relation, in the order in which they were met; the next file begins without any. */
  finish(): readonly LockOnRelation[] {
    const taken = [...this.#locks.values()]
    this.#locks = new Map()
    return taken
  }

  lock(relation: Relation | undefined, mode: Mode): void {
    if (relation?.oid === undefined) return
    const known = this.#locks.get(relation)
    if (known !== undefined && stronger(known.mode, mode) === known.mode) return
    this.#locks.set(relation, { line: this.line, relation, mode })
  }

  /** Locks a relation and whatever inherits from it, unless the statement says `only`. */
  lockAll(relation: Relation | undefined, mode: Mode, descend = true): void {
    if (relation === undefined) return
    this.lock(relation, mode)
    if (descend) for (const below of this.model.descendants(relation)) this.lock(below, mode)
  }

  /** Locks a view as `lock table` does, with all that it reads. */
  lockView(view: Relation, mode: Mode, seen = new Set<Relation>()): void {
    seen.add(view)
    this.lock(view, mode)
    for (const oid of view.oid === undefined ? [] : (this.dependents?.readBy(view.oid) ?? [])) {
      const read = this.model.withOid(oid)
      if (read === undefined || seen.has(read)) continue
      if (read.kind === 'v') this.lockView(read, mode, seen)
      else if (read.kind === 'r' || read.kind === 'p') this.lockAll(read, mode)
    }
  }

  /** Makes a foreign key, which puts triggers on the table that it refers to and on its partitions. */
  refer(
    from: Relation,
    to: Relation | undefined,
    what: Pick<Constraint, 'name' | 'columns' | 'referencedColumns' | 'inherited'>,
  ): void {
    this.lockAll(to, 'SHARE ROW EXCLUSIVE')
    this.model.constrain(from, to, { ...what, oid: undefined, type: 'f' })
  }

  dropConstraint(constraint: Constraint): void {
    const { relation, references, oid } = constraint
    if (references !== undefined) {
      this.lockAll(references, 'ACCESS EXCLUSIVE')
      this.lockAll(relation, 'ACCESS EXCLUSIVE')
    }
    if (this.sure) this.model.unconstrain(constraint)
    if (oid !== undefined) this.dropThings([{ of: classes.constraint, oid }])
  }

  /** Drops relations with all that hangs on them. */
  drop(relations: readonly Relation[]): void {
    for (const relation of relations) this.#leave(relation)
    const things = relations.flatMap(({ oid }) => (oid === undefined ? [] : [{ of: classes.relation, oid }]))
    this.dropThings(things)
    if (this.sure) for (const relation of relations) this.model.remove(relation)
  }

  /** Drops whatever it is, with all that hangs on it as far as the catalog was asked. */
  dropThings(things: readonly Thing[]): void {
    const taken = this.dependents?.takenWith(things)
    if (taken !== undefined) this.#goWith(taken)
  }

  /** Locks the tables with columns of a domain, whose values are checked. */
  lockUsersOfDomain(name: readonly Node[]): void {
    const parts = partsOf(name)
    const schema = parts.at(-2)
    const domains = this.dependents?.named(
      classes.type,
      schema === undefined ? this.model.path : [schema],
      parts.at(-1) ?? '',
    )
    for (const domain of domains ?? [])
      for (const oid of this.dependents?.columnsOfType(domain) ?? []) this.lock(this.model.withOid(oid), 'SHARE')
  }

  #goWith({ gone, locked, constraints }: Taken): void {
    for (const oid of locked) this.lock(this.model.withOid(oid), 'ACCESS EXCLUSIVE')
    for (const oid of gone) {
      const relation = this.model.withOid(oid)
      if (relation !== undefined) this.#leave(relation)
    }
    if (!this.sure) return
    for (const oid of gone) {
      const relation = this.model.withOid(oid)
      if (relation !== undefined) this.model.remove(relation)
    }
    if (constraints.size === 0) return
    for (const relation of this.model.all())
      for (const constraint of this.model.constraints(relation))
        if (constraint.oid !== undefined && constraints.has(constraint.oid)) this.model.unconstrain(constraint)
  }

  /** What is locked when a relation itself goes, without what hangs on it. */
  #leave(relation: Relation): void {
    const { model } = this
    this.lock(relation, 'ACCESS EXCLUSIVE')
    if (relation.kind === 'i' || relation.kind === 'I') {
      this.lockAll(relation.of, 'ACCESS EXCLUSIVE', relation.kind === 'I')
      for (const below of model.descendants(relation)) this.lock(below, 'ACCESS EXCLUSIVE')
    }
    for (const [parent, { partition }] of relation.parents) {
      if (!partition || relation.kind === 'i' || relation.kind === 'I') continue
      this.lock(parent, 'ACCESS EXCLUSIVE')
      this.lock(model.defaultPartition(parent), 'ACCESS EXCLUSIVE')
    }
    for (const child of model.descendants(relation)) this.lock(child, 'ACCESS EXCLUSIVE')
    for (const one of model.attachedTo(relation)) this.lock(one, 'ACCESS EXCLUSIVE')
    for (const { references, inherited } of model.constraints(relation))
      if (references !== undefined && !inherited) this.lockAll(references, 'ACCESS EXCLUSIVE')
    for (const { relation: from } of model.referring(relation)) this.lockAll(from, 'ACCESS EXCLUSIVE')
  }
}
