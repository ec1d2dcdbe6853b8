import { elapsed, type Run } from '../../model/run.ts'
import { escape, localTime } from '../blocks/marks.ts'
import {
  capped,
  code,
  context,
  joined,
  mention,
  message,
  type Message,
  paragraph,
  paragraphs,
  words,
} from '../blocks/message.ts'
import { currentPhase, phaseWords } from '../blocks/chapters.ts'
import { stateWords, subject } from '../board/status-words.ts'
import { ago, duration } from '../../text.ts'

/** A command as the help lists it. */
interface CommandHelp {
  readonly usage: string
  /** What it does, in a phrase. */
  readonly does: string
  /** Its arguments and options; only the options are explained, their labels begin with two hyphens. */
  readonly words: readonly { readonly label: string; readonly does: string }[]
}

/** Lists every command on one screen. */
export function help(commands: readonly CommandHelp[]): Message {
  const lines = commands.map(({ usage, does, words }) => {
    const options = words.filter(({ label }) => label.startsWith('--'))
    return [`${code(usage)} – ${does}`, ...options.map((option) => `${code(option.label)} ${option.does}`)].join(' · ')
  })
  const notes =
    'ENV defaults to the default environment, #N to the latest matching run. Purser asks for a missing VERSION or REASON.'
  return message(['Purser runs the billing deployment runbook.', ...lines, notes].join('\n'), [
    paragraph(
      ['*Purser runs the billing deployment runbook.* Nothing changes before an approval.', ...lines].join('\n'),
    ),
    context(notes),
  ])
}

/** Says no, why, and what to do instead. Both texts are plain, with commands between backticks. */
export function refusal(text: string, next?: string): Message {
  const lines = [text, ...(next === undefined || next === '' ? [] : [next])].map((line) => words(line, 1400) || '–')
  return message(lines.join('\n'), [paragraph(lines.join('\n'))])
}

/** Answers a press in App Home, which has no channel of its own: what happens, and where it can be watched. */
export function beingVerified(environment: string, channel: string): Message {
  const whole = `${words(`Verifying ${environment}.`, 500)} The board is in <#${channel}>.`
  return message(whole, [paragraph(whole)])
}

/** Answers a text that is no command. `usage` is that of the nearest command, or of the help when nothing is near. */
export function unknownCommand(typed: string, nearest: string | undefined, usage: string): Message {
  const wrong = typed.trim() === '' ? 'No command.' : `Unknown command ${code(typed, 100)}.`
  const meant = nearest === undefined ? '' : ` Did you mean ${code(nearest, 100)}?`
  const text = `${wrong}${meant}\nUsage: ${code(usage, 300)}\n${code('/billing help')} lists every command.`
  return message(text, [paragraph(text)])
}

/**
 * Runs of these environments that are under way or wait for people; one run when somebody asked for it by number. `above`: a
 * line, with marks, for each lock and freeze, and for what Slack refuses.
 */
export function statusMessage(
  runs: readonly Run[],
  now: Date,
  environments: readonly string[],
  above: readonly string[] = [],
): Message {
  if (runs.length === 0) {
    const text = `Nothing running or waiting in ${words(joined(environments, 'or'))}. To deploy: ${code('/billing deploy VERSION')}`
    return message([...above, text].join('\n'), [...above.map((line) => paragraph(line)), paragraph(text)])
  }
  const lines = [...above, ...runs.map((run) => `${runLine(run)}${progress(run, now)}`)]
  return listMessage(lines, 'not listed', `${code('/billing status #N')} shows one run.`)
}

/** Runs of these environments, newest first as given. */
export function historyMessage(runs: readonly Run[], now: Date, environments: readonly string[]): Message {
  if (runs.length === 0) {
    const text = `No runs in ${words(joined(environments, 'or'))} yet. To deploy: ${code('/billing deploy VERSION')}`
    return message(text, [paragraph(text)])
  }
  const lines = runs.map((run) => {
    const took = elapsed(run, now)
    const time = took === undefined || run.finishedAt === undefined ? '' : ` in ${duration(took)}`
    return `${runLine(run)}${time}, ${ago(run.finishedAt ?? run.createdAt, now)}, requested by ${mention(run.requestedBy)}`
  })
  return listMessage(lines, 'not listed', `${code('/billing history #N')} shows everything that happened in one run.`)
}

interface HistoryEvent {
  readonly at: Date
  readonly actor: string
  readonly kind: string
  readonly text: string
}

/** Tells everything that happened in a run, the oldest first; when it is too long the oldest are counted, not shown. */
export function runHistoryMessage(run: Run, events: readonly HistoryEvent[]): Message {
  const head = `*#${run.number}* ${words(subject(run), 250)}: ${words(stateWords(run), 100)}`
  const lines = events.map((event) => {
    const what = `*${words(event.kind.replaceAll('_', ' '), 40) || '–'}*`
    const text = event.text === '' ? '' : `: ${words(event.text, 300)}`
    return `${localTime(event.at, '{date_short_pretty} {time}')} ${mention(event.actor)} – ${what}${text}`
  })
  const kept: string[] = []
  let length = 0
  for (const line of [...lines].reverse()) {
    length += line.length + 1
    if (length > 8000) break
    kept.unshift(line)
  }
  const left = lines.length - kept.length
  const told = [...(left === 0 ? [] : [`… ${left} earlier events not shown`]), ...kept]
  const empty = events.length === 0 ? ['Nothing recorded yet.'] : []
  return message(`${head}, ${events.length} events`, paragraphs([head, ...empty, ...told]))
}

function listMessage(lines: readonly string[], rest: string, note: string): Message {
  const kept = capped(lines, { lines: 25, chars: 8000, rest })
  return message(kept.join('\n'), [...paragraphs(kept), context(note)])
}

function runLine(run: Run): string {
  const dry = run.dryRun && run.status !== 'planned' ? ' (dry run)' : ''
  return `*#${run.number}* ${words(subject(run), 150)}${dry}: ${escape(stateWords(run))}`
}

function progress(run: Run, now: Date): string {
  const phase = currentPhase(run)
  if (run.status !== 'executing' || phase === undefined) return ''
  const took = elapsed(run, now)
  const line = phase.line === '' ? '' : `, ${words(phase.line, 120)}`
  const since = took === undefined ? '' : `, ${duration(took)} so far`
  return ` (${phaseWords(run, phase.name)}${line})${since}`
}
