import type { EffectOf } from '../../../model/effects/effects.ts'
import { CheckFailed } from '../../errors.ts'
import type { PhaseContext } from '../../phase.ts'

export async function undoCronJob(
  { world, service }: PhaseContext,
  { target: name, before: { manifest } }: EffectOf<'cronjob'>,
  signal: AbortSignal,
): Promise<void> {
  if (manifest === null || service.rollback.strict) return world.cluster.deleteCronJob(name, signal)
  if (JSON.stringify(manifest).includes('[masked]'))
    throw new CheckFailed(
      'manifest_masked',
      `putting CronJob ${name} back: its former manifest held a secret, which was not recorded`,
      {
        hint: 'Apply the former manifest by hand, then retry the phase; secrets belong into a Secret.',
      },
    )
  await world.cluster.apply(manifest, { dryRun: false }, signal)
}
