import type { Workspace } from '../../adapters/runner/port.ts'
import { type PhaseContext, planOf } from '../phase.ts'

/**
 * Works in a clean checkout of the planned commit, and removes it afterwards. Each phase that needs one makes it anew,
 * as it may go on with another runner.
 */
export async function inWorkspace<T>(context: PhaseContext, work: (workspace: Workspace) => Promise<T>): Promise<T> {
  const { repository, runner } = context.world
  const workspace = await runner.open(
    {
      name: `run-${context.run.number}`,
      checkout: (to, signal) => repository.archive(planOf(context.run).commit.sha, to, signal),
      onWaiting: () => void context.report('waiting for the runner: a different run uses it').catch(() => undefined),
    },
    context.signal,
  )
  try {
    return await work(workspace)
  } finally {
    await workspace.close()
  }
}
