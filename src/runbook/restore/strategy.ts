import type { EnvironmentConfig } from '../../config/environment-schema.ts'
import type { BackupInPlace, BackupToSwap } from '../../adapters/postgres/restores/port.ts'
import type { RestorePlan } from '../../model/restore-plan.ts'
import { CheckFailed } from '../errors.ts'
import type { World } from '../world.ts'

/** Why the restore is done in place; undefined for a swap of names. */
type InPlace = Pick<NonNullable<RestorePlan['inPlace']>, 'why'> | undefined

/** A dump, or what a command made: of that nothing is known but the name that the live database would be kept under. */
type PlannedBackup =
  | (BackupInPlace & BackupToSwap & { readonly by?: undefined })
  | (Pick<BackupToSwap, 'kept'> & { readonly by: 'command' })

/**
 * Decides how a backup can come back here: by a swap of names, which keeps the downtime short, or, where that is
 * impossible, in place. Raises `cannot_restore` where neither is possible.
 */
export async function restoreStrategy(
  { restores }: Pick<World, 'restores'>,
  { restore, backups }: Pick<EnvironmentConfig, 'restore' | 'backups'>,
  backup: PlannedBackup,
  signal: AbortSignal,
): Promise<InPlace> {
  if (backup.by === 'command') return requireSwapByCommand(restores, { restore, backups }, backup, signal)
  const problem =
    backup.schemas === undefined
      ? restore === 'in-place'
        ? 'purser.yaml says so (restore: in-place)'
        : await restores.whyNotSwap(backup, signal)
      : `the backup holds only ${backup.schemas.join(', ')}`
  if (problem === undefined) return undefined
  if (restore === 'swap')
    throw new CheckFailed('cannot_swap', `planning the restore: databases cannot be swapped: ${problem}`, {
      hint: 'With restore: auto in purser.yaml it would be done in place, with a longer downtime.',
    })
  const neither = await restores.whyNotInPlace(backup, signal)
  if (neither === undefined) return { why: problem }
  throw new CheckFailed('cannot_restore', `planning the restore: no swap (${problem}), and not in place (${neither})`, {
    hint: 'docs/database.md tells which rights a restore needs.',
  })
}

/**
 * A backup that a command made comes back by that command, into a new database, and by a swap: what is restored in place
 * has to be a dump.
 */
async function requireSwapByCommand(
  restores: World['restores'],
  { restore, backups }: Pick<EnvironmentConfig, 'restore' | 'backups'>,
  backup: BackupToSwap,
  signal: AbortSignal,
): Promise<undefined> {
  const refuse = (why: string, hint: string): CheckFailed =>
    new CheckFailed('cannot_restore', `planning the restore: ${why}`, { hint })
  if (backups.command?.restore === undefined)
    throw refuse(
      'purser.yaml has no `backups.command.restore`',
      'Bring the backup back with its own tool, by hand. Purser changed nothing.',
    )
  if (restore === 'in-place')
    throw refuse(
      "purser.yaml says in-place, and a backup made by command isn't a dump",
      'With `restore: auto` it comes back into a new database, which takes the name.',
    )
  const problem = await restores.whyNotSwap(backup, signal)
  if (problem === undefined) return undefined
  throw refuse(
    `databases can't be swapped: ${problem}, and a backup made by command isn't a dump`,
    'docs/database.md tells which rights a swap needs. Otherwise bring the backup back by hand.',
  )
}
