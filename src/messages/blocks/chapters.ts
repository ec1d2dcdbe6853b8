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

/** Returns the title of a phase as it stands within a sentence: "deploy application code", "E2E tests". */
export function phaseWords(run: Pick<Run, 'kind' | 'plan'>, name: PhaseName): string {
  return phaseTitle(run, name).replace(/^[A-Z](?=[a-z])/, (letter) => letter.toLowerCase())
}

const shortNames: Partial<Readonly<Record<PhaseName, string>>> = {
  preflight: 'Preflight',
  migrate: 'Migrations',
  rollout: 'Code',
  stripe: 'Stripe',
  cronjobs: 'CronJobs',
  e2e: 'E2E',
  monitor: 'Monitoring',
}

/** Returns the name of a phase where several stand in one line on a phone. */
export function phaseShortly(run: Pick<Run, 'kind' | 'plan'>, name: PhaseName): string {
  return shortNames[name] ?? phaseTitle(run, name)
}
