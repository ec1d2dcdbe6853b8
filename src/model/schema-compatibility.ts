/** What an applied migration does to releases that do not have it; it is recorded before the migration is applied. */
export interface SchemaChange {
  /** The digits that begin its file name. */
  readonly migration: string
  readonly name: string
  readonly takes: readonly { readonly object: string; readonly what: string }[]
  readonly makes: readonly string[]
  /** The oldest release that runs with it, when somebody declared one. */
  readonly needs?: string
}

/** A release that ran here, and the migrations that its repository has. */
export interface KnownRelease {
  readonly version: string
  readonly migrations: readonly string[]
  /** The image as the Deployment named it. */
  readonly image: string
  /** The newest migration that was applied when it ran; undefined when there was none. */
  readonly schema?: string
}

/** The schema of an environment, as far as releases are concerned. */
export interface SchemaNow {
  /** What is applied, by the ledger: the oldest first, newer than the baseline. */
  readonly applied: readonly { readonly version: string; readonly name: string; readonly appliedAt: string }[]
  readonly changes: readonly SchemaChange[]
}

/** Why a release cannot run on a schema. */
interface Incompatibility {
  /** The reasons, one line for each migration that stands in the way. */
  readonly reasons: readonly string[]
  /**
   * The time at which the first of them was applied: a backup from before leads back. Empty when it is not applied yet.
   */
  readonly since: string
  /** The applied files that the release does not have and about which nothing is known. */
  readonly unknown: readonly string[]
}

/**
 * Tells why a release cannot run on a schema: a migration that its repository does not have took away something that it
 * may rely on. What such migrations made themselves it never knew; a name that is there again at the end is in nobody's
 * way. Pure.
 */
export function incompatibility(
  release: Pick<KnownRelease, 'version' | 'migrations'>,
  { applied, changes }: SchemaNow,
): Incompatibility {
  const own = new Set(release.migrations.map(BigInt))
  const foreign = applied
    .filter(({ version }) => !own.has(BigInt(version)))
    .toSorted((a, b) => (BigInt(a.version) < BigInt(b.version) ? -1 : 1))
  const known = new Map(changes.map((change) => [BigInt(change.migration), change]))
  const made = new Set<string>()
  const unmade = new Set<string>()
  const inTheWay: { readonly name: string; readonly at: string; readonly what: string; readonly object: string }[] = []
  for (const { version, name, appliedAt } of foreign) {
    const change = known.get(BigInt(version))
    if (change === undefined) continue
    const late = change.needs === undefined ? undefined : isOlder(release.version, change.needs)
    if (late === true)
      inTheWay.push({ name, at: appliedAt, what: `needs ${change.needs} or newer`, object: `needs ${name}` })
    if (late === undefined)
      for (const { object, what } of change.takes) {
        if (isAmong(made, object)) unmade.add(object.replace(/^column /, 'empty '))
        else inTheWay.push({ name, at: appliedAt, what, object })
      }
    for (const object of change.makes) made.add(object)
  }
  const unresolved = inTheWay.filter(({ object }) => !made.has(object) && !unmade.has(object))
  const files = [...new Set(unresolved.map(({ name }) => name))]
  return {
    reasons: files.map(
      (file) => `${file} ${list(unresolved.filter((one) => one.name === file).map((one) => one.what))}`,
    ),
    since: unresolved[0]?.at ?? '',
    unknown: foreign.filter(({ version }) => !known.has(BigInt(version))).map(({ name }) => name),
  }
}

/**
 * Puts in what purser.yaml declares: it counts more than what the file says, and that more than what is read off its
 * statements.
 */
export function withDeclared(
  changes: readonly SchemaChange[],
  declared: readonly { readonly file: string; readonly version: string }[],
): readonly SchemaChange[] {
  return changes.map((change) => {
    const needs = declared.find(({ file }) => file === change.name)?.version
    return needs === undefined ? change : { ...change, needs }
  })
}

/** Tells whether the object is new: a column of a new table is new itself, whoever named it. */
function isAmong(made: ReadonlySet<string>, object: string): boolean {
  const table = /^(?:column|empty) (.+)\.[^.]+$/.exec(object)?.[1]
  return made.has(object) || (table !== undefined && made.has(`table ${table}`))
}

/** Finds the known release nearest above the wanted one that can run on the schema. */
export function nearestThatRuns(
  wanted: string,
  releases: readonly KnownRelease[],
  schema: SchemaNow,
): KnownRelease | undefined {
  return releases
    .filter((release) => release.version !== wanted && isOlder(wanted, release.version) !== false)
    .filter((release) => incompatibility(release, schema).reasons.length === 0)
    .toSorted((a, b) => (isOlder(a.version, b.version) === false ? 1 : -1))[0]
}

/** Tells whether the first version comes before the second; undefined when they cannot be compared. */
export function isOlder(version: string, than: string): boolean | undefined {
  const [a, b] = [parsed(version), parsed(than)]
  if (a === undefined || b === undefined) return undefined
  for (const [at, number] of a.numbers.entries()) if (number !== b.numbers[at]) return number < (b.numbers[at] ?? 0)
  // The version v1.3.0-rc.1 comes before v1.3.0; of two with a suffix nobody knows.
  if (a.suffix === b.suffix) return false
  if (a.suffix === '') return false
  return b.suffix === '' ? true : undefined
}

function parsed(version: string): { readonly numbers: readonly number[]; readonly suffix: string } | undefined {
  const [, major, minor, patch = '0', suffix = ''] =
    /^v?(\d+)\.(\d+)(?:\.(\d+))?(?:-([^+]+))?(?:\+.*)?$/.exec(version) ?? []
  if (major === undefined || minor === undefined) return undefined
  return { numbers: [Number(major), Number(minor), Number(patch)], suffix }
}

function list(what: readonly string[]): string {
  const shown = what.slice(0, 5)
  return [...shown, ...(what.length > shown.length ? [`${what.length - shown.length} more`] : [])].join(', ')
}

/** Why a version cannot run on the schema as it is, and what leads out; `schemaRefusalWords` words it. */
export interface SchemaRefusal {
  readonly version: string
  readonly environment: string
  /** The reasons, one line for each migration that stands in the way. */
  readonly reasons: readonly string[]
  /** The nearest version above it that is known to run on the schema. */
  readonly nearest: string | undefined
  /** The run whose backup is from before the first of those migrations. */
  readonly backupOfRun: number | undefined
}

/** Finds the ways out of the refusal. `except` is the version that is being taken back, which is no way out. Pure. */
export function schemaRefusal(
  wanted: { readonly version: string; readonly environment: string; readonly except?: string },
  { reasons, since }: Incompatibility,
  schema: SchemaNow,
  releases: readonly KnownRelease[],
  backups: readonly { readonly run: number; readonly finishedAt: string }[],
): SchemaRefusal {
  const { version, environment, except } = wanted
  const others = releases.filter((release) => release.version !== except)
  return {
    version,
    environment,
    reasons,
    nearest: nearestThatRuns(version, others, schema)?.version,
    backupOfRun: backups.find(({ finishedAt }) => since === '' || finishedAt <= since)?.run,
  }
}
