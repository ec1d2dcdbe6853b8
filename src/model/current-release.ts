import { isDeployPlan, type Run } from './run.ts'

/** What an environment runs, as far as the runs tell. */
export interface Release {
  /** The version; undefined before Purser's first deploy. */
  readonly version: string | undefined
  /** The run that brought it; undefined when it was there before Purser came. */
  readonly by: Run | undefined
  /** A newer run that has not succeeded and whose changes, all or some, are still there. */
  readonly unfinished: Run | undefined
}

/** Tells the release from the deploys of one environment, given newest first. Pure. */
export function releasedIn(deploys: readonly Run[]): Release {
  let unfinished: Run | undefined
  let before: string | undefined
  for (const run of deploys) {
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
