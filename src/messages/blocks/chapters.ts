import { isRestorePlan, type PhaseState, type Run } from '../../model/run.ts'
import { type PhaseName, phaseSpec } from '../../model/kinds.ts'

/** The runbook's chapters; planning is worked out before approval and is none. */
export function chapters(run: Run): readonly PhaseState[] {
  return run.phases.filter((phase) => phase.name !== 'plan')
}

export function failedPhase(run: Run): PhaseState | undefined {
  return run.phases.find((phase) => phase.status === 'failed')
}

/** The chapter under way, or the next one that will be. */
export function currentPhase(run: Run): PhaseState | undefined {
  return (
    run.phases.find((phase) => phase.status === 'running') ??
    run.phases.find((phase) => phase.status === 'queued') ??
    run.phases.find((phase) => phase.status === 'pending')
  )
}

/** In place nothing is restored before the downtime. */
export function phaseTitle({ kind, plan }: Pick<Run, 'kind' | 'plan'>, name: PhaseName): string {
  if (name === 'prepare' && isRestorePlan(plan) && plan.inPlace !== undefined) return 'Verify the backup once more'
  return phaseSpec(kind, name)?.title ?? name
}
