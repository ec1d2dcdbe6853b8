import type { PhaseContext } from '../phase.ts'
import { CheckFailed } from '../errors.ts'
import { timeLimit } from '../../time-limit.ts'

/** Waits until the image runs everywhere. Raises `rollout_timeout` when service.rollout.timeoutMinutes are over. */
export async function watchRollout(context: PhaseContext, image: string, signal: AbortSignal): Promise<void> {
  const { world, service } = context
  const { deployment, container, rollout } = service
  const limit = timeLimit(rollout.timeoutMinutes * 60_000)
  let last = 'nothing was seen of it'
  const wait = {
    deployment,
    container,
    image,
    graceMs: rollout.graceSeconds * 1_000,
    onProgress: ({ line }: { readonly line: string }) => {
      last = line
      void context.report(line).catch(() => undefined)
    },
  }
  try {
    await world.cluster.waitForRollout(wait, AbortSignal.any([signal, limit]))
  } catch (error) {
    if (!limit.aborted || signal.aborted) throw error
    throw new CheckFailed(
      'rollout_timeout',
      `rolling out ${deployment}: not done after ${rollout.timeoutMinutes} min (${last})`,
      { cause: error, hint: "Check the pods that aren't ready. Retry the phase to keep waiting, or roll back." },
    )
  }
}
