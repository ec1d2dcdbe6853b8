import type { EffectOf } from '../../../model/effects/effects.ts'
import type { PhaseContext } from '../../phase.ts'
import { restart } from '../../stripe/signing-secret.ts'

/** Restarts the pods, which read the Secret when they start: now they get the one that was put back. */
export async function undoRestart(
  context: PhaseContext,
  { target }: EffectOf<'restart'>,
  signal: AbortSignal,
): Promise<void> {
  await restart(context, target, signal)
}
