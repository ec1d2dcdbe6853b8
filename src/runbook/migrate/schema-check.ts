import type { LedgerEntry, MigrationFile, SchemaForecast } from '../../adapters/postgres/port.ts'
import type { MigrationsConfig } from '../../config/service-schema.ts'
import { PurserError } from '../../errors.ts'
import { sameImage } from '../../image-name.ts'
import type { ImageBefore } from '../../model/effects/image.ts'
import {
  incompatibility,
  type KnownRelease,
  type SchemaChange,
  type SchemaNow,
  schemaRefusal,
  withDeclared,
} from '../../model/schema-compatibility.ts'
import { schemaDoubtWords, schemaRefusalWords } from '../../model/shared-sentences.ts'
import type { PhaseContext } from '../phase.ts'
import { CheckFailed } from '../errors.ts'
import { migrationNames, versionOf } from './migrations.ts'
import type { World } from '../world.ts'

/** What a deploy finds in the repository and the ledger. */
export interface PlannedSchema {
  readonly files: readonly MigrationFile[]
  readonly ledger: readonly LedgerEntry[]
  readonly pending: readonly MigrationFile[]
}

interface SchemaOutlook {
  readonly risks: readonly string[]
  /** Why the version that runs now could not run afterwards. */
  readonly closesRollback?: string
  /** Whether it may fail, although nothing is known to keep it from running. */
  readonly mayFail?: boolean
}

/**
 * Says whether the version that runs now could still run afterwards. Raises `schema_too_new` when the new version is
 * known not to run on what is applied.
 */
export async function schemaRisks(
  context: PhaseContext,
  { files, ledger, pending }: PlannedSchema,
  current: string | undefined,
): Promise<SchemaOutlook> {
  const { run, service, world } = context
  const now = await schemaNow(context, ledger)
  const wanted = { version: run.version, migrations: files.map(({ version }) => version) }
  const verdict = incompatibility(wanted, now)
  if (verdict.reasons.length > 0) throw await tooNew(context, wanted, now, current)
  const unknown =
    verdict.unknown.length === 0
      ? []
      : [
          `${verdict.unknown.join(', ')} ${verdict.unknown.length === 1 ? 'is' : 'are'} applied, but not in ${run.version} and not by Purser: ` +
            `whether ${run.version} can run with ${verdict.unknown.length === 1 ? 'it' : 'them'} is not known.`,
        ]
  const told = await world.database.changes(pending, context.signal)
  const remarks = remarkRisks(pending, told)
  const running = current === undefined ? undefined : await releaseOf(context, { version: current })
  if (running === undefined || current === run.version) return { risks: [...remarks, ...unknown] }
  const after: SchemaNow = {
    applied: [...now.applied, ...pending.map(({ version, name }) => ({ version, name, appliedAt: '' }))],
    changes: [...now.changes, ...changesOf(pending, told, service.migrations)],
  }
  const { reasons, doubts } = incompatibility(running, after)
  if (reasons.length === 0)
    return { mayFail: doubts.length > 0, risks: [...doubtRisk(current, doubts), ...remarks, ...unknown] }
  const closesRollback = reasons.join('; ')
  return {
    closesRollback,
    risks: [
      `No rollback to ${current} after this: it can't run once ${closesRollback}. The only way back is restoring the backup.`,
      ...remarks,
      ...unknown,
    ],
  }
}

/** What of the files would fail or do nothing, as the catalog is. */
function remarkRisks(files: readonly MigrationFile[], { files: told }: SchemaForecast): readonly string[] {
  return files.flatMap(({ name }, index) => (told[index]?.remarks ?? []).map((words) => `${name} ${words}.`))
}

/** Nobody can tell from a file which statements an older version has: so it is a risk, and no reason to refuse. */
function doubtRisk(version: string | undefined, doubts: readonly string[]): readonly string[] {
  const words = schemaDoubtWords(version, doubts)
  return words === undefined ? [] : [`A rollback stays possible. ${words}`]
}

/** Raises, before anything is undone, when the version that would come back cannot run on the schema that stays. */
export async function guardSchema(
  context: PhaseContext,
  target: Pick<ImageBefore, 'version' | 'image'>,
): Promise<void> {
  const release = await releaseOf(context, target)
  if (release === undefined) return
  const ledger = await ledgerUnlessAway(context, release.version)
  if (ledger === undefined) return
  const now = await schemaNow(context, ledger)
  const { reasons, doubts } = incompatibility(release, now)
  if (reasons.length > 0) throw await tooNew(context, release, now, context.run.version)
  const text = schemaDoubtWords(release.version, doubts)
  if (text !== undefined) await context.tell({ kind: 'note', text }, 'schema-doubts')
}

/** Reads the ledger. Returns undefined when the database is away, which must not keep anybody from rolling back. */
async function ledgerUnlessAway(context: PhaseContext, version: string): Promise<readonly LedgerEntry[] | undefined> {
  try {
    return await context.world.database.ledger(context.signal)
  } catch (error) {
    if (!(error instanceof PurserError)) throw error
    const text = `Couldn't check whether ${version} can run on the schema: ${error.message}.`
    await context.tell({ kind: 'note', text }, 'schema-unknown')
    return undefined
  }
}

/** Tells what migrations that are about to run do to older releases, as far as the catalog tells; corrected by purser.yaml. */
function changesOf(files: readonly MigrationFile[], { files: told }: SchemaForecast, config: MigrationsConfig) {
  const changes = files.flatMap((file, index): readonly SchemaChange[] => {
    const one = told[index]
    if (one === undefined) return []
    const { takes, may, makes, needs } = one
    return [{ migration: file.version, name: file.name, takes, may, makes, ...(needs === undefined ? {} : { needs }) }]
  })
  return withDeclared(changes, config.needs)
}

/**
 * Records what the files take from releases that do not have them: a rollback has to know it afterwards. Returns what must be there once
 * they are applied. What an earlier attempt has applied was recorded then, and looks different now.
 */
export async function recordChanges(
  { world, records, service }: PhaseContext,
  files: readonly MigrationFile[],
  ledger: readonly LedgerEntry[],
  signal: AbortSignal,
): Promise<Pick<SchemaForecast, 'there' | 'perhaps'>> {
  const applied = new Set(ledger.map(({ version }) => version))
  const left = files.filter(({ version }) => !applied.has(version))
  const told = await world.database.changes(left, signal)
  for (const change of changesOf(left, told, service.migrations)) await records.recordSchemaChange(change)
  return { there: told.there, perhaps: told.perhaps }
}

/** Finds a release that ran here, or one that the repository knows. */
export async function releaseOf(
  { records, world, service, signal }: PhaseContext,
  wanted: { readonly version: string | null; readonly image?: string },
): Promise<Pick<KnownRelease, 'version' | 'migrations'> | undefined> {
  const known = (await records.knownReleases()).find(
    ({ version, image }) =>
      version === wanted.version ||
      (wanted.version === null && wanted.image !== undefined && sameImage(image, wanted.image)),
  )
  if (known !== undefined || wanted.version === null) return known
  const tag = (await world.repository.tags(signal)).find(({ name }) => name === wanted.version)
  const names = tag === undefined ? undefined : await namesIfThere(world, service.migrations, tag.sha, signal)
  return tag === undefined || names === undefined ? undefined : { version: tag.name, migrations: names.map(versionOf) }
}

/** An older commit may have had its migrations elsewhere: then nobody can tell which it has, and none is not the answer. */
async function namesIfThere(world: World, config: MigrationsConfig, commit: string, signal: AbortSignal) {
  try {
    return await migrationNames(world, config, commit, signal)
  } catch (error) {
    if (error instanceof PurserError && error.code === 'directory_missing') return undefined
    throw error
  }
}

/** Returns the digits of the newest applied migration. */
export function newest(ledger: readonly Pick<LedgerEntry, 'version'>[]): string | undefined {
  return ledger.map(({ version }) => version).toSorted((a, b) => (BigInt(a) < BigInt(b) ? 1 : -1))[0]
}

/** Records that the release runs on the schema as it is now, for whoever asks for a way back. */
export async function recordThatItRuns(
  context: PhaseContext,
  release: { version: string; image: string; commit: string },
) {
  const { records, world, service, signal } = context
  const names = await migrationNames(world, service.migrations, release.commit, signal)
  const schema = newest(await world.database.ledger(signal))
  const { version, image } = release
  await records.recordRelease({
    version,
    image,
    migrations: names.map(versionOf),
    ...(schema === undefined ? {} : { schema }),
  })
}

/** Puts beside what is applied what each migration does to releases that lack it. */
export async function schemaNow(
  { records, service }: PhaseContext,
  ledger: readonly LedgerEntry[],
): Promise<SchemaNow> {
  return { applied: ledger, changes: withDeclared(await records.schemaChanges(), service.migrations.needs) }
}

async function tooNew(
  { records, run }: PhaseContext,
  release: Pick<KnownRelease, 'version' | 'migrations'>,
  now: SchemaNow,
  except?: string,
): Promise<CheckFailed> {
  const [releases, backups] = await Promise.all([records.knownReleases(), records.keptBackups()])
  const wanted = { ...release, environment: run.environment, ...(except === undefined ? {} : { except }) }
  const refusal = schemaRefusal(wanted, incompatibility(release, now), now, releases, backups)
  const { text, next } = schemaRefusalWords(refusal)
  return new CheckFailed('schema_too_new', text, { hint: next })
}
