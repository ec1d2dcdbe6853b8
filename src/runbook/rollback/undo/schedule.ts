import type { EffectOf } from '../../../model/effects/effects.ts'
import type { PhaseContext } from '../../phase.ts'

export async function undoSchedule(
  { world }: PhaseContext,
  { target, before }: EffectOf<'schedule'>,
  signal: AbortSignal,
): Promise<void> {
  if (before.suspended === false) await world.cluster.suspendCronJob(target, false, signal)
}
