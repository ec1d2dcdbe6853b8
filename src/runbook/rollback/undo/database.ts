import type { EffectOf } from '../../../model/effects/effects.ts'
import type { RollbackTarget } from '../../../model/rollback-target.ts'
import { CheckFailed } from '../../errors.ts'
import type { PhaseContext } from '../../phase.ts'
import { neverRestored, undoInPlace } from '../../restore/in-place.ts'
import { putBack } from '../../restore/restore.ts'
import {
  rememberService,
  type ServiceSnapshot,
  signalToPutBack,
  startService,
  stopService,
} from '../../restore/service.ts'

/**
 * Undoes a restore by the same stop, the reverse swap and the same start. The restored database is kept beside.
 * `meanwhile` puts back what else the restore has changed, while nothing serves: neither release ever runs on the schema
 * of the other one.
 */
export async function undoRestore(
  context: PhaseContext,
  effect: EffectOf<'database'>,
  signal: AbortSignal,
  _rollbackTarget: RollbackTarget | undefined,
  meanwhile: () => Promise<void> = async () => undefined,
): Promise<void> {
  const { world } = context
  const { before: names } = effect
  if (names.inPlace === true) {
    if ((await neverRestored(context, effect, signal)) && !(await hasRemembered(context))) return
    return undoInPlace(context, effect, await snapshotBefore(context, effect.run), meanwhile, signal)
  }
  const state = await world.restores.swapState(names, signal)
  if (state === 'absent' && effect.status === 'applied')
    throw new CheckFailed('kept_database_gone', `putting ${names.live} back: ${names.kept} no longer exists`, {
      hint: 'It was dropped. Restore a backup instead: `/billing restore`',
    })
  const swapped = state === 'swapped'
  // Nothing was swapped, and no earlier try of this step has stopped anything.
  if (!swapped && !(await hasRemembered(context))) return world.restores.reopen(names, signal)
  const snapshot = await snapshotBefore(context, effect.run)
  try {
    if (swapped) {
      await stopService(context, snapshot, signal)
      await world.restores.swapBack(names, signal)
    }
    await meanwhile()
    await world.restores.reopen(names, signal)
    await startService(context, snapshot, signal)
  } catch (error) {
    const later = signalToPutBack(context.signal)
    if (later !== undefined) await putBack(context, names, snapshot, later)
    throw error
  }
}

async function hasRemembered({ records, run }: PhaseContext): Promise<boolean> {
  return (await records.effectsOf(run.number)).some((one) => one.kind === 'replicas')
}

/**
 * Returns what shall run afterwards. Where the restore failed with the application down, its own record tells how many
 * pods.
 */
async function snapshotBefore(context: PhaseContext, restore: number): Promise<ServiceSnapshot> {
  const snapshot = await rememberService(context)
  const effects = await context.records.effectsOf(restore)
  const held = effects.filter((effect) => effect.kind === 'schedule')
  const replicas = effects
    .filter((effect) => effect.kind === 'replicas')
    .find(({ target }) => target === context.service.deployment)?.before
  const schedules = Object.entries(snapshot.schedules).map(([name, now]) => {
    const before = held.find(({ target }) => target === name)?.before
    return [name, before?.suspended === false && now.suspended !== null ? before : now] as const
  })
  return {
    ...(snapshot.replicas > 0 ? snapshot : (replicas ?? snapshot)),
    schedules: Object.fromEntries(schedules),
  }
}
