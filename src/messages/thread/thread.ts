import type { Run } from '../../model/run.ts'
import type { ThreadPost } from '../../model/post.ts'
import { chartBlocks, onlyBroken } from '../blocks/charts.ts'
import { phaseWords } from '../blocks/chapters.ts'
import { list } from '../blocks/list.ts'
import {
  capped,
  code,
  codeBlock,
  context,
  message,
  type Message,
  paragraph,
  paragraphs,
  words,
} from '../blocks/message.ts'
import { counted } from '../../text.ts'
import { approvalRequest, decision, planPost, reminder } from './gate-posts.ts'
import { breach, failed, type ThreadFacts, verification } from './outcome-posts.ts'

type Post<Kind extends ThreadPost['kind']> = Extract<ThreadPost, { kind: Kind }>

/** Renders one post in the thread of a run's board. */
export function threadMessage(post: ThreadPost, run: Run, facts: ThreadFacts = {}): Message {
  const { samples, metrics } = facts.watched ?? { samples: [], metrics: [] }
  // A retried phase monitors anew.
  const began = run.phases.find((phase) => phase.name === 'monitor')?.startedAt ?? new Date(0)
  const charts = (names?: readonly string[]) =>
    chartBlocks(
      samples.filter(({ at }) => at >= began),
      onlyBroken(names, metrics),
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
      return failed(post, run, charts(run.watch?.breach?.metrics), facts)
    case 'replanned':
      return replanned(post, run)
    case 'breach':
      return breach(post, run, charts(run.watch?.breach?.metrics))
    case 'reminder':
      return reminder(post, run)
    case 'verification':
      return verification(post.verification, run, charts())
    case 'report':
      return message(`Report of run #${run.number}: ${words(post.fileName, 200)}`, [
        paragraph(`Report of run #${run.number}: ${words(post.fileName, 200)}`),
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

function output(post: Post<'output'>): Message {
  const title = words(post.title, 200)
  const head = `*${title || 'Output'}* (${counted(post.lines.length, 'line')})`
  const text = post.lines.join('\n')
  const cut = text.length > 2800
  return message(
    `${title || 'Output'}: ${words(post.lines.findLast((line) => line.trim() !== '') ?? 'no output', 500)}`,
    [paragraph(cut ? `${head}, the last of them` : head), codeBlock(text)],
  )
}

function note(post: Post<'note'>): Message {
  const lines = post.text.split('\n').map((line) => words(line, 900))
  const kept = capped(lines, { lines: 60, chars: 2800, rest: 'lines' })
  const text = kept.join('\n').trim() || '–'
  return message(text, paragraphs([text]))
}

/** Tells everything that is not as it was approved. The phase may have begun before, in another worker. */
function replanned({ phase, failure }: Post<'replanned'>, run: Run): Message {
  const what = `Before ${phaseWords(run, phase)}: the approved plan of run #${run.number} is out of date`
  const differences = failure.evidence.length === 0 ? [failure.message.replace(/^[^:]*: /, '')] : failure.evidence
  const style = { line: 400, cap: { lines: 30, chars: 2800, rest: 'in the audit' } }
  const next = run.phases.some(({ name }) => name === 'plan')
    ? 'Planning again. A new approval is needed, and nothing more changed.'
    : 'Nothing more changed.'
  return message(`${what}: ${words(differences.join('; '), 800)}. ${next}`, [
    ...list(`${what}:`, differences, style),
    paragraph(next),
  ])
}
