import { elapsed, type Failure, isDeployPlan, type Run } from '../../model/run.ts'
import { isUndoable } from '../../model/kinds.ts'
import { countApprovals } from '../../model/lifecycle.ts'
import { currentWatch } from '../../model/watch.ts'
import type { Decision } from '../../model/decision.ts'
import type { PhaseDurations } from '../../model/phase-durations.ts'
import type { Watched } from '../blocks/charts.ts'
import { chapters, currentPhase, failedPhase, phaseTitle } from '../blocks/chapters.ts'
import { eta, lateness } from './eta.ts'
import { afresh, choices, soFar } from './so-far.ts'
import { tally } from './status-words.ts'
import { diagnosisLines } from '../thread/diagnosis.ts'
import { counted, duration, minutes, sentence } from '../../text.ts'
import { isId, mention, mentions, words } from '../blocks/message.ts'
import { localTime } from '../blocks/marks.ts'

/** Returns why the run stopped: the failed phase's reason, or the run's own. */
export function failureOf(run: Run): Failure | undefined {
  return failedPhase(run)?.failure ?? run.failure
}

export interface StateView {
  readonly now: Date
  readonly rollbackUntil: Date | undefined
  readonly onCall: string | undefined
  readonly approvers: readonly string[]
  /** How long phases usually take here. */
  readonly pace?: PhaseDurations
  /** What people have decided since the approval, the oldest decision first. */
  readonly decisions?: readonly Decision[]
  /** The numbers of the release that is being watched. */
  readonly watched?: Watched
}

/** Words in mrkdwn how the run is, who must act, and what happens next. Nothing in it depends on an emoji. */
export function stateLines(run: Run, view: StateView): readonly string[] {
  switch (run.status) {
    case 'planning':
      return planningLines(run)
    case 'awaiting_approval':
      return waitingLines(run, view)
    case 'executing':
      return runningLines(run, view)
    case 'cancelling':
      return [
        `*Being cancelled*${decidedBy('cancel', view)}. The phase under way is being stopped; nothing new starts.`,
      ]
    case 'failed':
      return failedLines(run, view)
    case 'left':
      return [
        `*Failed and left as it is*${decidedBy('leave', view)}.${reasonOf(run)}`,
        soFar(run),
        ...rollbackOffer(run, view),
      ]
    case 'planned':
      return ['*Dry run: the plan is complete.* Nothing was changed and nothing will be.']
    case 'succeeded':
      return succeededLines(run, view)
    case 'rejected':
      return [`*Rejected*${rejectedBy(run)}. ${soFar(run)} ${afresh(run)}`, ...rollbackOffer(run, view)]
    case 'expired':
      return [`*Expired*: nobody approved in time. ${soFar(run)} ${afresh(run)}`, ...rollbackOffer(run, view)]
    case 'cancelled':
      return [`*Cancelled*${decidedBy('cancel', view)}. ${soFar(run)}`, ...rollbackOffer(run, view)]
  }
}

function planningLines(run: Run): readonly string[] {
  const line = run.phases.find((phase) => phase.name === 'plan')?.line ?? ''
  const again = run.failure === undefined ? [] : [`The plan is made again: ${words(run.failure.message, 400)}`]
  const now = words(sentence(line === '' ? 'only reading' : line), 200)
  return [`*Planning.* ${now} Nothing changes before approval.`, ...again]
}

function waitingLines(run: Run, view: StateView): readonly string[] {
  const missing = Math.max(0, run.approvalsNeeded - countApprovals(run))
  const until = run.expiresAt === undefined ? '' : ` The plan expires at ${localTime(run.expiresAt)}.`
  const who = view.approvers.length === 0 ? 'an approver' : mentions(view.approvers, 'or')
  const again = run.failure === undefined ? [] : [`Approval is asked again: ${words(run.failure.message, 400)}`]
  const what = `*Waiting for approval* (${countApprovals(run)} of ${run.approvalsNeeded})`
  const { reminded, freezeOverride } = run
  const told = reminded === undefined ? [] : [`${mentions(reminded.who, 'and')} reminded at ${localTime(reminded.at)}.`]
  const frozen = freezeOverride === undefined ? [] : ['Because of the freeze it needs one approval more than usual.']
  return [`${what}: ${counted(missing, 'approval')} needed from ${who}.${until}`, ...told, ...frozen, ...again]
}

function runningLines(run: Run, view: StateView): readonly string[] {
  const phase = currentPhase(run)
  if (phase === undefined) return ['*Running.*']
  const all = chapters(run)
  const place = all.length > 1 ? ` phase ${all.indexOf(phase) + 1} of ${all.length}:` : ''
  const pace = view.pace ?? {}
  const late = phase.status === 'running' ? lateness(phase, view.now, pace) : ''
  const rest = all.length > 1 ? eta(run, view.now, pace) : ''
  return [
    `*Running*${place} ${phaseTitle(run, phase.name)}${late}.`,
    ...watchLines(run),
    ...retriedBy(view),
    ...(rest === '' ? [] : [rest]),
  ]
}

/** Words what went wrong while watching, and who decides. */
function watchLines(run: Run): readonly string[] {
  const watch = currentWatch(run)
  const broken =
    watch?.breach === undefined
      ? []
      : [`*A rule was broken* at ${localTime(new Date(watch.breach.at))}: ${words(sentence(watch.breach.text), 500)}`]
  const { kind, by } = watch?.decision ?? {}
  if (by === undefined)
    return broken.length === 0
      ? []
      : [...broken, 'Someone has to decide: roll back, keep watching or stop watching. Until then the watch goes on.']
  switch (kind) {
    case 'keep':
      return [...broken, `${mention(by)} keeps watching; at the end the rules decide.`]
    case 'finish':
      return [...broken, `${mention(by)} finished the watch early; the criteria are being judged.`]
    case 'stop':
      return [...broken, `${mention(by)} stopped the watch.`]
    case 'roll_back':
      return [...broken, `${mention(by)} ends the watch; the rollback begins as a run of its own.`]
    case undefined:
      return broken
  }
}

function failedLines(run: Run, view: StateView): readonly string[] {
  const phase = failedPhase(run)
  const failure = failureOf(run)
  const at = phase === undefined ? '' : ` at ${phaseTitle(run, phase.name)}`
  const hint = failure?.hint === undefined ? [] : [`*What can be done:* ${words(failure.hint, 400)}`]
  const evidence = failure !== undefined && failure.evidence.length > 0 ? ' The evidence is in the thread.' : ''
  if (run.rolledBackBy !== undefined) return [`*Failed${at}.*${reasonOf(run)}`, rollbackSeen(run.rolledBackBy)]
  return [`*Failed${at}.*${reasonOf(run)}${evidence}`, ...hint, `${choices(run)}${onCallLine(view.onCall)}`]
}

/** Names the people on call. The thread's post mentions them, once; the board only says who they are. */
function onCallLine(onCall: string | undefined): string {
  if (onCall === undefined || onCall === '') return ''
  return isId(onCall) ? ' Those on call were told in the thread.' : ` On call: ${words(onCall, 100)}.`
}

function decidedBy(kind: Decision['kind'], view: StateView): string {
  const last = view.decisions?.findLast((decision) => decision.kind === kind)
  return last === undefined ? '' : ` by ${mention(last.by)}`
}

function retriedBy(view: StateView): readonly string[] {
  const retries = view.decisions?.filter((decision) => decision.kind === 'retry') ?? []
  const last = retries.at(-1)
  return last === undefined ? [] : [`${mention(last.by)} had the failed phase run again at ${localTime(last.at)}.`]
}

function succeededLines(run: Run, view: StateView): readonly string[] {
  const took = elapsed(run, view.now)
  const time = took === undefined ? '' : ` in ${duration(took)}`
  if (run.kind === 'diagnose') return [...diagnosisLines(run), soFar(run)]
  if (run.kind === 'fix') return [`*Done*${time}: ${words(doneLine(run), 300)}.`, ...diagnosisLines(run)]
  if (run.kind === 'verify') return [`*Checked*${time}.${verdictOf(run)} ${soFar(run)}`]
  const lines = [`*Succeeded*${time}${estimateOf(run)}.${verdictOf(run)}`]
  if (run.rolledBackBy !== undefined) return [...lines, rollbackSeen(run.rolledBackBy)]
  const open = isUndoable(run) && run.hasEffects && view.rollbackUntil !== undefined
  if (!open || view.rollbackUntil <= view.now) return lines
  return [...lines, `It can be rolled back here until ${localTime(view.rollbackUntil, '{date_short_pretty} {time}')}.`]
}

function doneLine(run: Run): string {
  return run.phases.find((phase) => phase.name === 'fix')?.line ?? ''
}

function rollbackOffer(run: Run, { rollbackUntil, now }: StateView): readonly string[] {
  if (run.rolledBackBy !== undefined || (rollbackUntil !== undefined && rollbackUntil <= now)) return []
  if (isUndoable(run) && run.hasEffects) return ['*Roll back* shows what would be undone before anything happens.']
  return []
}

function rollbackSeen(number: number): string {
  return `The rollback is run *#${number}*.`
}

function reasonOf(run: Run): string {
  const failure = failureOf(run)
  return failure === undefined ? '' : ` ${words(sentence(failure.message), 600)}`
}

function rejectedBy(run: Run): string {
  const rejection = run.approvals.findLast((approval) => approval.decision === 'rejected')
  if (rejection === undefined) return ''
  const reason = rejection.reason === undefined || rejection.reason === '' ? '' : `: “${words(rejection.reason, 300)}”`
  return ` by ${mention(rejection.user)}${reason}`
}

/** Words the estimate: " (estimate 35 min + 30 min of monitoring)". */
function estimateOf(run: Run): string {
  if (!isDeployPlan(run.plan)) return ''
  return ` (estimate ${minutes(run.plan.estimateMinutes)} + ${minutes(run.plan.monitorMinutes)} of monitoring)`
}

function verdictOf(run: Run): string {
  const seen = run.verification
  if (seen === undefined) return ''
  if (seen.criteria.length > 0) {
    const met = seen.criteria.filter((check) => check.verdict === 'pass').length
    return ` ${met} of ${seen.criteria.length} success criteria are met.`
  }
  return ` ${tally([...seen.counts, ...seen.state])}.`
}
