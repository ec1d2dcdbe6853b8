import type { BackupForecast } from '../../adapters/postgres/backups/port.ts'
import type { BlockingSession, MigrationFile, MigrationLock } from '../../adapters/postgres/port.ts'
import { PurserError } from '../../errors.ts'
import type { PlannedMigration, SqlRead } from '../../model/deploy-plan.ts'
import { ignoredRisk, pendingMigrations, readMigrations, refuseNoneTaken, severity } from '../migrate/migrations.ts'
import { refuseObstacles } from './applicable.ts'
import { leaningRisks, leftOutRisks, refuseMissingRights } from '../preflight/database-rights.ts'
import type { PlannedSchema } from '../migrate/schema-check.ts'
import type { PhaseContext } from '../phase.ts'
import type { World } from '../world.ts'
import { sqlRead, sqlRisks, type SqlSeen } from './sql-risks.ts'

/** What chapter 1 will apply: the pending files with their findings, the locks that they take, and who is in their way. */
export async function planMigrations(
  { world, service, signal }: PhaseContext,
  commit: string,
): Promise<{
  readonly planned: readonly PlannedMigration[]
  /** The most dangerous first. */
  readonly risks: readonly string[]
  /** Undefined when something could not be read. */
  readonly read: SqlRead | undefined
  readonly schema: PlannedSchema
}> {
  const [committed, ledger, facts, invalid, backup] = await Promise.all([
    readMigrations(world, service.migrations, commit, signal),
    world.database.ledger(signal),
    world.database.facts(signal),
    world.database.invalidIndexes(signal),
    // Refused now rather than after the approval: without tools for this server there will be no backup.
    world.backups.forecast(signal),
  ])
  const { files } = committed
  refuseNoneTaken(service.migrations.directory, committed)
  const pending = pendingMigrations(files, ledger, service.migrations)
  const { files: run, overruled } = await refuseObstacles(world, pending, service.migrations, signal)
  const unreadable = backup.by === 'pg_dump' ? backup.missing : []
  refuseMissingRights([...unreadable, ...(await world.database.missingRights(run, signal))])
  // One after the other: a linter and a thread for each of a hundred files at once would be more than the machine has.
  const seen: SqlSeen[] = []
  for (const file of run) seen.push(await seenOf(world, file, facts.serverVersion, signal))
  const locks = await orWhy(
    world.database.locks(
      run.map(({ sql }) => sql),
      signal,
    ),
    signal,
  )
  const locked = 'failed' in locks ? [] : locks.flat()
  const blocking = locked.length === 0 ? [] : await world.database.blocking(locked, signal)
  const risks = [
    ...sqlRisks(seen),
    ...ignoredRisk(service.migrations.directory, committed),
    ...overruled,
    ...('failed' in locks
      ? [`What the migrations lock isn't known: ${locks.failed}.`]
      : locks.flatMap((taken, index) => taken.flatMap((lock) => lockRisk(run[index]?.name ?? '', lock)))),
    ...blocking.map((one) => blockingRisk(one, service.migrations.blockers)),
    ...invalid.map((name) => `Index ${name} is invalid (its concurrent build broke off). It slows writes for nothing.`),
    ...backupRisks(backup),
  ]
  const planned = pending.map(({ name, version, sha256 }, index): PlannedMigration => {
    const lint = seen[index]?.lint
    return { file: name, version, sha256, findings: lint === undefined || 'failed' in lint ? [] : lint.findings }
  })
  return { planned, risks, read: sqlRead(seen), schema: { files, ledger, pending } }
}

function backupRisks(backup: BackupForecast): readonly string[] {
  if (backup.by === 'command')
    return backup.restores
      ? []
      : ["Purser can't restore this backup: purser.yaml has no `backups.command.restore`. It has to be done by hand."]
  return [
    ...(backup.untried === undefined ? [] : [`The backup won't be restore-tested: ${backup.untried}.`]),
    ...leftOutRisks(backup.leftOut),
    ...leaningRisks(backup.leaning),
  ]
}

/** Reads a file and lints it. What cannot be done is said on the plan; it must not keep anybody from seeing the rest. */
async function seenOf(world: World, file: MigrationFile, serverVersion: string, signal: AbortSignal): Promise<SqlSeen> {
  const [reading, lint] = await Promise.all([
    orWhy(world.database.risks(file.sql, signal), signal),
    orWhy(world.lint.check(file.sql, serverVersion, signal), signal),
  ])
  return {
    file: file.name,
    reading,
    lint: 'failed' in lint ? lint : { findings: severity(lint.findings), ignored: lint.ignored },
  }
}

async function orWhy<T>(look: Promise<T>, signal: AbortSignal): Promise<T | { readonly failed: string }> {
  try {
    return await look
  } catch (error) {
    signal.throwIfAborted()
    if (!(error instanceof PurserError) || error.transient) throw error
    return { failed: error.message }
  }
}

/** Ages are rounded as well. */
function blockingRisk(session: BlockingSession, policy: 'name' | 'end'): string {
  const { table, pid, who, user, state, seconds: age, query } = session
  const since = age < 60 ? 'under a minute' : `${Math.floor(age / 60)} min`
  const named = who === user ? user : `${who}, user ${user}`
  const end = policy === 'end' ? 'Purser ends it before the last try' : 'Purser does not end it'
  return `${table} is held by pid ${pid} (${named}, ${state}, for ${since}): ${query} – a migration that needs the table waits for it. ${end}.`
}

/** Sizes are rounded, so that a plan made again a minute later reads the same. */
function lockRisk(file: string, lock: MigrationLock): readonly string[] {
  const { blocks, line, table, mode, index } = lock
  if (blocks === 'only other schema changes') return []
  const what = index === undefined ? mode : `${mode} on its index ${index}`
  return [`${file}:${line} blocks ${blocks} on ${table} (${sizeOf(lock)}) while the migration runs: ${what}.`]
}

function sizeOf({ kind, rows: count, bytes }: MigrationLock): string {
  if (kind === 'view' || kind === 'foreign table' || kind === 'sequence') return `a ${kind}`
  const rows = count < 1_000 ? 'under 1,000 rows' : `about ${Number(count.toPrecision(1)).toLocaleString('en')} rows`
  const megabytes = bytes / 1_000_000
  const size = megabytes < 1 ? 'under 1 MB' : `about ${Number(megabytes.toPrecision(1)).toLocaleString('en')} MB`
  return `${size}, ${rows}`
}
