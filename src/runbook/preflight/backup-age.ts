import type { EnvironmentConfig } from '../../config/environment-schema.ts'
import { roughly } from '../../text.ts'
import { CheckFailed } from '../errors.ts'

/** Raises when a backup is older than migrations may start with: what was written since is in no backup. */
export function requireYoung(
  { file, finishedAt }: { readonly file: string; readonly finishedAt: string },
  { maxAgeMinutes }: Pick<EnvironmentConfig['backups'], 'maxAgeMinutes'>,
  doing: string,
): void {
  const age = Date.now() - Date.parse(finishedAt)
  // An age that cannot be read is no young one.
  if (age < maxAgeMinutes * 60_000) return
  throw new CheckFailed('backup_too_old', `${doing}: backup ${file} is ${roughly(age)} old`, {
    hint: `Migrations need a backup younger than ${maxAgeMinutes} min (backups.maxAgeMinutes). Start a new deploy.`,
  })
}
