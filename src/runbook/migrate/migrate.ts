import type { SchemaForecast } from '../../adapters/postgres/port.ts'
import { type Phase, type PhaseContext, planOf } from '../phase.ts'
import { CheckFailed, PlanOutdated } from '../errors.ts'
import { expectedTables, migrationFiles } from './migrations.ts'
import { newest, recordChanges, releaseOf } from './schema-check.ts'
import { requireYoung } from '../preflight/backup-age.ts'

/**
 * Chapter 1, Apply Database Migrations: each pending file runs in its own transaction, in order; then tables are
 * verified.
 */
export const migrate: Phase = async (context) => {
  const plan = planOf(context.run)
  await requireProvenBackup(context)
  const files = await migrationFiles(context.world, context.service.migrations, plan.commit.sha, context.signal)

  const before = await context.step('note invalid indexes', async (signal) => [
    ...(await context.world.database.invalidIndexes(signal)),
  ])
  const brought = await recordWhatOlderReleasesLose(context, files)
  for (const [index, planned] of plan.migrations.entries()) {
    const file = files.find((file) => file.name === planned.file)
    if (file?.sha256 !== planned.sha256)
      throw new PlanOutdated([{ now: `${planned.file} is not the file that was planned` }])
    await context.report(`migration ${index + 1} of ${plan.migrations.length}: ${file.name}`)
    await context.change(`apply ${file.name}`, {
      kind: 'migration',
      target: file.name,
      before: async () => ({ applied: false }),
      act: (_before, signal) => applyFile(context, file, signal),
    })
  }

  const tables = expectedTables(files, context.service.migrations)
  await context.step('verify tables', () => verifyTables(context, tables))
  await context.step('verify what the files bring', () => verifyBrought(context, brought))
  await context.step('verify indexes', () => verifyIndexes(context, before))
  const count = plan.migrations.length
  const applied = count === 0 ? 'nothing pending' : `${count} migration${count === 1 ? '' : 's'} applied`
  return { line: tables.length === 0 ? applied : `${applied}, ${tables.length} expected tables exist` }
}

/** What the files bring, as it was told before they ran. */
type Brought = Pick<SchemaForecast, 'there' | 'perhaps'>

/**
 * Records what the running version will lack, before anything is applied: a rollback has to know it afterwards. Returns what the files
 * bring, which only the catalog of before can tell.
 */
async function recordWhatOlderReleasesLose(context: PhaseContext, files: readonly File[]): Promise<Brought> {
  const { records, world, run } = context
  const { current, migrations } = planOf(run)
  const recorded: Brought | void = await context.step('record what older releases lose', async (signal) => {
    const { version, image } = current
    const ledger = await world.database.ledger(signal)
    const release = version === undefined ? undefined : await releaseOf(context, { version })
    if (release !== undefined) {
      const schema = newest(ledger)
      await records.recordRelease({ ...release, image, ...(schema === undefined ? {} : { schema }) })
    }
    const planned = files.filter(({ name }) => migrations.some((migration) => migration.file === name))
    const { there, perhaps } = await recordChanges(context, planned, ledger, signal)
    return { there, perhaps }
  })
  // A step that an earlier version of Purser finished kept nothing.
  return recorded ?? { there: [], perhaps: [] }
}

type File = Awaited<ReturnType<typeof migrationFiles>>[number]

async function applyFile(context: PhaseContext, file: File, signal: AbortSignal) {
  const { migrations } = context.service
  const outcome = await context.world.database.apply(
    {
      file,
      run: context.run.number,
      release: context.run.version,
      lockTimeoutMs: migrations.lockTimeoutSeconds * 1_000,
      statementTimeoutMs: migrations.statementTimeoutMinutes * 60_000,
      endBlockers: migrations.blockers === 'end',
      onRetry: (attempt, blockers) => void tellBlockers(context, file, attempt, blockers).catch(() => undefined),
      onEnded: (sessions) =>
        void context
          .tell({ kind: 'note', text: `${file.name}: ended, as the policy says: ${sessions.join('; ')}` })
          .catch(() => undefined),
    },
    signal,
  )
  return { outcome: outcome.outcome, milliseconds: Math.round(outcome.milliseconds) }
}

/** Says who holds the lock: on the board at every try, in the thread once, for whoever has to find the session. */
async function tellBlockers(context: PhaseContext, file: File, attempt: number, blockers: readonly string[]) {
  const held = blockers.length === 0 ? 'another session' : blockers.join('; ')
  await context.report(`${file.name}: waiting for a lock (try ${attempt}), held by ${held}`)
  if (blockers.length === 0) return
  const ends =
    context.service.migrations.blockers === 'end' ? 'Purser ends it before the last try.' : "Purser doesn't end it."
  const text = `${file.name} waits for a lock held by ${held}. ${ends}`
  await context.tell({ kind: 'note', text }, `blockers of ${file.name}`)
}

/** Keeps promise 2 of the design: no migration starts without a backup that was verified, and verified again now. */
async function requireProvenBackup(context: PhaseContext): Promise<void> {
  const backup = await context.records.backup()
  if (backup === undefined)
    throw new CheckFailed('no_backup', 'starting migrations: this run has no verified backup', {
      hint: 'Start a new deploy.',
    })
  requireYoung(backup, context.environment.backups, 'starting migrations')
  await context.step('verify the backup again', async (signal) => {
    const manifest = await context.world.backups.verify(backup.file, signal)
    if (manifest.sha256 !== backup.sha256)
      throw new CheckFailed('backup_changed', `backup ${backup.file} is not the one that pre-flight made`)
    if (manifest.by === 'command' && manifest.proof === undefined)
      throw new CheckFailed('backup_not_proven', `starting migrations: ${backup.file} isn't called proven any more`, {
        hint: 'Start a new deploy, which makes and proves another one.',
      })
  })
}

/**
 * Raises when a table, column or policy is missing that the files make for certain. What a branch of theirs decides is only told: it is
 * committed either way.
 */
async function verifyBrought(context: PhaseContext, { there, perhaps }: Brought): Promise<void> {
  const { world, signal } = context
  const missing = await world.database.missing([...there, ...perhaps], signal)
  const certain = missing.filter((object) => there.includes(object))
  if (certain.length > 0)
    throw new CheckFailed('schema_incomplete', `verifying migrations: ${certain.join(', ')} do not exist`, {
      hint: 'The files ran. Check for a trigger or statement that drops it.',
    })
  if (missing.length === 0) return
  const text = `Not there after the migrations: ${missing.join(', ')}. Purser couldn't tell before whether the files make it.`
  await context.tell({ kind: 'note', text }, 'perhaps missing')
}

async function verifyIndexes({ world, signal }: PhaseContext, before: readonly string[]) {
  const invalid = (await world.database.invalidIndexes(signal)).filter((name) => !before.includes(name))
  if (invalid.length > 0)
    throw new CheckFailed(
      'indexes_invalid',
      `verifying migrations: ${invalid.join(', ')} were not built to their end`,
      {
        hint: 'Retry the phase. Or drop them (drop index concurrently) and rebuild them.',
      },
    )
}

async function verifyTables({ world, signal }: PhaseContext, tables: readonly string[]): Promise<void> {
  const missing = await world.database.missingTables(tables, signal)
  if (missing.length > 0)
    throw new CheckFailed('tables_missing', `verifying migrations: ${missing.join(', ')} do not exist`, {
      hint: 'The files ran, but did not create them: compare them with service.migrations.expect in purser.yaml.',
    })
}
