import type { Block, KnownBlock } from '@slack/types'
import { countApprovals } from '../../model/lifecycle.ts'
import { currentWatch } from '../../model/watch.ts'
import { type Check, elapsed, isDeployPlan, isRestorePlan, isUndoPlan, type Run } from '../../model/run.ts'
import { buttonsFor } from './actions.ts'
import { chartBlocks, type Charts, drawn, onlyBroken } from '../blocks/charts.ts'
import { chapters } from '../blocks/chapters.ts'
import { checkLine, checkTable, isJudged, wasWords, worstFirst } from '../thread/checks.ts'
import { findingBlocks, fixOf } from '../thread/diagnosis.ts'
import { list } from '../blocks/list.ts'
import {
  actions,
  capped,
  context,
  header,
  mention,
  mentions,
  message,
  type Message,
  paragraph,
  plainContext,
  words,
} from '../blocks/message.ts'
import { duration, oneLine } from '../../text.ts'
import { overrideLine } from '../answers/freeze.ts'
import { phaseLines } from './phase-lines.ts'
import { planSummary, risksOf } from '../plan/plan-summary.ts'
import { restoreSummary } from '../plan/restore.ts'
import { namedFailures, stateLines, type StateView } from './state.ts'
import { sign, title } from './status-words.ts'
import { localTime } from '../blocks/marks.ts'

type Blocks = readonly (KnownBlock | Block)[]

/**
 * Renders the one message of a run from its state, never from what was said before. What somebody has to act on comes first,
 * then the buttons; who and when is below them.
 */
export function boardMessage(run: Run, view: StateView): Message {
  const state = stateLines(run, view)
  const charts = chartsOf(run, view)
  const blocks = (shown: Blocks): Blocks => [
    header(title(run)),
    paragraph([`${sign(run)} ${state.join('\n')}`, ...whyAsked(run)].join('\n')),
    ...body(run, view),
    ...actions(buttonsFor(run, view.now, view.rollbackUntil)),
    context(contextLine(run), timeLine(run, view)),
    ...commitLine(run),
    ...removedLine(run),
    // The charts come last: on a phone two of them are a page, and whoever is asked to decide looks for the buttons.
    ...shown,
  ]
  const text = [`#${run.number} ${words(title(run), 250)}.`, ...state, ...spokenRisks(run)].join('\n')
  if (charts.blocks.length === 0) return message(text, blocks([]))
  const style = { line: 150, cap: { lines: 8, chars: 900, rest: 'in the report' } }
  return {
    ...message(text, blocks(drawn(charts))),
    withoutCharts: blocks(list('While monitoring', charts.lines, style)),
  }
}

/** Without it, a board that lost its charts would look as if nothing had been sampled. */
function removedLine({ detailsRemovedAt }: Run): Blocks {
  return detailsRemovedAt === undefined
    ? []
    : [
        context(
          `Samples, log errors and output of this run were removed on ${detailsRemovedAt.toISOString().slice(0, 10)}.`,
        ),
      ]
}

function isUndecided({ status }: Run): boolean {
  return status === 'planning' || status === 'awaiting_approval' || status === 'planned'
}

/** A notification is all that some people see of a plan, so it names the risks. */
function spokenRisks(run: Run): readonly string[] {
  if (!isUndecided(run)) return []
  const risks = isDeployPlan(run.plan) || isRestorePlan(run.plan) ? run.plan.risks : []
  const lines = risks.map((risk) => words(risk, 250))
  const heading = isDeployPlan(run.plan) ? [`${words(risksOf(run.plan))}.`] : []
  return [...heading, ...capped(lines, { lines: 5, chars: 1200, rest: 'on the board' })]
}

/** Draws how the metrics move while a release is monitored, and once it has succeeded. Of a failure the thread has the charts. */
function chartsOf(run: Run, { watched }: StateView): Charts {
  const watch = currentWatch(run) ?? (run.status === 'succeeded' ? run.watch : undefined)
  if (watch === undefined || watched === undefined) return { blocks: [], lines: [], gaps: [] }
  return chartBlocks(
    watched.samples.filter(({ at }) => at >= watch.beganAt),
    onlyBroken(watch.breach?.metrics, watched.metrics),
  )
}

function body(run: Run, view: StateView): Blocks {
  switch (run.kind) {
    case 'deploy':
      return deployBody(run, view)
    case 'rollback':
      return rollbackBody(run, view)
    case 'verify':
      return verifyBody(run)
    case 'restore':
      return restoreBody(run, view)
    case 'diagnose':
      return run.diagnosis === undefined ? [] : findingBlocks(run)
    case 'fix':
      return [...fixOf(run).map(paragraph), ...phaseBlocks(run, view), ...findingBlocks(run)]
  }
}

function deployBody(run: Run, view: StateView): Blocks {
  if (isUndecided(run)) return isDeployPlan(run.plan) ? planSummary(run.plan) : []
  return [...criteriaBlocks(run), ...phaseBlocks(run, view), ...verificationTable(run)]
}

function restoreBody(run: Run, view: StateView): Blocks {
  if (isUndecided(run)) return isRestorePlan(run.plan) ? restoreSummary(run.plan) : []
  return [...phaseBlocks(run, view), ...verificationTable(run)]
}

/** Shows the phases once they can run: a dry run and a plan that was never approved have none to show. */
function phaseBlocks(run: Run, view: StateView): Blocks {
  const all = chapters(run)
  const begun = all.some((phase) => phase.status !== 'pending')
  return all.length > 0 && (begun || run.status === 'executing') ? phaseLines(run, view) : []
}

function rollbackBody(run: Run, view: StateView): Blocks {
  const plan = isUndoPlan(run.plan) ? run.plan : undefined
  const of = run.parent === undefined ? [] : [paragraph(`Undoes run *#${run.parent}*, newest change first.`)]
  const stays = plan?.stays ?? []
  const style = { line: 600, cap: { lines: 6, chars: 2000, rest: 'in the thread' } }
  return [
    ...of,
    ...(plan !== undefined && plan.steps.length === 0 ? [paragraph('Nothing to undo.')] : []),
    ...phaseBlocks(run, view),
    ...(run.status === 'awaiting_approval' && plan !== undefined ? stepsToCome(plan) : []),
    ...(stays.length === 0 ? [] : list('Stays', stays, style)),
    ...criteriaBlocks(run),
    ...verificationTable(run),
  ]
}

/** Lists what is approved with a rollback that waits; one that runs has the same list with its phases. */
function stepsToCome({ steps }: { readonly steps: readonly { readonly line: string }[] }): Blocks {
  if (steps.length === 0) return []
  const style = { ordered: true, line: 250, cap: { lines: 20, chars: 3500, rest: 'in the thread' } }
  const lines = steps.map(({ line }) => line)
  return list('Rolling back will:', lines, style)
}

/** What failed is named above; what passed and what is only counted are lists, which a phone shows in a line each. */
function verifyBody(run: Run): Blocks {
  const seen = run.verification
  if (seen === undefined) return []
  const checks = [...seen.counts, ...seen.state]
  if (checks.length === 0) return [paragraph('No checks are configured.')]
  const failed = checks.filter(({ verdict }) => verdict !== 'pass')
  const passed = checks.filter((check) => !failed.includes(check) && isJudged(check))
  const counts = checks.filter((check) => !isJudged(check))
  const lines = (heading: string, of: readonly Check[]) =>
    of.length === 0 ? [] : list(heading, passedLines(of, new Date(seen.at)), checkStyle)
  return [
    ...criteriaBlocks(run),
    ...(failed.length > namedFailures ? tableOf(failed, seen.at, { rows: 40, chars: 3000 }) : []),
    ...lines('Passed', passed),
    ...lines('Counts', counts),
  ]
}

const checkStyle = { line: 200, cap: { lines: 40, chars: 2800, rest: 'in the thread' } }

function passedLines(checks: readonly Check[], at: Date): readonly string[] {
  return checks.map((check) => {
    const { title, value } = check
    return `${oneLine(title)}: ${oneLine(value) || 'no value'} ${wasWords(check, at)}`.trim()
  })
}

/** All met is a list without verdicts: the line above it says so. */
function criteriaBlocks(run: Run): Blocks {
  const criteria = run.verification?.criteria ?? []
  if (criteria.length === 0) return []
  const cap = { lines: 10, chars: 1500, rest: 'in the report' }
  if (criteria.every(({ verdict }) => verdict === 'pass'))
    return list('Success criteria', passedLines(criteria, new Date(run.verification?.at ?? 0)), { line: 200, cap })
  const lines = capped(
    worstFirst(criteria).map((check) => checkLine(check)),
    cap,
  )
  return [paragraph(['*Success criteria*', ...lines].join('\n'))]
}

/** Shows the counts of a deploy, which has its criteria above. */
function verificationTable({ verification: seen }: Run): Blocks {
  if (seen === undefined || seen.counts.length === 0) return []
  if (seen.counts.every(({ verdict }) => verdict === 'pass'))
    return list('Counts', passedLines(seen.counts, new Date(seen.at)), checkStyle)
  return tableOf(seen.counts, seen.at, { rows: 15, chars: 1800 })
}

function tableOf(checks: readonly Check[], at: string, cap: { readonly rows: number; readonly chars: number }): Blocks {
  const { table, left } = checkTable(checks, { at, ...cap })
  return left === 0 ? [table] : [table, context(`… and ${left} more in the thread`)]
}

function whyAsked(run: Run): readonly string[] {
  if (run.freezeOverride !== undefined) return overrideLine(run)
  return run.reason === undefined || run.reason === '' ? [] : [`*Why:* ${words(run.reason, 300)}`]
}

/** Says what the version is about while it is judged. */
function commitLine(run: Run): Blocks {
  if (!isUndecided(run) || !isDeployPlan(run.plan)) return []
  const { sha, subject } = run.plan.commit
  return [plainContext(`“${oneLine(subject)}” · ${sha.slice(0, 7)}`)]
}

function contextLine(run: Run): string {
  if (run.status === 'awaiting_approval') return `Run #${run.number}`
  const approved = run.approvals.filter(
    (approval) => approval.decision === 'approved' && approval.planHash === run.planHash,
  )
  const users = [...new Set(approved.map((one) => one.user))]
  const count = `${countApprovals(run)} of ${run.approvalsNeeded}`
  return [
    `Run #${run.number}`,
    `requested by ${mention(run.requestedBy)}`,
    ...(run.approvalsNeeded === 0
      ? [run.breakGlass === true ? 'break-glass: nobody approved it' : 'no approval needed']
      : []),
    ...(users.length > 0 ? [`approved by ${mentions(users)} (${count})`] : []),
  ].join(' · ')
}

function timeLine(run: Run, view: StateView): string {
  const took = elapsed(run, view.now)
  if (run.startedAt === undefined || took === undefined) return `requested at ${localTime(run.createdAt)}`
  const length = run.finishedAt === undefined ? `${duration(took)} so far` : `${duration(took)} in all`
  return `started at ${localTime(run.startedAt)} · ${length}`
}
