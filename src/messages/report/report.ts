import type { AuditHead } from '../../model/audit-chain.ts'
import {
  type Check,
  type Failure,
  isDeployPlan,
  isRestorePlan,
  isUndoPlan,
  type LogGroup,
  type MetricSample,
  type PhaseState,
  type Run,
  type WatchDecision,
} from '../../model/run.ts'
import { gapsOf, gapWords } from '../blocks/charts.ts'
import { isJudged, trendWords, verdictWords } from '../thread/checks.ts'
import { counted, duration, milliseconds, minutes, oneLine, utc } from '../../text.ts'
import { estimate, planChapters, undoChapters } from '../plan/plan-text.ts'
import type { Chapter } from '../plan/chapter.ts'
import { restoreChapters } from '../plan/restore.ts'
import { chapters, phaseTitle } from '../blocks/chapters.ts'
import { failureOf } from '../board/state.ts'
import { stateWords, subject } from '../board/status-words.ts'

interface ReportFacts {
  readonly samples: readonly MetricSample[]
  readonly errors?: readonly LogGroup[]
  readonly auditHead?: AuditHead | undefined
  /** What commands have printed and pods have logged, in order. */
  readonly outputs?: readonly { readonly title: string; readonly lines: readonly string[] }[]
}

/** Renders the file at the end of a run: everything, with nothing cut off. */
export function reportMarkdown(run: Run, { samples, errors = [], auditHead, outputs = [] }: ReportFacts): string {
  const parts = [
    `# Run #${run.number}: ${inline(subject(run))}`,
    facts(run, auditHead),
    failureText(run),
    approvals(run),
    phases(run),
    verification(run),
    watch(run, samples),
    metrics(samples),
    logErrors(errors),
    plan(run),
    output(outputs),
  ]
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`
}

function facts(run: Run, auditHead: AuditHead | undefined): string {
  const took =
    run.startedAt === undefined || run.finishedAt === undefined
      ? undefined
      : duration(run.finishedAt.getTime() - run.startedAt.getTime())
  const lines = [
    `**Service:** ${inline(run.service)}`,
    `**State:** ${inline(stateWords(run))}`,
    `**Requested by:** ${inline(run.requestedBy)}, ${utc(run.createdAt)}`,
    ...(run.reason === undefined || run.reason === '' ? [] : [`**Reason:** ${inline(run.reason)}`]),
    ...(run.parent === undefined ? [] : [`**Rolls back:** run #${run.parent}`]),
    ...(run.startedAt === undefined ? [] : [`**Started:** ${utc(run.startedAt)}`]),
    ...(run.finishedAt === undefined ? [] : [`**Finished:** ${utc(run.finishedAt)}`]),
    ...(took === undefined ? [] : [`**Total time:** ${took}`]),
    ...(isDeployPlan(run.plan) ? [`**Estimate:** ${estimate(run.plan)}`] : []),
    ...(run.planHash === undefined ? [] : [`**Plan hash:** ${inline(run.planHash)}`]),
    ...(run.detailsRemovedAt === undefined
      ? []
      : [`**Removed:** samples, log errors and output, ${utc(run.detailsRemovedAt)}`]),
    ...(auditHead === undefined
      ? []
      : [`**Audit head when this was written:** ${auditHead.sequence}:${inline(auditHead.hash)}`]),
  ]
  return lines.map((line) => `- ${line}`).join('\n')
}

function failureText(run: Run): string {
  const failure = failureOf(run)
  return failure === undefined ? '' : `## What failed\n\n${failureLines(failure)}`
}

function failureLines(failure: Failure): string {
  const hint = failure.hint === undefined ? [] : [`Fix: ${inline(failure.hint)}`]
  const evidence = failure.evidence.length === 0 ? [] : [fenced(failure.evidence)]
  return [`${inline(failure.message)} (${inline(failure.code)})`, ...hint, ...evidence].join('\n\n')
}

function approvals(run: Run): string {
  if (run.approvals.length === 0)
    return `## Approvals\n\n${counted(run.approvalsNeeded, 'approval')} needed, none given.`
  const rows = run.approvals.map((approval) => [
    approval.user,
    approval.decision,
    utc(approval.at),
    approval.planHash === run.planHash ? 'this plan' : 'an earlier plan',
    approval.reason ?? '',
  ])
  return `## Approvals\n\n${table(['Who', 'Decision', 'When', 'Of', 'Reason'], rows)}`
}

function phases(run: Run): string {
  const rows = chapters(run).map((phase) => [
    phaseTitle(run, phase.name),
    phase.status,
    took(phase),
    minutes(phase.budgetMinutes),
    String(phase.attempt),
    phase.failure?.message ?? phase.line,
  ])
  return rows.length === 0
    ? ''
    : `## Phases\n\n${table(['Phase', 'State', 'Took', 'Budget', 'Attempt', 'Result'], rows)}`
}

function took(phase: PhaseState): string {
  if (phase.startedAt === undefined || phase.finishedAt === undefined) return '–'
  return duration(phase.finishedAt.getTime() - phase.startedAt.getTime())
}

function verification(run: Run): string {
  const seen = run.verification
  if (seen === undefined) return ''
  const part = (title: string, checks: readonly Check[]) =>
    checks.length === 0
      ? []
      : [
          `## ${title}\n\n${table(
            ['Verdict', 'Check', 'Seen', 'Last time', 'Expected', 'Time'],
            checks.map((check) => checkRow(check, new Date(seen.at))),
          )}`,
        ]
  return [
    ...part('Success criteria', seen.criteria),
    ...part('Counts and invariants', seen.counts),
    ...part('State', seen.state),
  ].join('\n\n')
}

function checkRow(check: Check, at: Date): readonly string[] {
  const { verdict, title, value, threshold } = check
  return [
    isJudged(check) ? verdictWords(verdict) : 'count',
    title,
    value,
    trendWords(check, at),
    threshold,
    milliseconds(check.milliseconds),
  ]
}

function metrics(samples: readonly MetricSample[]): string {
  const names = [...new Set(samples.map((sample) => sample.metric))]
  if (names.length === 0) return ''
  const rows = names.map((name) => {
    const mine = samples.filter((sample) => sample.metric === name).sort((a, b) => a.at.getTime() - b.at.getTime())
    const values = mine.map((sample) => sample.value)
    const least = values.reduce((a, b) => Math.min(a, b))
    const most = values.reduce((a, b) => Math.max(a, b))
    return [name, String(least), String(values[values.length - 1]), String(most), String(values.length)]
  })
  return `## Metrics while monitoring\n\n${table(['Metric', 'Min', 'Last', 'Max', 'Samples'], rows)}`
}

/** Tells what happened beside the numbers: gaps, the breach, and who decided what. */
function watch({ watch: seen }: Run, samples: readonly MetricSample[]): string {
  if (seen === undefined) return ''
  const { breach, decision } = seen
  const reason = decision?.reason === undefined ? '' : `: ${inline(decision.reason)}`
  const gaps = gapsOf(samples.filter(({ at }) => at >= seen.beganAt).map(({ at }) => at.getTime()))
  const lines = [
    `Planned from ${utc(seen.beganAt)} to ${utc(seen.endsAt)}`,
    ...(breach === undefined ? [] : [`Breach at ${utc(new Date(breach.at))}: ${inline(breach.text)}`]),
    ...(decision === undefined
      ? []
      : [`${decided[decision.kind]} by ${inline(decision.by)} at ${utc(decision.at)}${reason}`]),
    ...gaps.map((gap) => `${gapWords(gap)} (minutes and seconds since the start)`),
  ]
  return `## Monitoring\n\n${lines.map((line) => `- ${line}`).join('\n')}`
}

const decided = {
  finish: 'Ended early, judged on the data until then,',
  keep: 'Kept monitoring after the breach, decided',
  stop: 'Stopped',
  roll_back: 'Ended to roll back',
} as const satisfies Record<WatchDecision, string>

function logErrors(errors: readonly LogGroup[]): string {
  if (errors.length === 0) return ''
  const rows = errors
    .slice(0, 50)
    .map((error) => [
      String(error.count),
      error.known ? 'before the rollout too' : 'new',
      error.pod,
      error.firstAt,
      error.example,
    ])
  return `## Errors in the logs\n\n${table(['Count', 'Seen', 'First in', 'First at', 'First example'], rows)}`
}

/** Lines of one command or pod are under one title, although they were stored a few at a time. */
function output(outputs: NonNullable<ReportFacts['outputs']>): string {
  const titles = [...new Set(outputs.map(({ title }) => title))]
  const parts = titles.map((title) => {
    const lines = outputs.filter((one) => one.title === title).flatMap((one) => one.lines)
    return `### ${inline(title)}\n\n${fenced(lines)}`
  })
  return parts.length === 0 ? '' : ['## Logs', ...parts].join('\n\n')
}

function plan(run: Run): string {
  const parts = isUndoPlan(run.plan)
    ? undoChapters(run.plan)
    : isDeployPlan(run.plan)
      ? planChapters(run.plan)
      : isRestorePlan(run.plan)
        ? restoreChapters(run.plan)
        : []
  if (parts.length === 0) return ''
  return ['## Plan', ...parts.map(chapterText)].join('\n\n')
}

function chapterText(chapter: Chapter): string {
  const heading = `### ${inline(chapter.title)}`
  if (chapter.verbatim === true) return `${heading}\n\n${fenced(chapter.lines)}`
  const lines = chapter.lines.map(
    (line, index) => `${chapter.ordered === true ? `${index + 1}.` : '-'} ${inline(line)}`,
  )
  const link = chapter.link === undefined ? '' : `\n\n${chapter.link.label}: <${chapter.link.url}>`
  return `${heading}\n\n${lines.join('\n')}${link}`
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const row = (cells: readonly string[]) =>
    `| ${cells.map((cell) => inline(cell).replaceAll('|', '\\|') || '–').join(' | ')} |`
  return [row(head), row(head.map(() => '---')), ...rows.map(row)].join('\n')
}

/** Puts lines into a fence that is longer than any run of backticks inside it. */
function fenced(lines: readonly string[]): string {
  const longest = Math.max(
    2,
    ...lines.map((line) => Math.max(0, ...(line.match(/`+/g) ?? []).map((run) => run.length))),
  )
  const fence = '`'.repeat(longest + 1)
  return [`${fence}text`, ...lines, fence].join('\n')
}

function inline(text: string): string {
  return oneLine(text).replaceAll('<', '&lt;')
}
