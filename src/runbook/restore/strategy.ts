import type { EnvironmentConfig } from '../../config/environment-schema.ts'
import type { RestorePlan } from '../../model/restore-plan.ts'
import { CheckFailed } from '../errors.ts'
import type { World } from '../world.ts'

/** Why the restore is done in place; undefined for a swap of names. */
type InPlace = Pick<NonNullable<RestorePlan['inPlace']>, 'why'> | undefined

/**
 * Decides how a backup can come back here: by a swap of names, which keeps the downtime short, or, where that is
 * impossible, in place. Raises `cannot_restore` where neither is possible.
 */
export async function restoreStrategy(
  { restores }: Pick<World, 'restores'>,
  { restore }: Pick<EnvironmentConfig, 'restore'>,
  backup: { readonly schemas?: readonly string[] },
  signal: AbortSignal,
): Promise<InPlace> {
  const problem =
    backup.schemas === undefined
      ? restore === 'in-place'
        ? 'purser.yaml says so (restore: in-place)'
        : await restores.whyNotSwap(signal)
      : `the backup holds only ${backup.schemas.join(', ')}`
  if (problem === undefined) return undefined
  if (restore === 'swap')
    throw new CheckFailed('cannot_swap', `planning the restore: databases cannot be swapped: ${problem}`, {
      hint: 'With restore: auto in purser.yaml it would be done in place, with a longer downtime.',
    })
  const neither = await restores.whyNotInPlace(backup.schemas, signal)
  if (neither === undefined) return { why: problem }
  throw new CheckFailed('cannot_restore', `planning the restore: no swap (${problem}), and not in place (${neither})`, {
    hint: 'docs/database.md tells which rights a restore needs.',
  })
}
