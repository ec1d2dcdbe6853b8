import type { Block, KnownBlock } from '@slack/types'
import { monitorCodeOf } from '../../model/monitor-codes.ts'
import { notWellWords } from '../../model/not-well.ts'
import type { Run, Verification } from '../../model/run.ts'
import type { ThreadPost } from '../../model/post.ts'
import { currentWatch } from '../../model/watch.ts'
import { failureButtons, type RollbackTime, watchButtons } from '../board/actions.ts'
import { choices } from '../board/so-far.ts'
import { change, subject, tally } from '../board/status-words.ts'
import { type Charts, drawn, type Watched } from '../blocks/charts.ts'
import { phaseWords } from '../blocks/chapters.ts'
import { list } from '../blocks/list.ts'
import { localTime } from '../blocks/marks.ts'
import {
  actions,
  capped,
  codeBlock,
  context,
  mention,
  message,
  type Message,
  paragraph,
  words,
} from '../blocks/message.ts'
import { sentence } from '../../text.ts'
import { checkLine, checkTable, worstFirst } from './checks.ts'
import { tellingFirst } from './evidence.ts'

/* What the thread says of how a run goes: a failure, a breach, the verification at the end. */

type Post<Kind extends ThreadPost['kind']> = Extract<ThreadPost, { kind: Kind }>
type Blocks = readonly (KnownBlock | Block)[]

/** What a post shows beside its run. */
export interface ThreadFacts {
  readonly watched?: Watched
  readonly rollback?: RollbackTime
}

export function failed(post: Post<'failed'>, run: Run, charts: Charts, { rollback }: ThreadFacts): Message {
  const { failure } = post
  const unwell = notWellWords(run)
  const end = unwell === undefined ? ` failed at ${words(phaseWords(run, post.phase))}` : `: ${unwell}`
  const what = `${words(change(run), 250)} (run #${run.number})${end}`
  const reason = words(sentence(failure.message), 800)
  const hint = failure.hint === undefined ? '' : `*Fix:* ${words(failure.hint, 600)}`
  const onCall = post.onCall === undefined || post.onCall === '' ? '' : `${mention(post.onCall)}: `
  const next = run.rolledBackBy === undefined ? choices(run) : `The rollback is run #${run.rolledBackBy}.`
  const evidence = tellingFirst(failure.evidence)
  const blocks: Blocks = [
    paragraph(`${unwell === undefined ? ':x:' : ':warning:'} *${what}*\n${reason}`),
    ...(evidence.length === 0 ? [] : [codeBlock(evidence.join('\n'))]),
    paragraph([...(hint === '' ? [] : [hint]), `${onCall}${next}`].join('\n')),
    ...actions(run.status === 'failed' ? failureButtons(run, rollback) : []),
  ]
  const text = [`${what}: ${reason}`, hint, `${onCall}${next}`].filter((part) => part !== '').join('\n')
  return post.phase === 'monitor' && !judged(post, run) ? withCharts(text, blocks, charts) : message(text, blocks)
}

/** Tells whether monitoring came to its end: then its criteria were told just before, with the charts. */
function judged({ failure }: Post<'failed'>, { watch }: Run): boolean {
  const code = monitorCodeOf(failure)
  const decided = watch?.decision?.kind
  if (code === 'monitor_breach') return decided !== 'roll_back' && decided !== 'stop'
  return code === 'criteria_missed' || code === 'monitor_inconclusive'
}

/** Asks once, where it notifies; the board has the same buttons, and loses them when somebody has decided. */
export function breach(post: Post<'breach'>, run: Run, charts: Charts): Message {
  const what = `${words(sentence(post.text), 900)}`
  const where = `While monitoring ${words(subject(run), 250)} (run #${run.number})`
  const evidence = post.evidence.filter((line) => !post.text.includes(line))
  const until = currentWatch(run)?.endsAt
  const goesOn = until === undefined ? '' : ` Monitoring continues until ${localTime(until)}.`
  const next = post.automatic
    ? 'The policy rolls it back without asking. Monitoring ends, and the rollback starts as its own run.'
    : `Roll back, keep monitoring or stop.${goesOn}`
  const onCall = post.onCall === undefined || post.onCall === '' ? '' : `${mention(post.onCall)}: `
  const blocks: Blocks = [
    paragraph(`:warning: *${what}*\n${where}`),
    ...(evidence.length === 0 ? [] : [codeBlock(tellingFirst(evidence).join('\n'))]),
    paragraph(`${onCall}${next}`),
    ...actions(watchButtons(run)),
  ]
  return withCharts([what, where, `${onCall}${next}`].join('\n'), blocks, charts)
}

/**
 * Adds the charts at the end; they are also in words, for whoever hears the message and for a workspace that refuses
 * charts.
 */
function withCharts(text: string, blocks: Blocks, charts: Charts): Message {
  if (charts.lines.length === 0) return message(text, blocks)
  const told = list('While monitoring', charts.lines, {
    line: 150,
    cap: { lines: 12, chars: 900, rest: 'in the report' },
  })
  if (charts.blocks.length === 0) return message(text, [...blocks, ...told])
  const spoken = capped(
    charts.lines.map((line) => words(line, 150)),
    { lines: 12, chars: 900, rest: 'in the report' },
  )
  const whole = message([text, ...spoken].join('\n'), [...blocks, ...drawn(charts)])
  return { ...whole, withoutCharts: [...blocks, ...told] }
}

export function verification(seen: Verification, run: Run, charts: Charts): Message {
  const checks = [...seen.counts, ...seen.state]
  const all = [...checks, ...seen.criteria]
  const criteria = capped(
    worstFirst(seen.criteria).map((check) => checkLine(check)),
    { lines: 20, chars: 2400, rest: 'in the report' },
  )
  const text = `Verification of ${words(run.environment, 100)}: ${words(tally(all))}.`
  // Two charts take up to 2,000 characters of the budget.
  const { table, left } = checkTable(checks, { at: seen.at, rows: 60, chars: charts.lines.length > 0 ? 4000 : 6000 })
  const blocks = [
    paragraph(`*${text}*`),
    ...(criteria.length === 0 ? [] : [paragraph(['*Success criteria*', ...criteria].join('\n'))]),
    ...(checks.length === 0 ? [] : [table]),
    ...(left === 0 ? [] : [context(`… and ${left} more in the report`)]),
  ]
  return withCharts([text, ...criteria].join('\n'), blocks, charts)
}
