import type { Block, KnownBlock, ModalView } from '@slack/types'
import type { Run } from '../../model/run.ts'
import type { UndoPlan } from '../../model/undo-plan.ts'
import { viewIds } from '../board/actions.ts'
import {
  lookingAtCluster,
  podChanges,
  type RefusedRollback,
  refusedRollbackTarget,
  rollbackTargetBlocks,
} from '../plan/rollback-target.ts'
import { inputs, typedEnvironment } from './ask-dialogs.ts'
import { list } from '../blocks/list.ts'
import { paragraph, plainContext, plainText, words } from '../blocks/message.ts'
import { planSections, rendered } from '../plan/plan-sections.ts'
import { chapters, phaseTitle } from '../blocks/chapters.ts'
import { change, stateWords, subject } from '../board/status-words.ts'
import { duration, minutes } from '../../text.ts'

/**
 * Shows what will run after a rollback, what cannot be undone, and every step in its order, before anyone confirms. `now` is for
 * how old what the cluster said is.
 */
export function rollbackView(
  run: Run,
  undo: UndoPlan,
  privateMetadata: string,
  now: Date,
  breakGlass = false,
): ModalView {
  const nothing = undo.steps.length === 0
  const { rollbackTarget } = undo
  return {
    ...rollbackFrame(run, nothing ? 'Close' : 'Cancel'),
    callback_id: viewIds.rollback,
    private_metadata: privateMetadata,
    ...(nothing ? {} : { submit: plainText('Roll back', 24) }),
    blocks: [
      ...(breakGlass ? [paragraph(breakGlassWarning)] : []),
      ...(rollbackTarget === undefined ? [] : rollbackTargetBlocks(rollbackTarget, run.environment, now)),
      ...stayBlocks(undo),
      ...stepBlocks(run, undo),
      // It takes back data, as the restore did.
      ...(nothing || run.kind !== 'restore' ? [] : [typedEnvironment(run.environment)]),
      ...(nothing ? [] : [reasonInput(breakGlass)]),
      ...(rollbackTarget === undefined ? [] : podChanges(rollbackTarget)),
      ...aboutRun(run),
    ],
  }
}

/** Shows the same while the cluster is still being asked: nobody confirms what they have not seen. */
export function rollbackLookingView(run: Run, undo: UndoPlan): ModalView {
  return {
    ...rollbackFrame(run, 'Cancel'),
    blocks: [...lookingAtCluster(), ...stayBlocks(undo), ...stepBlocks(run, undo), ...aboutRun(run)],
  }
}

/** Says why a rollback that would stop is not offered. */
export function rollbackRefusedView(run: Run, refused: RefusedRollback, now: Date): ModalView {
  return { ...rollbackFrame(run, 'Close'), blocks: [...refusedRollbackTarget(run.number, refused, now)] }
}

/** Asks why a plan is rejected. The reason is optional, and shown on the board. */
export function rejectView(run: Run, privateMetadata: string): ModalView {
  return {
    type: 'modal',
    callback_id: viewIds.reject,
    private_metadata: privateMetadata,
    title: plainText(`Reject #${run.number}`, 24),
    submit: plainText('Reject', 24),
    close: plainText('Cancel', 24),
    blocks: [
      paragraph(`*${words(change(run), 300)}* ends here. Nothing changes. Trying again needs a new plan.`),
      {
        type: 'input',
        block_id: inputs.reason,
        optional: true,
        label: plainText('Why?'),
        hint: plainText('Everyone in the channel sees it.'),
        element: {
          type: 'plain_text_input',
          action_id: inputs.reason,
          max_length: 300,
          placeholder: plainText('For example: not during month end'),
          focus_on_load: true,
        },
      },
    ],
  }
}

function rollbackFrame(run: Run, close: string) {
  return { type: 'modal' as const, title: plainText(`Roll back #${run.number}`, 24), close: plainText(close, 24) }
}

const rest = 'in the plan of the rollback'

function stepBlocks(run: Run, undo: UndoPlan): readonly (KnownBlock | Block)[] {
  const style = { ordered: true, line: 500, cap: { lines: 200, chars: 40_000, rest } }
  if (undo.steps.length === 0) return [paragraph(`Nothing to undo: run #${run.number} left no changes.`)]
  const lines = undo.steps.map((step) => step.line)
  return list('Rolling back will:', lines, style)
}

function aboutRun(run: Run): readonly (KnownBlock | Block)[] {
  return [plainContext(`Run #${run.number}: ${subject(run)}, ${stateWords(run)}`)]
}

function stayBlocks({ stays }: UndoPlan): readonly (KnownBlock | Block)[] {
  const style = { line: 1200, cap: { lines: 100, chars: 12_000, rest } }
  return stays.length === 0 ? [] : list('Stays:', stays, style)
}

const breakGlassWarning =
  ':warning: *Break-glass: no approval.* Every channel of the environment and the people on call are told that you did this, and why.'

function reasonInput(required: boolean): KnownBlock {
  return {
    type: 'input',
    block_id: inputs.reason,
    optional: !required,
    label: plainText('Why?'),
    hint: plainText('It stays in the record.'),
    element: {
      type: 'plain_text_input',
      action_id: inputs.reason,
      multiline: true,
      max_length: 500,
      placeholder: plainText('For example: webhooks fail since the deploy'),
    },
  }
}

/**
 * Shows the plan in full and, once it runs, how each phase is. It needs no `now`: times are those of finished phases.
 */
export function detailsView(run: Run): ModalView {
  const begun = chapters(run).some((phase) => phase.status !== 'pending')
  const blocks: (KnownBlock | Block)[] = [
    paragraph(`*${words(subject(run), 300)}*: ${words(stateWords(run), 100)}`),
    ...(begun
      ? rendered({ title: 'Phases', lines: chapters(run).map((phase) => phaseLine(run, phase)) }, detailRoom)
      : []),
    ...planSections(run, detailRoom),
  ]
  return {
    type: 'modal',
    callback_id: viewIds.details,
    title: plainText(`Run #${run.number}`, 24),
    close: plainText('Close', 24),
    blocks,
  }
}

/**
 * The room of one chapter. A view takes 100 blocks of 3,000 characters and 250 KB in all: nine chapters of this size
 * stay below both, even in a script that takes three bytes for a character.
 */
const detailRoom = { chars: 8500, rest: 'in the report of the run' }

function phaseLine(run: Run, phase: Run['phases'][number]): string {
  const took =
    phase.startedAt === undefined || phase.finishedAt === undefined
      ? `budget ${minutes(phase.budgetMinutes)}`
      : `${duration(phase.finishedAt.getTime() - phase.startedAt.getTime())} (budget ${minutes(phase.budgetMinutes)})`
  const attempt = phase.attempt > 1 ? `, attempt ${phase.attempt}` : ''
  const line = phase.status === 'failed' ? (phase.failure?.message ?? phase.line) : phase.line
  return `${phaseTitle(run, phase.name)}: ${phase.status}, ${took}${attempt}${line === '' ? '' : ` – ${line}`}`
}
