import { isFixPlan, type Run, type Verdict } from '../../model/run.ts'
import { currentWatch } from '../../model/watch.ts'
import { counted } from '../../text.ts'
import { aboutOf, aboutWords, diagnosisWords, remedyWords } from '../thread/diagnosis.ts'

/** Words what a run is about, as plain text: "valuecanvas-api v1.2.0 → production". */
export function subject(run: Run): string {
  switch (run.kind) {
    case 'deploy':
      return `${run.service} ${run.version} → ${run.environment}`
    case 'rollback':
      return `${run.service}: roll back ${run.version} on ${run.environment}`
    case 'verify':
      return `${run.service}: verify ${run.environment}`
    case 'restore':
      return `${run.service}: restore ${run.environment}`
    case 'diagnose':
      return `${run.service}: diagnose ${whatOf(run)} on ${run.environment}`
    case 'fix':
      return `${run.service}: ${isFixPlan(run.plan) ? remedyWords(run.plan.remedy) : 'fix'} on ${run.environment}`
  }
}

function whatOf(run: Run): string {
  const about = aboutOf(run)
  return about === undefined ? 'billing' : aboutWords(about)
}

/** Words the state shortly, beside the subject. */
export function stateWords(run: Run): string {
  const rollback = run.rolledBackBy === undefined ? '' : `, see rollback #${run.rolledBackBy}`
  switch (run.status) {
    case 'planning':
      return 'planning'
    case 'awaiting_approval':
      return 'waiting for approval'
    case 'executing':
      return currentWatch(run)?.breach === undefined ? 'running' : 'running, a rule of the watch is broken'
    case 'cancelling':
      return 'being cancelled'
    case 'failed':
      return `failed${rollback}`
    case 'left':
      return `failed, left as it is${rollback}`
    case 'planned':
      return 'dry run, plan ready'
    case 'succeeded':
      if (run.kind === 'diagnose') return diagnosisWords(run)
      if (run.kind === 'fix') return `done, ${diagnosisWords(run)}`
      return run.kind === 'verify' ? verifyWords(run) : `succeeded${rollback}`
    case 'rejected':
      return 'rejected'
    case 'expired':
      return 'expired'
    case 'cancelled':
      return `cancelled${rollback}`
  }
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
    case 'left':
      return ':x:'
    case 'planned':
      return ':memo:'
    case 'succeeded':
      return checksSign(run)
    case 'rejected':
    case 'expired':
    case 'cancelled':
      return ':no_entry_sign:'
  }
}

/** Tells whether a rule of the watch is broken and nobody has decided yet. */
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
  const verdicts = [...run.verification.counts, ...run.verification.state].map((check) => check.verdict)
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
  return `${subject(run)}: ${stateWords(run)}`
}

/** Counts verdicts in words: "5 passed, 1 warning, 1 failed". */
export function tally(checks: readonly { readonly verdict: Verdict }[]): string {
  const of = (verdict: string) => checks.filter((check) => check.verdict === verdict).length
  const parts = [
    `${of('pass')} passed`,
    ...(of('warn') > 0 ? [counted(of('warn'), 'warning')] : []),
    ...(of('fail') > 0 ? [`${of('fail')} failed`] : []),
    ...(of('inconclusive') > 0 ? [`${of('inconclusive')} inconclusive`] : []),
    ...(of('unknown') > 0 ? [`${of('unknown')} unknown`] : []),
  ]
  return checks.length === 0 ? 'nothing was checked' : parts.join(', ')
}
