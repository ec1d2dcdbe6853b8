import type { Block, KnownBlock } from '@slack/types'
import { countApprovals } from '../../model/lifecycle.ts'
import { currentWatch } from '../../model/watch.ts'
import { elapsed, isDeployPlan, isRestorePlan, isUndoPlan, type Run } from '../../model/run.ts'
import type { DeployPlan } from '../../model/deploy-plan.ts'
import { buttonsFor } from './actions.ts'
import { chartBlocks, type Charts, drawn } from '../blocks/charts.ts'
import { chapters } from '../blocks/chapters.ts'
import { changesInShort, commitLines } from '../plan/changes.ts'
import { checkLine, checkTable } from '../thread/checks.ts'
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
  words,
  linkTo,
} from '../blocks/message.ts'
import { counted, duration } from '../../text.ts'
import { overrideLine } from '../answers/freeze.ts'
import { phaseLines } from './phase-lines.ts'
import {
  cronJobLine,
  estimate,
  fromTo,
  migrationLine,
  noRisks,
  secretLine,
  stripeInShort,
  stripeLine,
} from '../plan/plan-text.ts'
import { restoreSummary } from '../dialogs/restore.ts'
import { stateLines, type StateView } from './state.ts'
import { sign, title } from './status-words.ts'
import { localTime } from '../blocks/marks.ts'

type Blocks = readonly (KnownBlock | Block)[]

/** Renders the one message of a run from its state, never from what was said before. */
export function boardMessage(run: Run, view: StateView): Message {
  const state = stateLines(run, view)
  const charts = chartsOf(run, view)
  const blocks = (shown: Blocks): Blocks => [
    header(title(run)),
    paragraph([`${sign(run)} ${state.join('\n')}`, ...whyAsked(run)].join('\n')),
    ...body(run, view),
    context(contextLine(run), timeLine(run, view)),
    ...actions(buttonsFor(run, view.now, view.rollbackUntil)),
    // The charts come last: on a phone two of them are a page, and whoever is asked to decide looks for the buttons.
    ...shown,
  ]
  const text = [`#${run.number} ${words(title(run), 250)}.`, ...state].join('\n')
  if (charts.blocks.length === 0) return message(text, blocks([]))
  const style = { line: 150, cap: { lines: 8, chars: 900, rest: 'in the report' } }
  return {
    ...message(text, blocks(drawn(charts))),
    withoutCharts: blocks(list('While monitoring', charts.lines, style)),
  }
}

/** Draws how the metrics move while a release is watched. Later the thread has the charts. */
function chartsOf(run: Run, { watched }: StateView): Charts {
  const watch = currentWatch(run)
  if (watch === undefined || watched === undefined) return { blocks: [], lines: [], gaps: [] }
  return chartBlocks(
    watched.samples.filter(({ at }) => at >= watch.beganAt),
    watched.metrics,
  )
}

function body(run: Run, view: StateView): Blocks {
  switch (run.kind) {
    case 'deploy':
      return deployBody(run, view)
    case 'rollback':
      return rollbackBody(run, view)
    case 'verify':
      return [...criteriaBlocks(run), ...verificationTable(run, true)]
    case 'restore':
      return restoreBody(run, view)
    case 'diagnose':
      return run.diagnosis === undefined ? [] : findingBlocks(run)
    case 'fix':
      return [...fixOf(run).map(paragraph), ...phaseBlocks(run, view), ...findingBlocks(run)]
  }
}

function deployBody(run: Run, view: StateView): Blocks {
  const plan = isDeployPlan(run.plan) ? run.plan : undefined
  const undecided = ['planning', 'awaiting_approval', 'planned'].includes(run.status)
  const summary = plan === undefined ? [] : undecided ? planSummary(plan) : [paragraph(planInOneLine(plan))]
  const phases = phaseBlocks(run, view)
  if (undecided) return [...summary, ...phases]
  return [...summary, ...criteriaBlocks(run), ...phases, ...verificationTable(run, false)]
}

function restoreBody(run: Run, view: StateView): Blocks {
  const undecided = ['planning', 'awaiting_approval'].includes(run.status)
  const summary = isRestorePlan(run.plan) && undecided ? restoreSummary(run.plan) : []
  return [...summary, ...phaseBlocks(run, view), ...verificationTable(run, false)]
}

/** Shows the phases once they can run: a dry run and a plan that was never approved have none to show. */
function phaseBlocks(run: Run, view: StateView): Blocks {
  const all = chapters(run)
  const begun = all.some((phase) => phase.status !== 'pending')
  const toCome = run.status === 'awaiting_approval' || run.status === 'executing'
  return all.length > 0 && (begun || toCome) ? [phaseLines(run, view)] : []
}

function rollbackBody(run: Run, view: StateView): Blocks {
  const plan = isUndoPlan(run.plan) ? run.plan : undefined
  const of = run.parent === undefined ? [] : [paragraph(`Takes back run *#${run.parent}*, newest change first.`)]
  const stays = plan?.stays ?? []
  const style = { line: 600, cap: { lines: 6, chars: 2000, rest: 'in the thread' } }
  return [
    ...of,
    ...(plan !== undefined && plan.steps.length === 0 ? [paragraph('There is nothing to undo.')] : []),
    ...phaseBlocks(run, view),
    ...(stays.length === 0 ? [] : list('What stays as it is', stays, style)),
    ...criteriaBlocks(run),
    ...verificationTable(run, false),
  ]
}

/** Shows the plan while people decide: risks first, then what changes. */
function planSummary(plan: DeployPlan): Blocks {
  const risks = plan.risks.length === 0 ? noRisks(plan) : counted(plan.risks.length, 'risk')
  const pending =
    plan.migrations.length === 0 ? 'No migrations pending' : `Migrations: ${plan.migrations.length} pending`
  const cronJobs = plan.cronJobs.length === 0 ? 'No CronJobs' : 'CronJobs'
  const rest = 'in the thread'
  return [
    ...list(risks, plan.risks, { line: 250, cap: { lines: 8, chars: 1500, rest } }),
    paragraph(`${fromTo(plan)}\n${words(plan.commit.subject, 200)}`),
    ...changesSummary(plan.changes),
    ...list(pending, plan.migrations.map(migrationLine), { line: 250, cap: { lines: 10, chars: 1100, rest } }),
    ...list(cronJobs, plan.cronJobs.map(cronJobLine), { line: 250, cap: { lines: 6, chars: 700, rest } }),
    paragraph(`*Stripe:* ${stripeLine(plan.stripe)}; ${secretLine(plan.stripe.secret)}\n*Estimate:* ${estimate(plan)}`),
  ]
}

const commitsOnBoard = 8

function changesSummary(changes: DeployPlan['changes']): Blocks {
  if (changes === undefined) return []
  const lines = commitLines(changes, commitsOnBoard)
  const style = { line: 160, cap: { lines: commitsOnBoard + 1, chars: 900, rest: 'in the thread' } }
  const link = changes.known && changes.compareUrl !== undefined ? changes.compareUrl : undefined
  return [
    ...(lines.length === 0 ? [paragraph(words(changesInShort(changes)))] : list(changesInShort(changes), lines, style)),
    ...(link === undefined ? [] : [paragraph(linkTo({ url: link, label: `Compare on ${new URL(link).host}` }))]),
  ]
}

/** Words the plan once it was decided: what it was about, and that the whole of it is in the thread. */
function planInOneLine(plan: DeployPlan): string {
  const changed = plan.cronJobs.filter((job) => job.outcome !== 'unchanged').length
  const parts = [
    counted(plan.migrations.length, 'migration'),
    stripeInShort(plan.stripe),
    `${counted(changed, 'CronJob')} new or changed`,
    counted(plan.risks.length, 'risk'),
  ]
  return `${fromTo(plan)}\n${parts.join(' · ')}`
}

function criteriaBlocks(run: Run): Blocks {
  const criteria = run.verification?.criteria ?? []
  if (criteria.length === 0) return []
  const lines = capped(
    criteria.map((check) => checkLine(check)),
    { lines: 10, chars: 2000, rest: 'in the thread' },
  )
  return [paragraph(['*Success criteria*', ...lines].join('\n'))]
}

/** Shows the counts of a deploy, which has its criteria above, or counts and state of a verification. */
function verificationTable(run: Run, whole: boolean): Blocks {
  const seen = run.verification
  if (seen === undefined) return []
  const checks = whole ? [...seen.counts, ...seen.state] : seen.counts
  if (checks.length === 0) return whole ? [paragraph('Nothing is configured to be checked.')] : []
  const cap = { at: seen.at, ...(whole ? { rows: 40, chars: 5500 } : { rows: 15, chars: 1800 }) }
  const { table, left } = checkTable(checks, cap)
  return left === 0 ? [table] : [table, context(`… and ${left} more in the thread`)]
}

function whyAsked(run: Run): readonly string[] {
  if (run.freezeOverride !== undefined) return overrideLine(run)
  return run.reason === undefined || run.reason === '' ? [] : [`*Why:* ${words(run.reason, 300)}`]
}

function contextLine(run: Run): string {
  const approved = run.approvals.filter(
    (approval) => approval.decision === 'approved' && approval.planHash === run.planHash,
  )
  const users = [...new Set(approved.map((one) => one.user))]
  const count = `${countApprovals(run)} of ${run.approvalsNeeded}`
  return [
    `Run #${run.number}`,
    `asked by ${mention(run.requestedBy)}`,
    ...(run.approvalsNeeded === 0
      ? [run.breakGlass === true ? 'break-glass: nobody approved it' : 'no approval needed']
      : []),
    ...(users.length > 0 ? [`approved by ${mentions(users)} (${count})`] : []),
    ...(users.length === 0 && run.approvalsNeeded > 0 && !run.dryRun ? [`approvals: ${count}`] : []),
  ].join(' · ')
}

function timeLine(run: Run, view: StateView): string {
  const took = elapsed(run, view.now)
  if (run.startedAt === undefined || took === undefined) return `asked at ${localTime(run.createdAt)}`
  const length = run.finishedAt === undefined ? `${duration(took)} so far` : `${duration(took)} in all`
  return `started at ${localTime(run.startedAt)} · ${length}`
}
