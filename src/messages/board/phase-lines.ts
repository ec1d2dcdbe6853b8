import type { RichTextBlock, RichTextList } from '@slack/types'
import { elapsed, isUndoPlan, type PhaseState, type Run, settledStatuses } from '../../model/run.ts'
import { clip } from '../../outside-text/cut.ts'
import { capped, paragraph, words } from '../blocks/message.ts'
import { duration, minutes, oneLine } from '../../text.ts'
import { chapters, phaseTitle } from '../blocks/chapters.ts'
import { lateness } from './eta.ts'
import type { StateView } from './state.ts'

type Clock = Pick<StateView, 'now' | 'pace'>

/**
 * Renders the chapters as text: a line for what is done, one for each chapter that needs attention, one for what is to come.
 * Slack folds its own `plan` block at every edit (slackapi/node-slack-sdk #2701), so a board that is edited cannot use it.
 */
export function phaseLines(run: Run, view: Clock): RichTextBlock {
  const all = chapters(run)
  const done = all.filter(({ status }) => status === 'succeeded')
  const pending = all.filter(({ status }) => status === 'pending')
  const others = all.filter((phase) => !done.includes(phase) && !pending.includes(phase))
  // What runs now is what people ask once a run is over.
  const serving = settledStatuses.includes(run.status) ? done.filter(({ name }) => name === 'rollout') : []
  const lines = [
    ...(done.length === 0 ? [] : [doneLine(run, done, all.length, view)]),
    ...serving.map(({ name, line }) => `*${words(phaseTitle(run, name))}:* ${words(line, 220)}`),
    ...others.map((phase) => `*${words(phaseTitle(run, phase.name))}:* ${words(phaseLine(phase, view), 400)}`),
    ...(pending.length === 0 ? [] : [pendingLine(run, pending)]),
  ]
  const block = paragraph(lines.join('\n'))
  return { ...block, elements: [...block.elements, ...undoList(run, all)] }
}

function doneLine(run: Run, done: readonly PhaseState[], all: number, view: Clock): string {
  const each = done.map((phase) => {
    const took = elapsed(phase, view.now)
    const again = phase.attempt > 1 ? ` (attempt ${phase.attempt})` : ''
    return `${phaseTitle(run, phase.name)}${took === undefined ? '' : ` ${duration(took)}`}${again}`
  })
  // What a single chapter came to is the result of the run.
  const only = all === 1 ? (done[0]?.line ?? '') : ''
  const count = all === 1 ? '' : ` (${done.length} of ${all})`
  return `*Done${count}:* ${words(each.join(' · '), 600)}${only === '' ? '' : `: ${words(only, 220)}`}`
}

function pendingLine(run: Run, pending: readonly PhaseState[]): string {
  const label = settledStatuses.includes(run.status) ? 'Not run' : 'To come'
  return `*${label}:* ${words(pending.map(({ name }) => phaseTitle(run, name)).join(' · '), 600)}`
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

/** Words a phase: "failed after 1m 12s of 10 min: 2 of 3 pods are ready". The state is always a word. */
function phaseLine(phase: PhaseState, view: Clock): string {
  const told = phase.status === 'failed' ? (phase.failure?.message ?? phase.line) : phase.line
  const line = told === '' ? '' : `: ${clip(oneLine(told), 220)}`
  const attempt = phase.attempt > 1 ? ` (attempt ${phase.attempt})` : ''
  return `${phaseState(phase, view)}${attempt}${line}`
}

/** Words a phase's state and time: "running, 1m 12s of 10 min". */
function phaseState(phase: PhaseState, view: Clock): string {
  const budget = minutes(phase.budgetMinutes)
  const took = elapsed(phase, view.now)
  const time = took === undefined ? '' : `${duration(took)} of ${budget}`
  switch (phase.status) {
    case 'queued':
      return phase.transientFailures > 0 ? 'tries again after a temporary error' : `about to start, ${budget} planned`
    case 'running':
      return time === ''
        ? `running, ${budget} planned`
        : `running, ${time}${lateness(phase, view.now, view.pace ?? {})}`
    case 'failed':
      return time === '' ? 'failed' : `failed after ${time}`
    case 'cancelled':
      return time === '' ? 'cancelled' : `cancelled after ${time}`
    case 'pending':
    case 'succeeded':
      return phase.status
  }
}
