import { join } from 'node:path'
import { type PhaseContext, planOf } from '../phase.ts'

/**
 * Works in a clean checkout of the planned commit, and removes it afterwards. Each phase that needs one makes it anew,
 * as it may go on with another disk.
 */
export async function inWorkspace<T>(context: PhaseContext, work: (directory: string) => Promise<T>): Promise<T> {
  const { repository } = context.world
  const directory = join(context.world.workspaces, `run-${context.run.number}`)
  await repository.checkout(planOf(context.run).commit.sha, directory, context.signal)
  try {
    return await work(directory)
  } finally {
    await repository.discard(directory)
  }
}
