import { isReadOnly, isUndoable, phaseSpec } from '../../model/kinds.ts'
import type { Effect, EffectKind } from '../../model/effects/effects.ts'
import { neverPlanned, retryHelps } from '../../model/retry-helps.ts'
import { notWellWords } from '../../model/not-well.ts'
import { isDeployPlan, type Run } from '../../model/run.ts'
import { isOpen } from '../../model/undo-plan.ts'
import { joined } from '../blocks/message.ts'
import { counted } from '../../text.ts'

/** Words what has changed outside so far. Without the recorded effects it says only what follows from the run itself. */
export function soFar(run: Run, effects?: readonly Effect[]): string {
  if (isReadOnly(run)) return 'Nothing changed.'
  if (run.kind === 'fix') return fixSoFar(run)
  if (run.rolledBackBy !== undefined) return `Run #${run.rolledBackBy} rolls its changes back.`
  const changed = changesIn(effects ?? [])
  if (changed.length > 0 && run.kind === 'deploy') return `Changed so far: ${changed.join(' · ')}.`
  if (run.hasEffects) return 'Its changes stay.'
  const began = run.phases.some(
    (phase) => phaseSpec(run.kind, phase.name)?.changes === true && phase.status !== 'pending',
  )
  const pushes = mayHavePushed(run)
  if (!began) return pushes ? 'The image may have been pushed. Nothing else changed.' : 'Nothing changed.'
  if (run.kind === 'rollback') return 'Changes undone so far stay undone.'
  if (run.kind === 'restore') return 'The service is running again on the previous database.'
  return `Apart from migrations${pushes ? ' and the pushed image' : ''}, nothing changed.`
}

const effectWords: Readonly<Record<EffectKind, (count: number) => string>> = {
  migration: (count) => counted(count, 'migration'),
  'image-push': () => 'pushed image',
  image: () => 'new image',
  events: () => 'events sent again',
  job: (count) => counted(count, 'Job'),
  'stripe-endpoint': () => 'Stripe endpoint',
  'secret-key': () => 'signing secret',
  restart: (count) => counted(count, 'restarted Deployment'),
  cronjob: (count) => counted(count, 'CronJob'),
  database: () => 'database',
  replicas: () => 'number of pods',
  schedule: (count) => counted(count, 'suspended or resumed CronJob'),
}

/** Words each kind of change once. One that was begun, and of which no end is known, is not told as done. */
function changesIn(effects: readonly Effect[]): readonly string[] {
  const open = effects.filter(isOpen)
  return [...new Set(open.map(({ kind }) => kind))].map((kind) => {
    const same = open.filter((effect) => effect.kind === kind)
    const count = new Set(same.map(({ target }) => target)).size
    const unsure = same.some(({ status }) => status === 'started') ? ' (begun)' : ''
    return `${effectWords[kind](count)}${unsure}`
  })
}

/** Tells whether this run builds its image and has begun the phase in which it does. */
function mayHavePushed(run: Run): boolean {
  if (!isDeployPlan(run.plan) || typeof run.plan.image.build !== 'object') return false
  return run.phases.some((phase) => phase.name === 'preflight' && phase.status !== 'pending')
}

/** Words what a fix has done. A Job or sent events are no effects that could be undone, and yet have happened. */
function fixSoFar(run: Run): string {
  const fix = run.phases.find((phase) => phase.name === 'fix')
  if (fix === undefined || fix.status === 'pending' || fix.status === 'queued') return 'Nothing changed.'
  return fix.status === 'succeeded' ? 'The fix stays.' : 'The fix may be half done.'
}

/** Words what the buttons of a failed run do. */
export function choices(run: Run): string {
  if (isReadOnly(run)) return 'Retry to check again.'
  if (neverPlanned(run)) return retryHelps(run) ? 'Plan again once that is fixed.' : afresh(run)
  const undo = isUndoable(run) && run.hasEffects && run.rolledBackBy === undefined
  const options = [
    notWellWords(run) === undefined ? 'retry' : 'check again',
    ...(undo ? ['roll back'] : []),
    'leave as is',
  ]
  const [first = '', ...others] = options
  return `${joined([first.replace(/^[a-z]/, (letter) => letter.toUpperCase()), ...others], 'or')}.`
}

/** Words how people begin again after a run that ended without a result. */
export function afresh(run: Run): string {
  if (run.kind === 'restore') return 'To try again: `/billing restore`.'
  return run.kind === 'rollback' ? 'To try again: `/billing rollback`.' : 'To try again: `/billing deploy`.'
}
