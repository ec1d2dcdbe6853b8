import type { Oid } from './facts.ts'
import { blockedBy, type Mode, stronger } from './modes.ts'
import type { Relation } from './schema-model.ts'
import type { LockOnRelation } from './taking.ts'

/** A lock as it is told to people: of a table as a whole. */
export interface ToldLock {
  readonly line: number
  readonly oid: Oid
  readonly mode: Mode
  readonly blocks: (typeof blockedBy)[Mode]
  readonly index?: string
}

/**
 * Makes of the locks on relations what they mean to others. A query looks at every index of its table, so it waits for one that is locked
 * against readers; a sequence belongs to its table; partitions that are locked like their table are not told one by one. Pure.
 */
export function tell(locks: readonly LockOnRelation[]): readonly ToldLock[] {
  const modes = new Map(locks.map(({ relation, mode }) => [relation, mode]))
  const told = new Map<Relation, ToldLock>()
  for (const { line, relation, mode } of locks) {
    const { kind, oid, of } = relation
    if (oid === undefined || covered(relation, mode, modes)) continue
    if (kind !== 'i' && kind !== 'I') {
      const known = told.get(relation)
      if (known === undefined || known.mode !== 'ACCESS EXCLUSIVE')
        told.set(relation, { line, oid, mode, blocks: blockedBy[mode] })
      continue
    }
    if (of?.oid === undefined || mode !== 'ACCESS EXCLUSIVE' || covered(of, mode, modes)) continue
    if (modes.get(of) === 'ACCESS EXCLUSIVE' || told.get(of)?.index !== undefined) continue
    told.set(of, { line, oid: of.oid, mode, blocks: blockedBy[mode], index: relation.name })
  }
  return [...told.values()]
}

/** Tells whether the table of a partition or a sequence is locked as strongly, so that whoever needs this one waits there already. */
function covered(relation: Relation, mode: Mode, modes: ReadonlyMap<Relation, Mode>): boolean {
  const above =
    relation.kind === 'S'
      ? [relation.of]
      : [...relation.parents].flatMap(([one, { partition }]) => (partition ? [one] : []))
  return above.some((one) => {
    if (one === undefined) return false
    const its = modes.get(one)
    return (its !== undefined && stronger(its, mode) === its) || covered(one, mode, modes)
  })
}
