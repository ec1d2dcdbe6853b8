import { isRestorePlan, type PhaseState, type Run } from '../../model/run.ts'
import { type PhaseName, phaseSpec } from '../../model/kinds.ts'

/** Lists the runbook's chapters; planning comes before approval and is none. */
export function chapters(run: Run): readonly PhaseState[] {
  return run.phases.filter((phase) => phase.name !== 'plan')
}

export function failedPhase(run: Run): PhaseState | undefined {
  return run.phases.find((phase) => phase.status === 'failed')
}

/** Returns the chapter under way, or the next one that will be. */
export function currentPhase(run: Run): PhaseState | undefined {
  return (
    run.phases.find((phase) => phase.status === 'running') ??
    run.phases.find((phase) => phase.status === 'queued') ??
    run.phases.find((phase) => phase.status === 'pending')
  )
}

/** Returns the title of a phase; that of a restore in place differs, as nothing is restored before the downtime. */
export function phaseTitle({ kind, plan }: Pick<Run, 'kind' | 'plan'>, name: PhaseName): string {
  if (name === 'prepare' && isRestorePlan(plan) && plan.inPlace !== undefined) return 'Verify the backup once more'
  return phaseSpec(kind, name)?.title ?? name
}
