import { type Breach, elapsed, type Failure, type PhaseState, type Run, type RunWatch } from '../../model/run.ts'
import type { Effect } from '../../model/effects/effects.ts'
import { isReadOnly, isUndoable } from '../../model/kinds.ts'
import { countApprovals } from '../../model/lifecycle.ts'
import { monitorCodeOf } from '../../model/monitor-codes.ts'
import { isNotWell } from '../../model/not-well.ts'
import { waits } from '../../model/waiting.ts'
import { currentWatch } from '../../model/watch.ts'
import type { Decision } from '../../model/decision.ts'
import type { PhaseDurations } from '../../model/phase-durations.ts'
import type { Serving } from '../../model/serving.ts'
import type { Watched } from '../blocks/charts.ts'
import { chapters, currentPhase, failedPhase, phaseTitle } from '../blocks/chapters.ts'
import { eta, lateness } from './eta.ts'
import { afresh, choices, soFar } from './so-far.ts'
import { tally } from './status-words.ts'
import { diagnosisLines } from '../thread/diagnosis.ts'
import { checkLine, wasWords, worstFirst } from '../thread/checks.ts'
import { tellingLine } from '../thread/evidence.ts'
import { counted, duration, oneLine, sentence } from '../../text.ts'
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
  /** The numbers of the release that is being monitored. */
  readonly watched?: Watched
  /** What the run has changed outside, once it has stopped. */
  readonly effects?: readonly Effect[]
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
      return [`*Stopping*${decidedBy('cancel', view)}. The current phase is being stopped. Nothing new starts.`]
    case 'failed':
      return failedLines(run, view)
    case 'left':
      return [
        `*Left as is*${decidedBy('leave', view)}.${reasonOf(run)}`,
        soFar(run, view.effects),
        ...rollbackOffer(run, view),
      ]
    case 'planned':
      return ['*Dry run: the plan is ready.* Nothing changed and nothing will.']
    case 'succeeded':
      return succeededLines(run, view)
    case 'rejected':
      return [`*Rejected*${rejectedBy(run)}. ${soFar(run, view.effects)} ${afresh(run)}`, ...rollbackOffer(run, view)]
    case 'expired':
      return [
        `*Expired*: nobody approved in time. ${soFar(run, view.effects)} ${afresh(run)}`,
        ...rollbackOffer(run, view),
      ]
    case 'cancelled':
      return [`*Cancelled*${decidedBy('cancel', view)}. ${soFar(run, view.effects)}`, ...rollbackOffer(run, view)]
  }
}

function planningLines(run: Run): readonly string[] {
  const plan = run.phases.find((phase) => phase.name === 'plan')
  const line = plan?.line ?? ''
  const again = run.failure === undefined ? [] : [`Planning again: ${words(run.failure.message, 400)}`]
  const now = line === '' ? '*Planning.*' : `*Planning:* ${words(line, 200)}.`
  if (plan?.waits !== undefined)
    return [`*Planning:* ${waitingWords(plan.waits)}. Nothing changes before approval.`, ...again]
  return [`${now} Nothing changes before approval.`, ...again]
}

function waitingLines(run: Run, view: StateView): readonly string[] {
  const who = view.approvers.length === 0 ? 'An approver' : mentions(view.approvers, 'or')
  const until = run.expiresAt === undefined ? 'approve' : `approve by ${localTime(run.expiresAt)}`
  const again = run.failure === undefined ? [] : [`*Needs a new approval:* ${words(run.failure.message, 400)}`]
  const count = `(${countApprovals(run)} of ${run.approvalsNeeded})`
  const { reminded, freezeOverride } = run
  const told = reminded === undefined ? [] : [`${mentions(reminded.who, 'and')} reminded at ${localTime(reminded.at)}.`]
  const frozen = freezeOverride === undefined ? [] : ['Because of the freeze it needs one more approval than usual.']
  return [`${who}: ${until} ${count} · requested by ${mention(run.requestedBy)}`, ...told, ...frozen, ...again]
}

function runningLines(run: Run, view: StateView): readonly string[] {
  const phase = currentPhase(run)
  if (phase === undefined) return ['*Running.*']
  const watch = currentWatch(run)
  if (watch?.breach !== undefined && watch.decision === undefined) return breachLines(watch, watch.breach)
  const rest = chapters(run).length > 1 ? eta(run, view.now, view.pace ?? {}) : ''
  const place = `*${words(phaseTitle(run, phase.name))}*${progressOf(run, view)}`
  return [[place, ...(rest === '' ? [] : [rest])].join(' · '), ...watchLines(run), ...retriedBy(view)]
}

/** Words how far the phase is: " 1m 12s: 2 of 3 pods updated". */
function progressOf(run: Run, { now, pace = {} }: StateView): string {
  const phase = currentPhase(run)
  if (phase === undefined) return ''
  const took = elapsed(phase, now)
  const line = oneLine(phase.line)
  const told = line === '' ? '' : `: ${words(line, 220)}`
  const attempt = phase.attempt > 1 ? ` (attempt ${phase.attempt})` : ''
  if (phase.status === 'queued' && line.startsWith(waits)) return `${attempt}${told}`
  if (phase.status === 'queued') {
    if (phase.transientFailures > 0) return `${attempt}: retrying after a temporary error`
    return `${attempt}: ${phase.waits === undefined ? 'about to start' : waitingWords(phase.waits)}`
  }
  if (took === undefined) return `${attempt}${told}`
  return ` ${duration(took)}${lateness(phase, now, pace)}${attempt}${told}`
}

/** Words what a phase waits for: "waiting since 10:04 for another run". */
function waitingWords({ for: what, since }: NonNullable<PhaseState['waits']>): string {
  const whom = what === 'place' ? 'for another run to finish a phase' : 'for a worker'
  return `waiting since ${localTime(since)} ${whom}`
}

/** Words a problem on which nobody has decided yet. The headline has the number. */
function breachLines({ endsAt }: RunWatch, { at, text }: Breach): readonly string[] {
  const found = `found at ${localTime(new Date(at))}`
  const [, often] = /^[^;]+, (\d+ samples in a row)$/.exec(oneLine(text)) ?? []
  return [
    often === undefined ? `*${words(oneLine(text), 500)}*, ${found}.` : `*${words(often)}*, ${found}.`,
    `Roll back, keep monitoring or stop. Monitoring continues until ${localTime(endsAt)}.`,
  ]
}

/** Words what monitoring found, and what somebody has decided about it. */
function watchLines(run: Run): readonly string[] {
  const watch = currentWatch(run)
  if (watch?.decision === undefined) return []
  const { breach, decision, endsAt } = watch
  const broken =
    breach === undefined ? [] : [`*${words(oneLine(breach.text), 500)}*, found at ${localTime(new Date(breach.at))}.`]
  const by = mention(decision.by)
  switch (decision.kind) {
    case 'keep':
      return [...broken, `${by} keeps monitoring. The rules decide at ${localTime(endsAt)}.`]
    case 'finish':
      return [...broken, `${by} ended monitoring early. The success criteria are being judged.`]
    case 'stop':
      return [...broken, `${by} stopped monitoring.`]
    case 'roll_back':
      return [...broken, `${by} ends monitoring to roll back. The rollback starts as its own run.`]
  }
}

function failedLines(run: Run, view: StateView): readonly string[] {
  const failure = failureOf(run)
  const what = whatBroke(failure)
  if (run.rolledBackBy !== undefined) return [...what, rollbackSeen(run)]
  const hint = failure?.hint === undefined ? [] : [`*Fix:* ${words(failure.hint, 400)}`]
  const evidence = failure !== undefined && failure.evidence.length > 0 ? ' Logs in the thread ↓' : ''
  const changed = isReadOnly(run) ? [] : [soFar(run, view.effects)]
  return [
    ...what,
    ...servingLine(run, failure?.serving),
    ...changed,
    ...hint,
    `${choices(run)}${evidence}${onCallLine(view.onCall)}`,
  ]
}

/** The service's own line that names the error comes first: whoever is woken reads no further at first. */
function whatBroke(failure: Failure | undefined): readonly string[] {
  if (failure === undefined) return ['*It failed.*']
  const reason = words(sentence(failure.message), 600)
  // What monitoring finds and what is compared is judged by Purser, and its evidence are its own long lines.
  const isJudged = monitorCodeOf(failure) !== undefined || isNotWell(failure)
  const telling = isJudged ? undefined : tellingLine(failure.evidence)
  return telling === undefined || failure.message.includes(telling)
    ? [`*${reason}*`]
    : [`*${words(telling, 300)}*`, reason]
}

/** Says what is up, only where it was seen when the phase failed. */
function servingLine({ environment }: Run, serving: Serving | undefined): readonly string[] {
  if (serving === undefined) return []
  const { version, ready, of, health } = serving
  const where = words(
    environment.replace(/^[a-z]/, (letter) => letter.toUpperCase()),
    60,
  )
  const pods = `${ready} of ${counted(of, 'pod')} ready`
  if (ready === 0) return [`*${where} is down:* ${pods}`]
  const what = `${version === undefined ? '' : `${words(version, 60)}, `}${pods}`
  if (health === undefined) return [`${where}: ${what}. Couldn't check its health.`]
  return [health === 200 ? `${where} is up: ${what}` : `*${where} is unhealthy:* HTTP ${health}, ${what}`]
}

/** Names the people on call. The thread's post mentions them, once; the board only says who they are. */
function onCallLine(onCall: string | undefined): string {
  if (onCall === undefined || onCall === '' || isId(onCall)) return ''
  return ` On call: ${words(onCall, 100)}.`
}

function decidedBy(kind: Decision['kind'], view: StateView): string {
  const last = view.decisions?.findLast((decision) => decision.kind === kind)
  return last === undefined ? '' : ` by ${mention(last.by)}`
}

function retriedBy(view: StateView): readonly string[] {
  const last = view.decisions?.findLast((decision) => decision.kind === 'retry')
  return last === undefined ? [] : [`${mention(last.by)} retried it at ${localTime(last.at)}.`]
}

function succeededLines(run: Run, view: StateView): readonly string[] {
  const took = elapsed(run, view.now)
  const time = took === undefined ? '' : ` in ${duration(took)}`
  if (run.kind === 'diagnose') return diagnosisLines(run)
  if (run.kind === 'fix') return [`*Done*${time}: ${words(doneLine(run), 300)}.`, ...diagnosisLines(run)]
  if (run.kind === 'verify') return verifyLines(run, time)
  const lines = [`*Succeeded*${time}.${verdictOf(run)}`]
  if (run.rolledBackBy !== undefined) return [...lines, rollbackSeen(run)]
  const open = isUndoable(run) && run.hasEffects && view.rollbackUntil !== undefined
  if (!open || view.rollbackUntil <= view.now) return lines
  return [...lines, `Roll back available until ${localTime(view.rollbackUntil, '{date_short_pretty} {time}')}.`]
}

/** The most checks that are named one by one; more are a table. */
export const namedFailures = 3

/** Names what failed; that everything passed is one line. */
function verifyLines({ verification: seen }: Run, time: string): readonly string[] {
  if (seen === undefined) return [`*Finished*${time}.`]
  const checks = [...seen.counts, ...seen.state]
  const failed = worstFirst(checks).filter(({ verdict }) => verdict !== 'pass')
  const shown = failed
    .slice(0, namedFailures)
    .map((check) => `${checkLine(check)} ${words(wasWords(check, new Date(seen.at)), 80)}`.trim())
  const left = failed.length - shown.length
  const all = tally(checks).replace(/^[a-z]/, (letter) => letter.toUpperCase())
  return [`*${words(all)}*${time}.`, ...shown, ...(left > 0 ? [`… and ${left} more below`] : [])]
}

function doneLine(run: Run): string {
  return run.phases.find((phase) => phase.name === 'fix')?.line ?? ''
}

function rollbackOffer(run: Run, { rollbackUntil, now }: StateView): readonly string[] {
  if (run.rolledBackBy !== undefined || (rollbackUntil !== undefined && rollbackUntil <= now)) return []
  if (isUndoable(run) && run.hasEffects) return ['*Roll back…* previews every step first.']
  return []
}

/** A rollback that was begun may still be under way, or have failed. */
function rollbackSeen({ rolledBackBy, hasEffects }: Run): string {
  return hasEffects ? `The rollback is run *#${rolledBackBy}*.` : `Rolled back by run *#${rolledBackBy}*.`
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

function verdictOf(run: Run): string {
  const seen = run.verification
  if (seen === undefined) return ''
  if (seen.criteria.length > 0) {
    const met = seen.criteria.filter((check) => check.verdict === 'pass').length
    return ` ${met} of ${seen.criteria.length} success criteria are met.`
  }
  return ` ${words(tally([...seen.counts, ...seen.state]))}.`
}
