import type { Check, Verification } from '../../model/run.ts'
import { withinTime, withTrend } from './checks.ts'
import type { Phase, PhaseContext } from '../phase.ts'
import { counts } from './query-checks.ts'
import { state } from './state-checks.ts'

/** Carries out `/billing verify`: the runbook's counts, the invariants, and how everything is. Read-only. */
export const verify: Phase = async (context) => {
  await context.report('counting and looking')
  const verification = await lookAround(context)
  return { line: summaryOf([...verification.counts, ...verification.state]), verification }
}

/** Makes all checks side by side under one time limit, and puts beside each what the last verification here saw. */
export async function lookAround(
  context: PhaseContext,
  seconds = context.service.verify.timeoutSeconds,
): Promise<Verification> {
  const former = await context.records.formerVerification()
  const [counted, stands] = await withinTime(seconds, context.signal, (signal) =>
    Promise.all([counts({ ...context, signal }), state({ ...context, signal })]),
  )
  return withTrend({ at: new Date().toISOString(), counts: counted, state: stands, criteria: [] }, former)
}

/** Words the checks: "8 checks passed" or "2 of 8 checks need a look: …". */
export function summaryOf(checks: readonly Check[]): string {
  const bad = checks.filter((check) => check.verdict !== 'pass')
  if (bad.length === 0) return `${checks.length} checks passed`
  return `${bad.length} of ${checks.length} checks need a look: ${bad.map((one) => one.title).join(', ')}`
}
