import type { Button } from '@slack/types'
import { isReadOnly as readOnly, isUndoable } from '../../model/kinds.ts'
import { can } from '../../model/lifecycle.ts'
import type { RemedyKind } from '../../model/diagnosis.ts'
import type { Run } from '../../model/run.ts'
import { notWellWords } from '../../model/not-well.ts'
import { neverPlanned, retryHelps } from '../../model/retry-helps.ts'
import { watchChoices } from '../../model/watch.ts'
import { remedyButtons } from '../thread/diagnosis.ts'
import { button, type ButtonLook, type Question } from '../blocks/message.ts'

export const actionIds = {
  approve: 'approve',
  reject: 'reject',
  retryPhase: 'retry_phase',
  rollBack: 'roll_back',
  cancel: 'cancel',
  details: 'details',
  leave: 'leave',
  runAgain: 'run_again',
  finishWatch: 'finish_watch',
  keepWatching: 'keep_watching',
  stopWatching: 'stop_watching',
  diagnoseAgain: 'diagnose_again',
  diagnose: 'diagnose',
} as const

export const viewIds = {
  rollback: 'rollback_dialog',
  details: 'plan_details',
  deploy: 'deploy_dialog',
  lock: 'lock_dialog',
  restore: 'restore_dialog',
  diagnose: 'diagnose_dialog',
  reject: 'reject_dialog',
} as const

/** Returns the id of a remedy's button, one for each kind: Slack wants them distinct within a message. */
export function remedyActionId(kind: RemedyKind): string {
  return `fix_${kind}`
}

/**
 * Returns what a button carries: the run, and the plan that its presser saw. The run refuses a stale ticket, not this.
 */
export function ticket(run: Pick<Run, 'number' | 'planHash'>): string {
  return JSON.stringify({ run: run.number, plan: run.planHash })
}

export function readTicket(value: string): { run: number; plan: string | undefined } | undefined {
  let read: unknown
  try {
    read = JSON.parse(value)
  } catch {
    return undefined
  }
  if (typeof read !== 'object' || read === null || !('run' in read)) return undefined
  const { run } = read
  const plan = 'plan' in read ? read.plan : undefined
  if (typeof run !== 'number' || !Number.isSafeInteger(run) || run < 1) return undefined
  if (plan !== undefined && typeof plan !== 'string') return undefined
  return { run, plan }
}

/** Lists the buttons that fit the state, and no other: what the lifecycle would refuse is not offered. */
export function buttonsFor(run: Run, now: Date, rollbackUntil: Date | undefined): Button[] {
  if (run.rolledBackBy !== undefined) return []
  const make = maker(run)
  const rollback = rollbackUntil === undefined ? undefined : { now, until: rollbackUntil }
  const buttons: Button[] = [...approvalButtons(run), ...failureButtons(run, rollback), ...watchButtons(run)]
  const shows = run.status === 'awaiting_approval' || run.status === 'executing' || run.status === 'planned'

  // Where "Stop and fail" ends the run, a second way to end it would only be a trap.
  if (can('cancel', run) && run.status !== 'awaiting_approval' && !watchChoices(run).includes('stop'))
    buttons.push(make('cancel', 'Cancel run', isHarmless(run) ? {} : { confirm: cancel(run) }))
  buttons.push(
    ...remedyButtons(run, (remedy, text, look) =>
      button(text, remedyActionId(remedy.kind), ticket(run), { label: `${text}: run #${run.number}`, ...look }),
    ),
  )
  if (run.kind === 'verify' && mayRunAgain(run)) buttons.push(make('runAgain', 'Verify again'))
  if ((run.kind === 'diagnose' || run.kind === 'fix') && mayRunAgain(run))
    buttons.push(make('diagnoseAgain', 'Diagnose again'))
  if (shows && run.plan !== undefined && run.kind !== 'diagnose' && run.kind !== 'fix')
    buttons.push(make('details', 'Details'))
  return buttons
}

/** Lists the buttons of a gate. The request in the thread has the same ones; once somebody has decided they are refused. */
export function approvalButtons(run: Run): Button[] {
  const make = maker(run)
  return [
    ...(can('approved', run) ? [make('approve', 'Approve', { style: 'primary' })] : []),
    ...(can('rejected', run) ? [make('reject', 'Reject…')] : []),
  ]
}

/** Now, and until when a rollback is offered. */
export interface RollbackTime {
  readonly now: Date
  readonly until: Date
}

/** Lists what can be done about a run that has stopped; the post that tells of its failure has the same ones. */
export function failureButtons(run: Run, rollback: RollbackTime | undefined): Button[] {
  if (run.rolledBackBy !== undefined) return []
  const make = maker(run)
  return [
    ...(can('retry', run) && retryHelps(run) ? [make('retryPhase', retryText(run), { style: 'primary' })] : []),
    ...(rollback !== undefined && mayRollBack(run, rollback)
      ? [make('rollBack', 'Roll back…', { style: 'danger' })]
      : []),
    ...(can('leave', run) && notWellWords(run) !== undefined ? [make('diagnose', 'Diagnose…')] : []),
    ...(can('leave', run) && !readOnly(run) && !neverPlanned(run) ? [make('leave', 'Leave as is')] : []),
  ]
}

/** Tells a run that has nothing to stop half-way. */
function isHarmless(run: Run): boolean {
  return readOnly(run) || run.status === 'planning'
}

function retryText(run: Run): string {
  if (neverPlanned(run)) return 'Plan again'
  if (notWellWords(run) !== undefined) return 'Check again'
  return readOnly(run) ? 'Retry' : 'Retry phase'
}

function maker(run: Run) {
  return (id: keyof typeof actionIds, text: string, look: ButtonLook = {}) =>
    button(text, actionIds[id], ticket(run), { label: `${text}: run #${run.number}`, ...look })
}

/** Lists what can be decided while a release is monitored. */
export function watchButtons(run: Run): Button[] {
  const make = maker(run)
  return watchChoices(run).map((choice) => {
    switch (choice) {
      case 'roll_back':
        return make('rollBack', 'Roll back…', { style: 'danger' })
      case 'keep':
        return make('keepWatching', 'Keep monitoring')
      case 'stop':
        return make('stopWatching', 'Stop and fail', { confirm: stopWatching(run) })
      case 'finish':
        return make('finishWatch', 'End monitoring now', { confirm: finishWatch(run) })
    }
  })
}

function finishWatch(run: Run): Question {
  return {
    title: `End monitoring of run #${run.number}?`,
    text: 'The success criteria are judged on the data so far. The report says that monitoring ended early.',
    verb: 'End monitoring',
    deny: 'Cancel',
  }
}

function stopWatching(run: Run): Question {
  return {
    title: `Stop monitoring run #${run.number}?`,
    text: 'The run fails. Nothing is rolled back. The board offers that afterwards.',
    verb: 'Stop and fail',
    deny: 'Cancel',
  }
}

/**
 * Tells whether the board offers a rollback. It needs no question of its own, as a dialog lists what will be undone.
 */
function mayRollBack(run: Run, { now, until }: RollbackTime): boolean {
  if (!isUndoable(run) || run.dryRun || !run.hasEffects || run.rolledBackBy !== undefined) return false
  switch (run.status) {
    case 'failed':
    case 'left':
    case 'cancelled':
    // The plan of such a run was outdated after phases had run, and nobody approved the new one.
    case 'rejected':
    case 'expired':
    case 'succeeded':
      return now < until
    case 'planning':
    case 'awaiting_approval':
    case 'executing':
    case 'cancelling':
    case 'planned':
      return false
  }
}

/** Tells whether the board offers a new run. A failed one offers Retry instead, which looks again on the same board. */
function mayRunAgain(run: Run): boolean {
  return run.status === 'succeeded' || run.status === 'cancelled' || run.status === 'left'
}

function cancel(run: Run): Question {
  return {
    title: `Cancel run #${run.number}?`,
    text: 'The current phase is stopped. Changes so far stay until you roll back.',
    verb: 'Cancel run',
    deny: 'Keep running',
  }
}
