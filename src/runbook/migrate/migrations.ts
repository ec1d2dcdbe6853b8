import { createHash } from 'node:crypto'
import type { LedgerEntry, MigrationFile } from '../../adapters/postgres/port.ts'
import type { MigrationFinding } from '../../adapters/squawk/port.ts'
import type { MigrationsConfig } from '../../config/service-schema.ts'
import type { LintFinding } from '../../model/deploy-plan.ts'
import { counted } from '../../text.ts'
import { CheckFailed } from '../errors.ts'
import { refuseOtherTools, toolNaming } from './other-tools.ts'
import type { World } from '../world.ts'

/** What a commit has in the directory of its migrations. */
interface CommittedMigrations {
  /** The oldest first. */
  readonly files: readonly MigrationFile[]
  /** What else is there, and is never applied. */
  readonly ignored: readonly string[]
}

/** Reads the migration files of a commit, the oldest first. */
export async function migrationFiles(
  world: World,
  config: MigrationsConfig,
  commit: string,
  signal: AbortSignal,
): Promise<readonly MigrationFile[]> {
  return (await readMigrations(world, config, commit, signal)).files
}

export async function readMigrations(
  world: World,
  config: MigrationsConfig,
  commit: string,
  signal: AbortSignal,
): Promise<CommittedMigrations> {
  const { path, files: all, submodules } = await world.repository.list(commit, config.directory, signal)
  const names = all.filter(isMigration).sort(byVersion)
  const wanted = names.map((name) => ({ name, path: path === '' ? name : `${path}/${name}` }))
  const files = await world.repository.readAll(commit, wanted, signal)
  return {
    files: files.map(({ name, text }) => {
      const sha256 = createHash('sha256').update(text).digest('hex')
      // A byte order mark is no SQL; psql leaves it out too.
      return { version: versionOf(name), name, sql: text.replace(/^\uFEFF/, ''), sha256 }
    }),
    ignored: [
      ...all.filter((name) => !isMigration(name) && !isBeside(name)),
      ...submodules.map((name) => `${name} (a submodule)`),
    ],
  }
}

export async function migrationNames(
  world: World,
  config: MigrationsConfig,
  commit: string,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const { files } = await world.repository.list(commit, config.directory, signal)
  return files.filter(isMigration).sort(byVersion)
}

/** A migration is a file `<digits>_<name>.sql`, or a folder `<digits>_<name>` with its `migration.sql`, as Prisma has it. */
function isMigration(name: string): boolean {
  return /^\d+[^/]*\.sql$/.test(name) || /^\d+[^/]*\/migration\.sql$/.test(name)
}

/** What tools and people keep beside migrations, and nobody would expect to be applied. */
function isBeside(name: string): boolean {
  return /(?:^|\/)(?:\.[^/]+|[^/]+\.(?:md|txt|toml|json|sum|lock))$/i.test(name)
}

/** Raises when there are files and none is a migration: what people take for migrations would never be applied. */
export function refuseNoneTaken(directory: string, { files, ignored }: CommittedMigrations): void {
  if (files.length > 0 || ignored.length === 0) return
  const tool = ignored.map(toolNaming).find((name) => name !== undefined)
  const whose = tool === undefined ? '' : ` (as ${tool} names them)`
  throw new CheckFailed(
    'migrations_not_taken',
    `reading migrations: none of the ${counted(ignored.length, 'file')} in ${directory} is a migration${whose}`,
    {
      hint: `Name them ${shape}, or correct migrations.directory.`,
      evidence: ignored.slice(0, mostIgnoredListed),
    },
  )
}

const shape = '<digits>_<name>.sql or <digits>_<name>/migration.sql'
const mostIgnoredListed = 20
const mostIgnoredNamed = 5

/** Says what stands in the directory and is not applied; a name that fits no pattern may be a slip. Pure. */
export function ignoredRisk(directory: string, { files, ignored }: CommittedMigrations): readonly string[] {
  const [named, more] = [ignored.slice(0, mostIgnoredNamed), Math.max(0, ignored.length - mostIgnoredNamed)]
  const list = `${named.join(', ')}${more === 0 ? '' : ` and ${more} more`}`
  const left =
    ignored.length === 0
      ? []
      : [
          `${directory} has ${counted(ignored.length, 'file')} that will not be applied, being named otherwise than ${shape}: ${list}.`,
        ]
  return files.length > 0 ? left : [`${directory} has no migration at all at this version.`, ...left]
}

/**
 * Returns the files newer than the baseline that the ledger does not have. Raises when an applied file was edited
 * since, when two files carry the same version, and when a file is written for another tool. Pure.
 */
export function pendingMigrations(
  files: readonly MigrationFile[],
  ledger: readonly LedgerEntry[],
  config: MigrationsConfig,
): readonly MigrationFile[] {
  const baseline = config.baseline === undefined ? -1n : BigInt(config.baseline)
  const ours = files.filter((file) => BigInt(file.version) > baseline)
  const applied = new Map(ledger.map((entry) => [entry.version, entry]))
  const twins = twinsAmong(ours)
  // What undoes a migration carries its number, so such a pair is named before it could be taken for twins.
  refuseOtherTools(
    ours.filter((file) => toolNaming(file.name) !== undefined && (twins.includes(file) || !applied.has(file.version))),
  )
  refuseTwins(twins)
  const drifted = files.filter((file) => {
    const entry = applied.get(file.version)
    return entry?.sha256 !== undefined && entry.sha256 !== file.sha256
  })
  if (drifted.length > 0)
    throw new CheckFailed(
      'migration_drift',
      `comparing with the ledger: ${names(drifted)} changed after being applied`,
      {
        hint: 'Restore the file and write a new migration.',
        evidence: drifted.map(
          (file) =>
            `${file.name}: sha256 ${file.sha256.slice(0, 12)} now, ${applied.get(file.version)?.sha256?.slice(0, 12)} when applied`,
        ),
      },
    )
  const pending = ours.filter((file) => !applied.has(file.version))
  refuseOtherTools(pending)
  return pending
}

/** Finds the files that carry the version of another one. */
function twinsAmong(files: readonly MigrationFile[]): readonly MigrationFile[] {
  const carriers = new Map<bigint, number>()
  for (const { version } of files) carriers.set(BigInt(version), (carriers.get(BigInt(version)) ?? 0) + 1)
  return files.filter(({ version }) => (carriers.get(BigInt(version)) ?? 0) > 1)
}

/** Raises when two files carry the same version: the ledger knows a migration by it, so the second would never run. */
function refuseTwins(twins: readonly MigrationFile[]): void {
  if (twins.length === 0) return
  throw new CheckFailed('migration_twins', `reading migrations: ${names(twins)} carry the same version`, {
    hint: 'Renumber one of them: migrations run in the order of their numbers.',
  })
}

/** Lists the tables that must exist once these files are applied. */
export function expectedTables(
  files: readonly Pick<MigrationFile, 'name'>[],
  config: MigrationsConfig,
): readonly string[] {
  const present = new Set(files.map((file) => file.name))
  return config.expect.filter((one) => present.has(one.file)).flatMap((one) => one.tables)
}

/** The rules of squawk whose breach locks a table for long or destroys data; the others are good advice. */
const blocking = new Set([
  'adding-foreign-key-constraint',
  'adding-not-nullable-field',
  'adding-required-field',
  'ban-drop-column',
  'ban-drop-database',
  'ban-drop-table',
  'ban-truncate-cascade',
  'changing-column-type',
  'constraint-missing-not-valid',
  'disallowed-unique-constraint',
  'renaming-column',
  'renaming-table',
  'require-concurrent-index-creation',
  'require-concurrent-index-deletion',
  'transaction-nesting',
  'syntax-error',
])

/** Rules that ask for what Purser does itself: it sets these time-outs for every migration. */
const settled = new Set([
  'require-lock-timeout',
  'require-statement-timeout',
  // Purser runs such a file outside a transaction.
  'ban-concurrent-index-creation-in-transaction',
])

export function severity(findings: readonly MigrationFinding[]): readonly LintFinding[] {
  const judged = findings
    .filter((finding) => !settled.has(finding.rule))
    .map(({ more, ...finding }): LintFinding => ({
      ...finding,
      ...(more === 0 ? {} : { more }),
      severity: blocking.has(finding.rule) ? 'block' : 'advise',
    }))
  return judged.toSorted((a, b) => Number(b.severity === 'block') - Number(a.severity === 'block'))
}

export function versionOf(name: string): string {
  return /^\d+/.exec(name)?.[0] ?? '0'
}

function byVersion(a: string, b: string): number {
  const difference = BigInt(versionOf(a)) - BigInt(versionOf(b))
  return difference === 0n ? a.localeCompare(b) : difference < 0n ? -1 : 1
}

function names(files: readonly MigrationFile[]): string {
  return files.map((file) => file.name).join(', ')
}
