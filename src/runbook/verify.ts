import type { Check, Verification } from '../runs/model.ts'
import { counts, state } from './checks.ts'
import type { Phase, PhaseContext } from './context.ts'

/** `/billing verify`: the runbook's counts and the state of rollout, endpoint and CronJobs. Read-only. */
export const verify: Phase = async (context) => {
  await context.report('counting and looking')
  const verification = await lookAround(context)
  return { line: summaryOf([...verification.counts, ...verification.state]), verification }
}

export async function lookAround(context: PhaseContext): Promise<Verification> {
  const [counted, stands] = await Promise.all([counts(context), state(context)])
  return { at: new Date().toISOString(), counts: counted, state: stands, criteria: [] }
}

/** "8 checks passed" or "2 of 8 checks need a look: …" */
export function summaryOf(checks: readonly Check[]): string {
  const bad = checks.filter((it) => it.verdict !== 'pass')
  if (bad.length === 0) return `${checks.length} checks passed`
  return `${bad.length} of ${checks.length} checks need a look: ${bad.map((it) => it.title).join(', ')}`
}
