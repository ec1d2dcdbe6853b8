import type { MigrationFile, MigrationObstacle } from '../../adapters/postgres/port.ts'
import type { MigrationsConfig } from '../../config/service-schema.ts'
import { counted } from '../../text.ts'
import { CheckFailed } from '../errors.ts'
import type { World } from '../world.ts'

/**
 * Raises when the migrate phase would refuse a pending file: it is better known before the approval than after the backup. Returns the
 * files as they will be run, and as risks what of them is overruled.
 */
export async function refuseObstacles(
  world: Pick<World, 'database'>,
  pending: readonly MigrationFile[],
  { lockTimeoutSeconds }: MigrationsConfig,
  signal: AbortSignal,
): Promise<{ readonly files: readonly MigrationFile[]; readonly overruled: readonly string[] }> {
  const files: MigrationFile[] = []
  const refused: { readonly file: string; readonly obstacle: MigrationObstacle }[] = []
  const overruled: string[] = []
  for (const file of pending) {
    const { name } = file
    const read = await world.database.applicability(file.sql, { lockTimeoutMs: lockTimeoutSeconds * 1_000 }, signal)
    files.push({ ...file, sql: read.sql })
    const obstacles =
      read.obstacles.length > 0 ? read.obstacles : await world.database.serverObstacles(read.sql, signal)
    refused.push(...obstacles.map((obstacle) => ({ file: name, obstacle })))
    overruled.push(...limitsOfItsOwn(name, read.overruled, lockTimeoutSeconds))
  }
  const [first] = refused
  if (first === undefined) return { files, overruled }
  const named = new Set(refused.map(({ file }) => file))
  const more = named.size > 1 ? `, and ${counted(named.size - 1, 'more file')} can't be applied either` : ''
  throw new CheckFailed(
    'migrations_not_applicable',
    `reading migrations: ${first.file}:${first.obstacle.line} ${first.obstacle.what}${more}`,
    {
      hint: first.obstacle.fix,
      evidence: refused.map(({ file, obstacle }) => `${file}:${obstacle.line} ${obstacle.what}: ${obstacle.text}`),
    },
  )
}

/** What a file sets beside Purser's limit: what is overruled, and what can't be. */
function limitsOfItsOwn(
  file: string,
  limits: Awaited<ReturnType<World['database']['applicability']>>['overruled'],
  seconds: number,
): readonly string[] {
  const overruled = limits.find(({ how }) => how !== 'inside')
  const inside = limits.find(({ how }) => how === 'inside')
  return [
    ...(overruled === undefined
      ? []
      : [`${file}:${overruled.line} sets lock_timeout itself. Purser's limit of ${seconds} s applies instead.`]),
    ...(inside === undefined
      ? []
      : [
          `${file}:${inside.line} sets lock_timeout in a block or a function. While that runs, Purser's limit of ${seconds} s doesn't hold.`,
        ]),
  ]
}
