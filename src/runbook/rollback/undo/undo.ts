import type { EffectRecord, UndoableEffectKind } from '../../../model/effects/effects.ts'
import type { RollbackTarget } from '../../../model/rollback-target.ts'
import type { PhaseContext } from '../../phase.ts'
import { undoCronJob } from './cronjob.ts'
import { undoRestore } from './database.ts'
import { undoImage } from './image.ts'
import { undoReplicas } from './replicas.ts'
import { undoRestart } from './restart.ts'
import { undoSchedule } from './schedule.ts'
import { undoSecret } from './secret-key.ts'
import { undoEndpoint } from './stripe-endpoint.ts'

/** Puts one effect back. It looks before it acts, so it is safe to repeat. */
type Undo<K extends UndoableEffectKind> = (
  context: PhaseContext,
  effect: EffectRecord<K>,
  signal: AbortSignal,
  rollbackTarget: RollbackTarget | undefined,
  /** What is put back along with it, while the service is stopped for it. */
  meanwhile: () => Promise<void>,
) => Promise<void>

/** What puts an effect of each kind back. A kind that can be put back and has no function here does not compile. */
const undoOf: { readonly [K in UndoableEffectKind]: Undo<K> } = {
  image: undoImage,
  'stripe-endpoint': undoEndpoint,
  'secret-key': undoSecret,
  restart: undoRestart,
  cronjob: undoCronJob,
  database: undoRestore,
  replicas: undoReplicas,
  schedule: undoSchedule,
}

export function undoEffect<K extends UndoableEffectKind>(
  context: PhaseContext,
  effect: EffectRecord<K>,
  signal: AbortSignal,
  rollbackTarget: RollbackTarget | undefined,
  meanwhile: () => Promise<void>,
): Promise<void> {
  return undoOf[effect.kind](context, effect, signal, rollbackTarget, meanwhile)
}
