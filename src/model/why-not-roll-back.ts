import { isUndoable } from './kinds.ts'
import { rollbackUntil } from './rollback-window.ts'
import { isRestorePlan, type Run } from './run.ts'
import { watchChoices } from './watch.ts'

/** Why a run cannot be rolled back now; `src/messages/refusals.ts` words it. */
export type RollbackRefusal =
  /** Its kind changes nothing that a rollback could put back. */
  | { readonly reason: 'not_undoable' }
  | { readonly reason: 'rolled_back'; readonly by: number }
  /** It waits or executes, and nobody watches it, so it has to be cancelled first. */
  | { readonly reason: 'not_finished' }
  | { readonly reason: 'nothing_to_put_back' }
  /** It ended longer ago than the policy allows, however it ended. */
  | { readonly reason: 'too_late'; readonly hours: number }
  /** A later run has changed the environment, so what was there before would be put over what is there now. */
  | { readonly reason: 'changed_since'; readonly by: number }

export interface RollbackFacts {
  /** The deploys and restores of the run's environment; earlier ones do no harm. */
  readonly others: readonly (Pick<Run, 'number' | 'hasEffects'> & Partial<Pick<Run, 'plan' | 'status'>>)[]
  /** The environment's `policy.rollbackButtonHours`. */
  readonly hours: number
  readonly now: Date
}

const unfinished: readonly Run['status'][] = ['planning', 'awaiting_approval', 'executing', 'cancelling']

/**
 * Tells why this run cannot be rolled back; undefined when it can. Whoever begins a rollback, a person in the dialog or
 * the reconciler for a decided watch, asks this and nothing else. Pure.
 */
export function whyNotRollBack(run: Run, { others, hours, now }: RollbackFacts): RollbackRefusal | undefined {
  if (!isUndoable(run)) return { reason: 'not_undoable' }
  if (run.rolledBackBy !== undefined) return { reason: 'rolled_back', by: run.rolledBackBy }
  if (unfinished.includes(run.status) && !watchChoices(run).includes('roll_back')) return { reason: 'not_finished' }
  if (!run.hasEffects) return { reason: 'nothing_to_put_back' }
  const until = rollbackUntil(run, hours)
  if (until !== undefined && until < now) return { reason: 'too_late', hours }
  const above = others.find((other) => other.number > run.number && other.hasEffects && !leadsBefore(other, run))
  return above === undefined ? undefined : { reason: 'changed_since', by: above.number }
}

/** A restore of the backup that this very run made put back the database only; the rest of the way is its rollback. */
function leadsBefore({ plan, status }: RollbackFacts['others'][number], run: Pick<Run, 'number'>): boolean {
  return status === 'succeeded' && isRestorePlan(plan) && plan.backup.run === run.number
}
