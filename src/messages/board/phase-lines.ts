import type { RichTextBlock, RichTextList } from '@slack/types'
import { elapsed, isUndoPlan, type PhaseState, type Run, settledStatuses } from '../../model/run.ts'
import { currentWatch } from '../../model/watch.ts'
import { clip } from '../../outside-text/cut.ts'
import { capped, paragraph, words } from '../blocks/message.ts'
import { duration, oneLine } from '../../text.ts'
import { chapters, currentPhase, phaseShortly, phaseTitle } from '../blocks/chapters.ts'
import type { StateView } from './state.ts'

type Clock = Pick<StateView, 'now'>

/**
 * Renders the chapters as text: a line for what is done, one for each chapter that stopped, one for what is to come. The
 * chapter under way is told above them. Slack folds its own `plan` block at every edit (slackapi/node-slack-sdk #2701), so a
 * board that is edited cannot use it. Nothing is left to say of a run of a single chapter that is under way.
 */
export function phaseLines(run: Run, view: Clock): readonly RichTextBlock[] {
  const all = chapters(run)
  const done = all.filter(({ status }) => status === 'succeeded')
  const told = run.status === 'executing' ? currentPhase(run) : undefined
  const pending = all.filter((phase) => phase.status === 'pending' && phase !== told)
  const stopped = all.filter(({ status }) => status === 'cancelled')
  // What runs now is what people ask once a run is over.
  const serving = settledStatuses.includes(run.status) ? done.filter(({ name }) => name === 'rollout') : []
  const lines = [
    ...(done.length === 0 ? [] : [doneLine(run, done, all.length, view)]),
    ...serving.map(({ name, line }) => `*${words(phaseTitle(run, name))}:* ${words(line, 220)}`),
    ...stopped.map((phase) => `*${words(phaseTitle(run, phase.name))}:* ${words(stoppedWords(phase, view), 400)}`),
    ...(pending.length === 0 || run.status === 'failed' ? [] : [pendingLine(run, pending)]),
  ]
  const steps = undoList(run, all)
  if (lines.length === 0) return steps.length === 0 ? [] : [{ type: 'rich_text', elements: [...steps] }]
  const block = paragraph(lines.join('\n'))
  return [{ ...block, elements: [...block.elements, ...steps] }]
}

function doneLine(run: Run, done: readonly PhaseState[], all: number, view: Clock): string {
  if (currentWatch(run) !== undefined) return `${done.length} of ${all} phases done.`
  const each = done.map((phase) => {
    const took = elapsed(phase, view.now)
    const again = phase.attempt > 1 ? ` (attempt ${phase.attempt})` : ''
    return `${phaseShortly(run, phase.name)}${took === undefined ? '' : ` ${duration(took)}`}${again}`
  })
  // What a single chapter came to is the result of the run.
  const only = all === 1 ? (done[0]?.line ?? '') : ''
  const count = all === 1 ? '' : ` (${done.length} of ${all})`
  return `*Done${count}:* ${words(each.join(' · '), 600)}${only === '' ? '' : `: ${words(only, 220)}`}`
}

function pendingLine(run: Run, pending: readonly PhaseState[]): string {
  const label = settledStatuses.includes(run.status) ? 'Not run' : 'To come'
  return `*${label}:* ${words(pending.map(({ name }) => phaseShortly(run, name)).join(' · '), 600)}`
}

/** Words a phase that was cancelled: "cancelled after 1m 12s: 2 of 3 pods were updated". */
function stoppedWords(phase: PhaseState, { now }: Clock): string {
  const took = elapsed(phase, now)
  const line = phase.line === '' ? '' : `: ${clip(oneLine(phase.line), 220)}`
  return `cancelled${took === undefined ? '' : ` after ${duration(took)}`}${line}`
}

function undoList(run: Run, all: readonly PhaseState[]): readonly RichTextList[] {
  if (!all.some(({ name }) => name === 'undo') || !isUndoPlan(run.plan) || run.plan.steps.length === 0) return []
  const lines = run.plan.steps.map((step) => clip(oneLine(step.line), 250) || '–')
  return [
    {
      type: 'rich_text_list',
      style: 'ordered',
      elements: capped(lines, { lines: 20, chars: 3500, rest: 'in the thread' }).map((text) => ({
        type: 'rich_text_section',
        elements: [{ type: 'text', text }],
      })),
    },
  ]
}
