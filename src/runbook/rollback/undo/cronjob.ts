import type { EffectOf } from '../../../model/effects/effects.ts'
import { tellRunning } from '../../cronjobs/still-running.ts'
import { CheckFailed } from '../../errors.ts'
import type { PhaseContext } from '../../phase.ts'

export async function undoCronJob(
  context: PhaseContext,
  { target: name, before: { manifest } }: EffectOf<'cronjob'>,
  signal: AbortSignal,
): Promise<void> {
  const { world, service } = context
  const running = await world.cluster.stillRunning(name, signal)
  if (manifest === null || service.rollback.strict) {
    await tellRunning(context, name, 'the cluster ends it together with its CronJob', running)
    return world.cluster.deleteCronJob(name, signal)
  }
  if (JSON.stringify(manifest).includes('[masked]'))
    throw new CheckFailed(
      'manifest_masked',
      `putting CronJob ${name} back: its previous manifest held a secret, which wasn't recorded`,
      {
        hint: 'Apply the previous manifest by hand, then retry the phase. Keep secrets in a Secret.',
      },
    )
  await world.cluster.apply(manifest, {}, signal)
  await tellRunning(context, name, 'it continues with the version it started with', running)
}
