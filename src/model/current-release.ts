import { isDeployPlan, isRestorePlan, type Run } from './run.ts'

/** What an environment runs, as far as the runs tell. */
export interface Release {
  /** The version; undefined before Purser's first deploy. */
  readonly version: string | undefined
  /** The run that brought it; undefined when it was there before Purser came. */
  readonly by: Run | undefined
  /** A newer run that has not succeeded and whose changes, all or some, are still there. */
  readonly unfinished: Run | undefined
}

/** The kinds of runs that change which release an environment runs. */
export const releasingKinds = ['deploy', 'restore'] as const

/**
 * Tells the release from the deploys and restores of one environment, given newest first. A restore may have brought back the
 * release that fits its backup. Pure.
 */
export function releasedIn(deploys: readonly Run[]): Release {
  let unfinished: Run | undefined
  let before: string | undefined
  for (const run of deploys) {
    if (run.kind === 'restore') {
      const back = broughtBack(run)
      if (back === undefined) continue
      if (back.done) return { version: back.version, by: run, unfinished }
      unfinished ??= run
      continue
    }
    if (run.kind !== 'deploy' || run.dryRun) continue
    if (run.rolledBackBy !== undefined && !run.hasEffects) {
      if (isDeployPlan(run.plan)) before = run.plan.current.version
      continue
    }
    if (run.status === 'succeeded') return { version: run.version, by: run, unfinished }
    if (run.hasEffects) unfinished ??= run
  }
  return { version: before, by: undefined, unfinished }
}

/** Which release a restore has brought back, or was bringing back; undefined when none, or when it was rolled back. */
function broughtBack({ plan, hasEffects, phases }: Run) {
  if (!isRestorePlan(plan) || plan.release?.after !== 'former' || !hasEffects) return undefined
  const done = phases.some(({ name, status }) => name === 'swap' && status === 'succeeded')
  return { version: plan.release.earlier.version, done }
}
