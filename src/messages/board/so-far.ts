import { isReadOnly, isUndoable, phaseSpec } from '../../model/kinds.ts'
import { neverPlanned, retryHelps } from '../../model/retry-helps.ts'
import { isDeployPlan, type Run } from '../../model/run.ts'
import { joined } from '../blocks/message.ts'

/** Words what has changed outside so far. Migrations are changes too, although no rollback puts them back. */
export function soFar(run: Run): string {
  if (isReadOnly(run)) return 'Nothing was changed.'
  if (run.kind === 'fix') return fixSoFar(run)
  if (run.rolledBackBy !== undefined) return `Run #${run.rolledBackBy} takes its changes back.`
  if (run.hasEffects) return 'What was changed so far stands.'
  const began = run.phases.some(
    (phase) => phaseSpec(run.kind, phase.name)?.changes === true && phase.status !== 'pending',
  )
  const pushes = mayHavePushed(run)
  if (!began)
    return pushes ? 'At most the built image was pushed; nothing else was changed.' : 'Nothing outside was changed.'
  if (run.kind === 'rollback') return 'What was put back so far stands.'
  if (run.kind === 'restore') return 'What was stopped runs again, on the database from before.'
  return `Apart from migrations${pushes ? ' and the pushed image' : ''}, nothing outside was changed.`
}

/** Tells whether this run builds its image and has begun the phase in which it does. */
function mayHavePushed(run: Run): boolean {
  if (!isDeployPlan(run.plan) || typeof run.plan.image.build !== 'object') return false
  return run.phases.some((phase) => phase.name === 'preflight' && phase.status !== 'pending')
}

/** Words what a fix has done. A Job or sent events are no effects that could be put back, and yet have happened. */
function fixSoFar(run: Run): string {
  const fix = run.phases.find((phase) => phase.name === 'fix')
  if (fix === undefined || fix.status === 'pending' || fix.status === 'queued') return 'Nothing outside was changed.'
  return fix.status === 'succeeded' ? 'What was done stands.' : 'What was done so far stands.'
}

/** Words what the buttons of a failed run do. */
export function choices(run: Run): string {
  if (isReadOnly(run)) return `${soFar(run)} Retry to look again.`
  if (neverPlanned(run)) return `${soFar(run)} ${retryHelps(run) ? 'Plan again once that is put right.' : afresh(run)}`
  const undo = isUndoable(run) && run.hasEffects && run.rolledBackBy === undefined
  const options = ['retry the phase', ...(undo ? ['roll back'] : []), 'leave it']
  return `${soFar(run)} Someone has to decide: ${joined(options, 'or')}.`
}

/** Words how people begin again after a run that ended without a result. */
export function afresh(run: Run): string {
  if (run.kind === 'restore') return 'A new `restore` asks again.'
  return run.kind === 'rollback' ? 'A new `rollback` asks again.' : 'A new `deploy` makes a new plan.'
}
