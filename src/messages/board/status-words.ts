import { type Check, isDeployPlan, isFixPlan, isUndoPlan, type Run, type Verdict } from '../../model/run.ts'
import { notWellWords } from '../../model/not-well.ts'
import { currentWatch } from '../../model/watch.ts'
import { clip } from '../../outside-text/cut.ts'
import { counted, oneLine } from '../../text.ts'
import { chapters, currentPhase, failedPhase, phaseWords } from '../blocks/chapters.ts'
import { isJudged } from '../thread/checks.ts'
import { aboutOf, aboutWords, diagnosisWords, remedyWords } from '../thread/diagnosis.ts'

/** Words what a run is about, as plain text: "v1.2.0 → production". Purser has one service, so it is not named. */
export function subject(run: Run): string {
  switch (run.kind) {
    case 'deploy':
      return `${run.version} → ${run.environment}`
    case 'rollback':
      return `roll back ${run.version} on ${run.environment}`
    case 'verify':
      return `verify ${run.environment}`
    case 'restore':
      return `restore ${run.environment}`
    case 'diagnose':
      return `diagnose ${whatOf(run)} on ${run.environment}`
    case 'fix':
      return `${isFixPlan(run.plan) ? remedyWords(run.plan.remedy) : 'fix'} on ${run.environment}`
  }
}

function whatOf(run: Run): string {
  const about = aboutOf(run)
  return about === undefined ? 'billing' : aboutWords(about)
}

/** Words the state shortly, beside the subject. */
export function stateWords(run: Run): string {
  switch (run.status) {
    case 'planning':
      return 'planning'
    case 'awaiting_approval':
      return 'waiting for approval'
    case 'executing':
      return runningWords(run)
    case 'cancelling':
      return 'being cancelled'
    case 'failed':
      return `${notWellWords(run) ?? `failed${failedPlace(run)}`}${rollbackWords(run)}`
    case 'left':
      return `${notWellWords(run) ?? 'failed'}, left as is${rollbackWords(run)}`
    case 'planned':
      return 'dry run, plan ready'
    case 'succeeded':
      return succeededWords(run)
    case 'rejected':
      return `rejected${rollbackWords(run)}`
    case 'expired':
      return `expired${rollbackWords(run)}`
    case 'cancelled':
      return `cancelled${rollbackWords(run)}`
  }
}

/** While monitoring has found a problem, that is the headline. */
function runningWords(run: Run): string {
  const watch = currentWatch(run)
  if (watch?.breach !== undefined && watch.decision === undefined) return `running – ${firstBreach(watch.breach.text)}`
  const phase = currentPhase(run)
  const all = chapters(run)
  return phase === undefined || all.length < 2 ? 'running' : `running, ${all.indexOf(phase) + 1} of ${all.length}`
}

/** The number that broke its limit; how often it did, and what else is broken, is told below. */
function firstBreach(text: string): string {
  const [first = ''] = text.split(/, \d+ samples in a row|; /)
  return clip(oneLine(first), 80) || 'monitoring found a problem'
}

function failedPlace(run: Run): string {
  const phase = failedPhase(run)
  if (phase === undefined || run.kind === 'verify' || run.kind === 'diagnose') return ''
  const all = chapters(run)
  const place = all.length < 2 || !all.includes(phase) ? '' : ` (${all.indexOf(phase) + 1} of ${all.length})`
  return ` at ${phaseWords(run, phase.name)}${place}`
}

/** A rollback that was begun may still fail: only when nothing of the run's changes is left is it rolled back. */
function rollbackWords({ rolledBackBy, hasEffects }: Run): string {
  if (rolledBackBy === undefined) return ''
  return hasEffects ? `, rollback is #${rolledBackBy}` : `, rolled back by #${rolledBackBy}`
}

function succeededWords(run: Run): string {
  if (run.kind === 'diagnose') return diagnosisWords(run)
  if (run.kind === 'fix') return fixWords(run)
  if (run.kind === 'verify') return verifyWords(run)
  if (run.kind === 'rollback') return `succeeded${runsNow(run)}`
  if (run.rolledBackBy !== undefined && !run.hasEffects) return `rolled back by #${run.rolledBackBy}`
  return `succeeded${rollbackWords(run)}`
}

/** Says which version a finished rollback has left running, as the cluster named it. */
function runsNow({ plan }: Run): string {
  if (!isUndoPlan(plan) || plan.rollbackTarget?.kind !== 'seen') return ''
  const version = plan.rollbackTarget.to?.version
  return version === undefined || version === null ? '' : `, ${version} runs now`
}

function fixWords(run: Run): string {
  const what = diagnosisWords(run)
  return what === 'no cause found' ? 'done, diagnosis clean' : `done, ${what}`
}

/** Returns the sign that decorates the words after it, which say the same. */
export function sign(run: Run): string {
  switch (run.status) {
    case 'executing':
      return asksForDecision(run) ? ':warning:' : ':hourglass_flowing_sand:'
    case 'planning':
    case 'cancelling':
      return ':hourglass_flowing_sand:'
    case 'awaiting_approval':
      return ':raised_hand:'
    case 'failed':
      return notWellWords(run) === undefined ? ':x:' : ':warning:'
    case 'planned':
      return ':memo:'
    case 'succeeded':
      return checksSign(run)
    case 'left':
    case 'rejected':
    case 'expired':
    case 'cancelled':
      return ':no_entry_sign:'
  }
}

/** Tells whether monitoring has found a problem and nobody has decided yet. */
function asksForDecision(run: Run): boolean {
  const watch = currentWatch(run)
  return watch?.breach !== undefined && watch.decision === undefined
}

/** Returns the sign of a verification: one that ran to its end is not a good one yet. */
function checksSign(run: Run): string {
  if (run.diagnosis !== undefined) {
    if (run.diagnosis.causes.length > 0) return run.kind === 'fix' ? ':warning:' : ':mag:'
    return run.diagnosis.findings.some((finding) => finding.verdict === 'unknown') ? ':warning:' : ':white_check_mark:'
  }
  if (run.kind !== 'verify' || run.verification === undefined) return ':white_check_mark:'
  const verdicts = [...run.verification.counts, ...run.verification.state]
    .filter(isJudged)
    .map(({ verdict }) => verdict)
  if (verdicts.includes('fail')) return ':x:'
  return verdicts.every((verdict) => verdict === 'pass') ? ':white_check_mark:' : ':warning:'
}

function verifyWords(run: Run): string {
  if (run.verification === undefined) return 'finished'
  return tally([...run.verification.counts, ...run.verification.state])
}

/** Returns the plain text for the top of the board. */
export function title(run: Run): string {
  if (run.status === 'planning' && run.kind === 'deploy') {
    return `Planning ${run.version} → ${run.environment}${run.dryRun ? ' (dry run)' : ''}`
  }
  if (run.kind === 'deploy') return `${change(run)}: ${stateWords(run)}`
  return `${subject(run).replace(/^[a-z]/, (letter) => letter.toUpperCase())}: ${stateWords(run)}`
}

/** Words a deploy that somebody has to judge with what it replaces; a version that is not known, or the same, is left out. */
export function change(run: Run): string {
  const undecided = run.status === 'awaiting_approval' || run.status === 'planned'
  const from = isDeployPlan(run.plan) ? run.plan.current.version : undefined
  if (!undecided || from === undefined || from === run.version) return subject(run)
  return `${from} → ${run.version} on ${run.environment}`
}

/** Counts verdicts in words: "5 passed, 1 warning, 1 failed". What nobody judges is only counted. */
export function tally(checks: readonly Pick<Check, 'verdict' | 'threshold'>[]): string {
  const judged = checks.filter(isJudged)
  const of = (verdict: Verdict) => judged.filter((check) => check.verdict === verdict).length
  const only = checks.length - judged.length
  const beside = only === 0 ? [] : [counted(only, 'count')]
  if (checks.length === 0) return 'nothing was checked'
  if (judged.length > 0 && of('pass') === judged.length)
    return [judged.length === 1 ? '1 check passed' : `all ${judged.length} checks passed`, ...beside].join(', ')
  return [
    ...(of('fail') > 0 ? [`${of('fail')} of ${counted(judged.length, 'check')} failed`] : []),
    ...(of('inconclusive') > 0 ? [`${of('inconclusive')} without enough data`] : []),
    ...(of('unknown') > 0 ? [`${of('unknown')} couldn't be checked`] : []),
    ...(of('warn') > 0 ? [counted(of('warn'), 'warning')] : []),
    ...(of('pass') > 0 ? [`${of('pass')} passed`] : []),
    ...beside,
  ].join(', ')
}
