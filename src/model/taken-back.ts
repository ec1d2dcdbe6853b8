import type { Effect } from './effects/effects.ts'
import type { RestorePlan } from './restore-plan.ts'

/** A later run of the same environment, with what it has changed. */
interface LaterRun {
  readonly number: number
  readonly plan: RestorePlan | undefined
  readonly effects: readonly Effect[]
}

/**
 * Tells which migrations are no longer in the database since a restore put an older state in its place, each with the
 * newest run that did so. A restore that was itself rolled back took nothing away, and what a later deploy applied
 * again is there. Pure.
 */
export function takenBack(later: readonly LaterRun[]): ReadonlyMap<string, number> {
  const gone = new Map<string, number>()
  for (const { number, plan, effects } of later.toSorted((a, b) => a.number - b.number)) {
    const restored = effects.some(({ kind, status }) => kind === 'database' && status === 'applied')
    if (restored) for (const file of plan?.migrationsLost ?? []) gone.set(file, number)
    for (const { kind, target, status } of effects)
      if (kind === 'migration' && status === 'applied') gone.delete(target)
  }
  return gone
}
