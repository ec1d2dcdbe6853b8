import type { Block, KnownBlock, ModalView } from '@slack/types'
import type { Run } from '../../model/run.ts'
import type { UndoPlan } from '../../model/undo-plan.ts'
import { viewIds } from '../board/actions.ts'
import {
  lookingAtCluster,
  type RefusedRollback,
  refusedRollbackTarget,
  rollbackTargetBlocks,
} from '../plan/rollback-target.ts'
import { typedEnvironment } from './ask-dialogs.ts'
import { list } from '../blocks/list.ts'
import { paragraph, plainText, words } from '../blocks/message.ts'
import { planSections, rendered } from '../plan/plan-sections.ts'
import { chapters, phaseTitle } from '../blocks/chapters.ts'
import { stateWords, subject } from '../board/status-words.ts'
import { duration, minutes } from '../../text.ts'

/**
 * Shows exactly what a rollback will undo, in its order, what will run then, and what stays, before anyone confirms.
 * `now` is for how old what the cluster said is.
 */
export function rollbackView(
  run: Run,
  undo: UndoPlan,
  privateMetadata: string,
  now: Date,
  breakGlass = false,
): ModalView {
  const nothing = undo.steps.length === 0
  return {
    ...rollbackFrame(run, nothing ? 'Close' : 'Keep it'),
    callback_id: viewIds.rollback,
    private_metadata: privateMetadata,
    ...(nothing ? {} : { submit: plainText('Roll back', 24) }),
    blocks: [
      ...(breakGlass ? [paragraph(breakGlassWarning)] : []),
      ...undoneBlocks(run, undo),
      ...(undo.rollbackTarget === undefined ? [] : rollbackTargetBlocks(undo.rollbackTarget, now)),
      ...stayBlocks(undo),
      // It takes back data, as the restore did.
      ...(nothing || run.kind !== 'restore' ? [] : [typedEnvironment(run.environment, 'roll the restore back')]),
      ...(nothing ? [] : [reasonInput(breakGlass)]),
    ],
  }
}

/** Shows the same while the cluster is still being asked: nobody confirms what they have not seen. */
export function rollbackLookingView(run: Run, undo: UndoPlan): ModalView {
  return {
    ...rollbackFrame(run, 'Keep it'),
    blocks: [...undoneBlocks(run, undo), ...lookingAtCluster(), ...stayBlocks(undo)],
  }
}

/** Says why a rollback that would stop is not offered. */
export function rollbackRefusedView(run: Run, refused: RefusedRollback, now: Date): ModalView {
  return { ...rollbackFrame(run, 'Close'), blocks: [...refusedRollbackTarget(run.number, refused, now)] }
}

function rollbackFrame(run: Run, close: string) {
  return { type: 'modal' as const, title: plainText(`Roll back #${run.number}`, 24), close: plainText(close, 24) }
}

const rest = 'in the plan of the rollback'

function undoneBlocks(run: Run, undo: UndoPlan): readonly (KnownBlock | Block)[] {
  const steps = { ordered: true, line: 500, cap: { lines: 200, chars: 40_000, rest } }
  return [
    paragraph(`*${words(subject(run), 300)}* (run #${run.number}, ${words(stateWords(run), 100)})`),
    ...(undo.steps.length === 0
      ? [paragraph('There is nothing to undo: no change of this run stands.')]
      : list(
          'This is undone, in this order:',
          undo.steps.map((step) => step.line),
          steps,
        )),
  ]
}

function stayBlocks({ stays }: UndoPlan): readonly (KnownBlock | Block)[] {
  const style = { line: 1200, cap: { lines: 100, chars: 12_000, rest } }
  return stays.length === 0 ? [] : list('This stays as it is:', stays, style)
}

const breakGlassWarning =
  ':warning: *Break-glass: nobody is asked for approval.* Every channel of the environment and those on call are told that you did this, and why.'

function reasonInput(required: boolean): KnownBlock {
  return {
    type: 'input',
    block_id: 'reason',
    optional: !required,
    label: plainText('Why (stays in the record)'),
    element: {
      type: 'plain_text_input',
      action_id: 'reason',
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
      ? `${minutes(phase.budgetMinutes)} planned`
      : `${duration(phase.finishedAt.getTime() - phase.startedAt.getTime())} of ${minutes(phase.budgetMinutes)}`
  const attempt = phase.attempt > 1 ? `, attempt ${phase.attempt}` : ''
  const line = phase.status === 'failed' ? (phase.failure?.message ?? phase.line) : phase.line
  return `${phaseTitle(run, phase.name)}: ${phase.status}, ${took}${attempt}${line === '' ? '' : ` – ${line}`}`
}
