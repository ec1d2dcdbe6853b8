import { isDeployPlan, type Run } from './run.ts'

/** What an environment runs, as far as the runs tell. */
export interface Release {
  /** Undefined before Purser's first deploy. */
  readonly version: string | undefined
  /** The run that brought it; undefined when it stood there before Purser came. */
  readonly by: Run | undefined
  /** A newer run whose changes stand, wholly or in part, without having succeeded. */
  readonly unfinished: Run | undefined
}

/** Pure: from the deploys of one environment, newest first. */
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
