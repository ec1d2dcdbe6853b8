import type { EffectOf } from '../../../model/effects/effects.ts'
import type { PhaseContext } from '../../phase.ts'
import { scaleBack } from '../../restore/replicas.ts'

export async function undoReplicas(
  context: PhaseContext,
  { before }: EffectOf<'replicas'>,
  signal: AbortSignal,
): Promise<void> {
  await scaleBack(context, before, () => undefined, signal)
}
