import type { Button } from '@slack/types'
import { isReadOnly as readOnly, isUndoable } from '../../model/kinds.ts'
import { can } from '../../model/lifecycle.ts'
import type { RemedyKind } from '../../model/diagnosis.ts'
import type { Run } from '../../model/run.ts'
import { neverPlanned, retryHelps } from '../../model/retry-helps.ts'
import { watchChoices } from '../../model/watch.ts'
import { remedyButtons } from '../thread/diagnosis.ts'
import { button, type ButtonLook, type Question } from '../blocks/message.ts'
import { subject } from './status-words.ts'

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
} as const

export const viewIds = {
  rollback: 'rollback_dialog',
  details: 'plan_details',
  deploy: 'deploy_dialog',
  lock: 'lock_dialog',
  restore: 'restore_dialog',
  diagnose: 'diagnose_dialog',
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
  const buttons: Button[] = []
  const shows = run.status === 'awaiting_approval' || run.status === 'executing' || run.status === 'planned'

  if (can('approved', run)) buttons.push(make('approve', 'Approve', { style: 'primary' }))
  if (can('rejected', run)) buttons.push(make('reject', 'Reject', { style: 'danger', confirm: reject(run) }))
  if (can('retry', run) && retryHelps(run)) buttons.push(make('retryPhase', retryText(run), { style: 'primary' }))
  if (mayRollBack(run, now, rollbackUntil)) buttons.push(make('rollBack', 'Roll back', { style: 'danger' }))
  if (can('leave', run) && !readOnly(run) && !neverPlanned(run)) buttons.push(make('leave', 'Leave it'))
  buttons.push(...watchButtons(run))
  if (can('cancel', run) && run.status === 'planning') buttons.push(make('cancel', 'Cancel'))
  if (can('cancel', run) && run.status === 'executing') {
    buttons.push(make('cancel', 'Cancel', readOnly(run) ? {} : { style: 'danger', confirm: cancel(run) }))
  }
  buttons.push(
    ...remedyButtons(run, (remedy, text, look) =>
      button(text, remedyActionId(remedy.kind), ticket(run), { label: `${text}: run #${run.number}`, ...look }),
    ),
  )
  if (run.kind === 'verify' && mayRunAgain(run)) buttons.push(make('runAgain', 'Run again'))
  if ((run.kind === 'diagnose' || run.kind === 'fix') && mayRunAgain(run))
    buttons.push(make('diagnoseAgain', 'Diagnose again'))
  if (shows && run.plan !== undefined && run.kind !== 'diagnose' && run.kind !== 'fix')
    buttons.push(make('details', 'Details'))
  return buttons
}

function retryText(run: Run): string {
  if (neverPlanned(run)) return 'Plan again'
  return readOnly(run) ? 'Retry' : 'Retry phase'
}

function maker(run: Run) {
  return (id: keyof typeof actionIds, text: string, look: ButtonLook = {}) =>
    button(text, actionIds[id], ticket(run), { label: `${text}: run #${run.number}`, ...look })
}

/** Lists what can be decided about a release that is being watched. */
export function watchButtons(run: Run): Button[] {
  const make = maker(run)
  return watchChoices(run).map((choice) => {
    switch (choice) {
      case 'roll_back':
        return make('rollBack', 'Roll back', { style: 'danger' })
      case 'keep':
        return make('keepWatching', 'Keep watching')
      case 'stop':
        return make('stopWatching', 'Stop watching', { confirm: stopWatching(run) })
      case 'finish':
        return make('finishWatch', 'Finish now', { confirm: finishWatch(run) })
    }
  })
}

function finishWatch(run: Run): Question {
  return {
    title: `Finish watching run #${run.number}?`,
    text: `The success criteria are judged on what was seen so far, and the report says that it was finished early.`,
    verb: 'Finish now',
    deny: 'Keep watching',
  }
}

function stopWatching(run: Run): Question {
  return {
    title: `Stop watching run #${run.number}?`,
    text: `${subject(run)} fails with what was seen. Nothing is rolled back by that; the board offers it afterwards.`,
    verb: 'Stop watching',
    deny: 'Keep watching',
  }
}

/**
 * Tells whether the board offers a rollback. It needs no question of its own, as a dialog lists what will be undone.
 */
function mayRollBack(run: Run, now: Date, until: Date | undefined): boolean {
  if (!isUndoable(run) || run.dryRun || !run.hasEffects || run.rolledBackBy !== undefined) return false
  switch (run.status) {
    case 'failed':
    case 'left':
    case 'cancelled':
    // The plan of such a run was outdated after phases had run, and nobody approved the new one.
    case 'rejected':
    case 'expired':
    case 'succeeded':
      return until !== undefined && now < until
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

function reject(run: Run): Question {
  return {
    title: `Reject run #${run.number}?`,
    text: `${subject(run)} ends here and nothing is changed. To go on later, a new plan is needed.`,
    verb: 'Reject',
    deny: 'Keep waiting',
  }
}

function cancel(run: Run): Question {
  return {
    title: `Cancel run #${run.number}?`,
    text: `${subject(run)}: the phase under way is stopped. What was changed so far stands until someone rolls it back.`,
    verb: 'Cancel the run',
    deny: 'Let it run',
  }
}
