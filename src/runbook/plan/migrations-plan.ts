import type { BlockingSession, MigrationFile, MigrationLock } from '../../adapters/postgres/port.ts'
import type { PlannedMigration } from '../../model/deploy-plan.ts'
import { migrationFiles, pendingMigrations, severity } from '../migrate/migrations.ts'
import type { PlannedSchema } from '../migrate/schema-check.ts'
import type { PhaseContext } from '../phase.ts'

/** What chapter 1 will apply: the pending files with their findings, the locks that they take, and who is in their way. */
export async function planMigrations(
  { world, service, signal }: PhaseContext,
  commit: string,
): Promise<{
  readonly planned: readonly PlannedMigration[]
  readonly risks: readonly string[]
  readonly schema: PlannedSchema
}> {
  const [files, ledger, facts, untried, invalid] = await Promise.all([
    migrationFiles(world, service.migrations, commit, signal),
    world.database.ledger(signal),
    world.database.facts(signal),
    world.backups.whyNoTestRestore(signal),
    world.database.invalidIndexes(signal),
    // Refused now rather than after the approval: without tools for this server there will be no backup.
    world.backups.clientVersion(signal),
  ])
  const pending = pendingMigrations(files, ledger, service.migrations)
  const lint = async (file: MigrationFile): Promise<PlannedMigration> => ({
    file: file.name,
    version: file.version,
    sha256: file.sha256,
    findings: severity(await world.lint.check(file.sql, facts.serverVersion, signal)),
  })
  const locks = await Promise.all(
    pending.map(async (file) => ({ file, taken: await world.database.locks(file.sql, signal) })),
  )
  const locked = locks.flatMap(({ taken }) => taken)
  const blocking = locked.length === 0 ? [] : await world.database.blocking(locked, signal)
  const risks = [
    ...locks.flatMap(({ file, taken }) => taken.flatMap((lock) => lockRisk(file, lock))),
    ...blocking.map((one) => blockingRisk(one, service.migrations.blockers)),
    ...invalid.map(
      (name) => `Index ${name} is invalid (a concurrent build was broken off): it slows writes and helps nobody.`,
    ),
    ...(untried === undefined ? [] : [`The backup will not be tried out by a restore: ${untried}.`]),
  ]
  return { planned: await Promise.all(pending.map(lint)), risks, schema: { files, ledger, pending } }
}

/** Ages are rounded as well. */
function blockingRisk(session: BlockingSession, policy: 'name' | 'end'): string {
  const { table, pid, who, user, state, seconds: age, query } = session
  const since = age < 60 ? 'under a minute' : `${Math.floor(age / 60)} min`
  const named = who === user ? user : `${who}, user ${user}`
  const end = policy === 'end' ? 'it is ended before the last try' : 'nobody ends it'
  return `${table} is held by pid ${pid} (${named}, ${state}, for ${since}): ${query} – a migration that needs the table waits for it; ${end}.`
}

/** Sizes are rounded, so that a plan made again a minute later reads the same. */
function lockRisk(file: MigrationFile, lock: MigrationLock): readonly string[] {
  if (lock.blocks === 'only other schema changes') return []
  const rows =
    lock.rows < 1_000 ? 'under 1,000 rows' : `about ${Number(lock.rows.toPrecision(1)).toLocaleString('en')} rows`
  const megabytes = lock.bytes / 1_000_000
  const size = megabytes < 1 ? 'under 1 MB' : `about ${Number(megabytes.toPrecision(1)).toLocaleString('en')} MB`
  return [
    `${file.name}:${lock.line} blocks ${lock.blocks} on ${lock.table} (${size}, ${rows}): ${lock.mode} until the file is done.`,
  ]
}
