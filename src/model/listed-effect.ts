import type { PlannedEffect } from './deploy-plan.ts'
import type { Remedy } from './diagnosis.ts'
import type { EffectKind } from './effects/effects.ts'
import type { Run } from './run.ts'

/**
 * Tells whether the plan of a run lists this change. Runs whose plan lists none (a verification, a diagnosis) change
 * nothing; a rollback puts recorded changes back and makes none, except that it stops the service, and starts it again,
 * while a restore is undone. Pure.
 */
export function isListed(plan: Run['plan'], { kind, target }: PlannedEffect): boolean {
  switch (plan?.kind) {
    case 'deploy':
      return plan.effects?.some((one) => one.kind === kind && one.target === target) === true
    case 'restore':
      if (plan.effects !== undefined) return plan.effects.some((one) => one.kind === kind && one.target === target)
      if (kind === 'database') return target === plan.database.live
      if (kind === 'replicas') return target === plan.deployment.name
      // What Stripe has sent since the backup is sent to the service again.
      return kind === 'events' || (kind === 'schedule' && plan.cronJobs.includes(target))
    case 'fix':
      return kind === kindOf[plan.remedy.kind] && isTargetOf(plan.remedy, target)
    case 'undo':
      return (kind === 'replicas' || kind === 'schedule') && plan.steps.some((step) => step.kind === 'database')
    case 'diagnose':
    case 'restore-request':
    case undefined:
      return false
  }
}

const kindOf: Readonly<Record<Remedy['kind'], EffectKind | undefined>> = {
  resume_cronjob: 'schedule',
  run_cronjob: 'job',
  enable_endpoint: 'stripe-endpoint',
  resend_events: 'events',
  // A deploy is a run of its own, with a plan of its own.
  deploy: undefined,
}

function isTargetOf(remedy: Remedy, target: string): boolean {
  if (remedy.kind === 'resume_cronjob') return target === remedy.target
  // A Job is named after its CronJob, the run and the attempt.
  if (remedy.kind === 'run_cronjob') return target.startsWith(`${remedy.target}-run-`)
  return true
}
