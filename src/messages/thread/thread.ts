import type { Block, KnownBlock } from '@slack/types'
import { countApprovals } from '../../model/lifecycle.ts'
import { clip } from '../../outside-text/cut.ts'
import { monitorCodeOf } from '../../model/monitor-codes.ts'
import { isDeployPlan, type Run, type Verification } from '../../model/run.ts'
import type { ThreadPost } from '../../model/post.ts'
import { chartBlocks, type Charts, drawn, unwatched, type Watched } from '../blocks/charts.ts'
import { watchButtons } from '../board/actions.ts'
import { phaseTitle } from '../blocks/chapters.ts'
import { checkLine, checkTable } from './checks.ts'
import { list } from '../blocks/list.ts'
import {
  actions,
  capped,
  code,
  codeBlock,
  context,
  mention,
  mentions,
  message,
  type Message,
  paragraph,
  paragraphs,
  words,
} from '../blocks/message.ts'
import { counted, sentence } from '../../text.ts'
import { overrideLine } from '../answers/freeze.ts'
import { planSections } from '../plan/plan-sections.ts'
import { choices, soFar } from '../board/so-far.ts'
import { subject, tally } from '../board/status-words.ts'
import { localTime } from '../blocks/marks.ts'

type Post<Kind extends ThreadPost['kind']> = Extract<ThreadPost, { kind: Kind }>
type Blocks = readonly (KnownBlock | Block)[]

/** Renders one post in the thread of a run's board. */
export function threadMessage(post: ThreadPost, run: Run, watched: Watched = unwatched): Message {
  // A retried phase watches anew.
  const began = run.phases.find((phase) => phase.name === 'monitor')?.startedAt ?? new Date(0)
  const charts = () =>
    chartBlocks(
      watched.samples.filter(({ at }) => at >= began),
      watched.metrics,
    )
  switch (post.kind) {
    case 'plan':
      return planPost(run)
    case 'approval_request':
      return approvalRequest(post, run)
    case 'decision':
      return decision(post, run)
    case 'output':
      return output(post)
    case 'note':
      return note(post)
    case 'failed':
      return failed(post, run, charts())
    case 'replanned':
      return replanned(post, run)
    case 'breach':
      return breach(post, run, charts())
    case 'reminder':
      return reminder(post, run)
    case 'verification':
      return verification(post.verification, run, charts())
    case 'report':
      return message(`The report of run #${run.number} is the file ${words(post.fileName, 200)}.`, [
        paragraph(`The report of run #${run.number} is the file ${words(post.fileName, 200)}.`),
      ])
    case 'audit_head':
      return auditHead(post, run)
  }
}

/** Here it is out of reach of whoever can write the state database. */
function auditHead({ sequence, hash }: Post<'audit_head'>, run: Run): Message {
  const text = `Audit head at the end of run #${run.number}: ${code(`${sequence}:${hash}`)}`
  return message(text, [context(text)])
}

function planPost(run: Run): Message {
  const head = `The plan of run #${run.number}: ${words(subject(run), 250)}`
  const risks = isDeployPlan(run.plan) ? `, ${counted(run.plan.risks.length, 'risk')}` : ''
  // Eight chapters of 1,150 characters and their headings stay within the budget of a message.
  const room = { chars: 1150, rest: 'under Details on the board' }
  const override = overrideLine(run)
  return message([`${head}${risks}. Nothing outside was changed to make it.`, ...override].join('\n'), [
    paragraph([`*${head}*`, ...override].join('\n')),
    ...planSections(run, room),
  ])
}

function approvalRequest(post: Post<'approval_request'>, run: Run): Message {
  const missing = Math.max(1, run.approvalsNeeded - countApprovals(run))
  const who = post.approvers.length === 0 ? 'An approver' : mentions(post.approvers, 'or')
  const until = run.expiresAt === undefined ? '' : ` The plan expires at ${localTime(run.expiresAt)}.`
  const text =
    `${who}: ${words(subject(run), 250)} (run #${run.number}) needs ${counted(missing, 'approval')}. ` +
    `Read the plan above, then press *Approve* or *Reject* on the board.${until}`
  const risks = isDeployPlan(run.plan) ? run.plan.risks : []
  const style = { line: 250, cap: { lines: 5, chars: 1200, rest: 'in the plan above' } }
  const known = risks.length === 0 ? '' : ` ${counted(risks.length, 'risk')} known.`
  const override = overrideLine(run)
  return message([`${text}${known}`, ...override].join('\n'), [
    paragraph([text, ...override].join('\n')),
    ...(risks.length === 0 ? [] : list('Risks', risks, style)),
  ])
}

function reminder({ approvers }: Post<'reminder'>, run: Run): Message {
  const who = approvers.length === 0 ? 'An approver' : mentions(approvers, 'or')
  const until = run.expiresAt === undefined ? '' : ` The plan expires at ${localTime(run.expiresAt)}.`
  const text = `${who}: ${words(subject(run), 250)} (run #${run.number}) still waits for an approval.${until}`
  return message(text, [paragraph(text)])
}

function decision(post: Post<'decision'>, run: Run): Message {
  const reason = post.reason === undefined || post.reason === '' ? '' : `\n>${words(post.reason, 600)}`
  const text = `${decided(post, run)}${reason}`
  return message(text, [paragraph(text)])
}

function decided(post: Post<'decision'>, run: Run): string {
  const who = mention(post.user)
  const number = `run #${run.number}`
  switch (post.decision) {
    case 'approved': {
      const { given, needed, lapsed } = post.approvals ?? {
        given: countApprovals(run),
        needed: run.approvalsNeeded,
        lapsed: [],
      }
      const open = given < needed ? 'More approvals are needed before it starts.' : 'It goes ahead.'
      const gone = lapsed.map((user) => ` The approval of ${mention(user)} no longer counts: they may not approve now.`)
      return `${who} *approved* ${number} (${given} of ${needed}). ${open}${gone.join('')}`
    }
    case 'rejected':
      return `${who} *rejected* ${number}. ${soFar(run)}`
    case 'cancelled':
      return `${who} *cancelled* ${number}. ${soFar(run)}`
    case 'retried':
      return `${who} *retries* ${number}: the failed phase runs again, the ones before it do not.`
    case 'left':
      return `${who} *left* ${number} as it is. Nothing more happens by itself.`
    case 'finish':
      return `${who} *finished* the watch of ${number} early. It is judged on what was seen so far.`
    case 'keep':
      return `${who} *keeps watching* ${number}. At its end the rules decide.`
    case 'stop':
      return `${who} *stopped* the watch of ${number}. It fails with what was seen; nothing is rolled back by that.`
    case 'roll_back':
      return `${who} *rolls back* ${number}. The watch ends, and the rollback begins as a run of its own.`
  }
}

function output(post: Post<'output'>): Message {
  const title = words(post.title, 200)
  const head = `*${title || 'Output'}* (${counted(post.lines.length, 'line')})`
  const text = post.lines.join('\n')
  const cut = text.length > 2800
  return message(
    `${title || 'Output'}: ${words(post.lines.findLast((line) => line.trim() !== '') ?? 'no output', 500)}`,
    [paragraph(cut ? `${head}: the end of it` : head), codeBlock(text)],
  )
}

function note(post: Post<'note'>): Message {
  const lines = post.text.split('\n').map((line) => words(line, 900))
  const kept = capped(lines, { lines: 60, chars: 2800, rest: 'lines' })
  const text = kept.join('\n').trim() || '–'
  return message(text, paragraphs([text]))
}

function failed(post: Post<'failed'>, run: Run, charts: Charts): Message {
  const { failure } = post
  const what = `${phaseTitle(run, post.phase)} failed in run #${run.number} (${words(subject(run), 250)})`
  const reason = words(sentence(failure.message), 800)
  const hint = failure.hint === undefined ? '' : words(failure.hint, 600)
  const onCall = post.onCall === undefined || post.onCall === '' ? '' : `On call: ${mention(post.onCall)}, please look.`
  const next = run.rolledBackBy === undefined ? choices(run) : `The rollback is run #${run.rolledBackBy}.`
  const evidence = tellingFirst(failure.evidence)
  const blocks: Blocks = [
    paragraph(`:x: *${what}*\n${reason}`),
    ...(evidence.length === 0 ? [] : [codeBlock(evidence.join('\n'))]),
    paragraph([...(hint === '' ? [] : [`*What can be done:* ${hint}`]), next].join('\n')),
    ...(onCall === '' ? [] : [paragraph(onCall)]),
  ]
  const text = [`${what}: ${reason}`, hint, next, onCall].filter((part) => part !== '').join('\n')
  return post.phase === 'monitor' && !judged(post, run) ? withCharts(text, blocks, charts) : message(text, blocks)
}

/** Tells everything that is not as it was approved. The phase may have begun before, in another worker. */
function replanned({ phase, failure }: Post<'replanned'>, run: Run): Message {
  const what = `Before ${phaseTitle(run, phase)}: the approved plan of run #${run.number} no longer holds`
  const differences = failure.evidence.length === 0 ? [failure.message.replace(/^[^:]*: /, '')] : failure.evidence
  const style = { line: 400, cap: { lines: 30, chars: 2800, rest: 'in the audit' } }
  const next = run.phases.some(({ name }) => name === 'plan')
    ? 'Nothing more was done. The plan is made again and needs a new approval.'
    : 'Nothing more was done.'
  return message(`${what}: ${words(differences.join('; '), 800)}. ${next}`, [
    ...list(`${what}:`, differences, style),
    paragraph(next),
  ])
}

/** Tells whether the watch came to its end: then its criteria were told just before, with the charts. */
function judged({ failure }: Post<'failed'>, { watch }: Run): boolean {
  const code = monitorCodeOf(failure)
  const decided = watch?.decision?.kind
  if (code === 'monitor_breach') return decided !== 'roll_back' && decided !== 'stop'
  return code === 'criteria_missed' || code === 'monitor_inconclusive'
}

/** Asks once, where it notifies; the board has the same buttons, and loses them when somebody has decided. */
function breach(post: Post<'breach'>, run: Run, charts: Charts): Message {
  const what = `A rule was broken while monitoring run #${run.number} (${words(subject(run), 250)})`
  const reason = words(sentence(post.text), 900)
  const evidence = post.evidence.filter((line) => !post.text.includes(line))
  const next = post.automatic
    ? 'The policy rolls it back without asking: the watch ends, and the rollback begins as a run of its own.'
    : 'The watch goes on until somebody decides or its time is over: roll back, keep watching or stop watching.'
  const onCall = post.onCall === undefined || post.onCall === '' ? '' : `On call: ${mention(post.onCall)}, please look.`
  const blocks: Blocks = [
    paragraph(`:warning: *${what}*\n${reason}`),
    ...(evidence.length === 0 ? [] : [codeBlock(tellingFirst(evidence).join('\n'))]),
    paragraph(next),
    ...(onCall === '' ? [] : [paragraph(onCall)]),
    ...actions(watchButtons(run)),
  ]
  return withCharts([`${what}: ${reason}`, next, onCall].filter((one) => one !== '').join('\n'), blocks, charts)
}

const telling = /\b(error|fatal|panic|exception|failed|failure|denied|refused|timed? ?out|not found|cannot|violates)\b/i

/**
 * Sorts evidence. Short evidence is shown as it is. Of long evidence, the lines that name an error come first, then its
 * end in its own order: whoever reads on a phone sees the reason without scrolling.
 */
export function tellingFirst(evidence: readonly string[]): readonly string[] {
  const whole = evidence.join('\n')
  if (evidence.length <= 12 && whole.length <= 2700) return evidence
  const cut = (line: string) => clip(line, 300)
  const first = evidence
    .filter((line) => telling.test(line))
    .slice(0, 5)
    .map(cut)
  const room = 2700 - first.join('\n').length - 60
  const end: string[] = []
  let length = 0
  for (const line of evidence.map(cut).reverse()) {
    length += line.length + 1
    if (length > room || end.length === 40) break
    end.unshift(line)
  }
  const left = evidence.length - end.length
  const gap = left === 0 ? [] : [`… ${counted(left, 'earlier line')} not shown in full`]
  return [...first, ...(first.length === 0 ? [] : ['']), ...gap, ...end]
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

function verification(seen: Verification, run: Run, charts: Charts): Message {
  const checks = [...seen.counts, ...seen.state]
  const criteria = capped(
    seen.criteria.map((check) => checkLine(check)),
    { lines: 20, chars: 2400, rest: 'in the report' },
  )
  const text = `Verification of ${words(run.service, 100)} on ${words(run.environment, 100)}: ${tally([...checks, ...seen.criteria])}.`
  // Two charts take up to 2,000 characters of the budget.
  const { table, left } = checkTable(checks, { at: seen.at, rows: 60, chars: charts.lines.length > 0 ? 4000 : 6000 })
  const blocks = [
    paragraph(text),
    ...(criteria.length === 0 ? [] : [paragraph(['*Success criteria*', ...criteria].join('\n'))]),
    ...(checks.length === 0 ? [] : [table]),
    ...(left === 0 ? [] : [context(`… and ${left} more in the report`)]),
  ]
  return withCharts([text, ...criteria].join('\n'), blocks, charts)
}
