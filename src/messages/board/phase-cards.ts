import type { PlanBlock, RichTextBlock, RichTextList, TaskCardBlock } from '@slack/types'
import { elapsed, isUndoPlan, type PhaseState, type Run, settledStatuses } from '../../model/run.ts'
import { clip } from '../../outside-text/cut.ts'
import { capped } from '../blocks/message.ts'
import { counted, duration, minutes, oneLine } from '../../text.ts'
import { chapters, phaseTitle } from '../blocks/chapters.ts'
import { lateness } from './eta.ts'
import type { StateView } from './state.ts'

type Clock = Pick<StateView, 'now' | 'pace'>

/** Renders the chapters as Slack's plan block: each has a card with its time against its budget and one line. */
export function phaseCards(run: Run, view: Clock): PlanBlock {
  const all = chapters(run)
  const done = all.filter((phase) => phase.status === 'succeeded').length
  return {
    type: 'plan',
    title: `${counted(all.length, 'phase')}, ${done} done`,
    tasks: all.map((phase) => card(run, phase, view)),
  }
}

function card(run: Run, phase: PhaseState, view: Clock): TaskCardBlock {
  return {
    type: 'task_card',
    task_id: `${run.number}-${phase.name}`,
    title: phaseTitle(run, phase.name),
    status: cardStatus(phase),
    details: details(run, phase, view),
  }
}

function cardStatus(phase: PhaseState): TaskCardBlock['status'] {
  switch (phase.status) {
    case 'pending':
    case 'queued':
      return 'pending'
    case 'running':
      return 'in_progress'
    case 'succeeded':
      return 'complete'
    case 'failed':
    case 'cancelled':
      return 'error'
  }
}

function details(run: Run, phase: PhaseState, view: Clock): RichTextBlock {
  const list = phase.name === 'undo' ? undoList(run) : []
  return {
    type: 'rich_text',
    elements: [{ type: 'rich_text_section', elements: [{ type: 'text', text: phaseLine(run, phase, view) }] }, ...list],
  }
}

function undoList(run: Run): readonly RichTextList[] {
  if (!isUndoPlan(run.plan) || run.plan.steps.length === 0) return []
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

/** Words a phase: "done in 1m 12s of 10 min: 3 of 3 pods updated". The state is always a word. */
function phaseLine(run: Run, phase: PhaseState, view: Clock): string {
  const told = phase.status === 'failed' ? (phase.failure?.message ?? phase.line) : phase.line
  const line = told === '' ? '' : `: ${clip(oneLine(told), 220)}`
  const attempt = phase.attempt > 1 ? ` (attempt ${phase.attempt})` : ''
  return `${phaseState(run, phase, view)}${attempt}${line}`
}

/** Words a phase's state and time: "running, 1m 12s of 10 min". */
function phaseState(run: Run, phase: PhaseState, view: Clock): string {
  const budget = minutes(phase.budgetMinutes)
  const took = elapsed(phase, view.now)
  const time = took === undefined ? '' : ` ${duration(took)} of ${budget}`
  switch (phase.status) {
    case 'pending':
      return settledStatuses.includes(run.status) ? 'not run' : `waiting, ${budget} planned`
    case 'queued':
      return phase.transientFailures > 0 ? 'tries again after a temporary error' : `about to start, ${budget} planned`
    case 'running':
      return time === '' ? `running, ${budget} planned` : `running,${time}${lateness(phase, view.now, view.pace ?? {})}`
    case 'succeeded':
      return time === '' ? 'done' : `done in${time}`
    case 'failed':
      return time === '' ? 'failed' : `failed after${time}`
    case 'cancelled':
      return time === '' ? 'cancelled' : `cancelled after${time}`
  }
}
