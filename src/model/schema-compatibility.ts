/** What an applied migration does to releases that do not have it; it is recorded before the migration is applied. */
export interface SchemaChange {
  /** The digits that begin its file name. */
  readonly migration: string
  readonly name: string
  /** What is gone: a statement that names it fails. */
  readonly takes: readonly { readonly object: string; readonly what: string }[]
  /** What makes some statements fail and others not; missing in what earlier versions of Purser recorded. */
  readonly may?: readonly { readonly object: string; readonly what: string }[]
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
  /** Why it may fail all the same, one line for each migration: a risk, which stands in nobody's way. */
  readonly doubts: readonly string[]
  /** The applied files that the release does not have and about which nothing is known. */
  readonly unknown: readonly string[]
}

interface Loss {
  readonly name: string
  readonly at: string
  readonly what: string
}

/**
 * Tells why a release cannot run on a schema: a migration that its repository does not have took away something that it
 * may rely on. What such migrations made themselves it never knew; a name that is there again at the end is in nobody's
 * way. What makes only some statements fail is a doubt. Pure.
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
  const losses = new Losses()
  for (const { version, name, appliedAt } of foreign) {
    const change = known.get(BigInt(version))
    if (change === undefined) continue
    const late = change.needs === undefined ? undefined : isOlder(release.version, change.needs)
    losses.apply(change, { name, at: appliedAt }, late)
  }
  const certain = [...losses.certain.values()]
  return {
    reasons: byFile(certain),
    since: certain[0]?.at ?? '',
    doubts: byFile([...losses.possible.values()]),
    unknown: foreign.filter(({ version }) => !known.has(BigInt(version))).map(({ name }) => name),
  }
}

/** What a release has lost after some migrations that it does not know, taken one after the other. */
class Losses {
  readonly certain = new Map<string, Loss>()
  readonly possible = new Map<string, Loss>()
  /** What these migrations made, so the release never knew it. */
  readonly #made = new Set<string>()

  /** `late`: whether somebody declared that a newer release is needed; undefined when nobody did, or nobody can compare. */
  apply({ takes, may = [], makes, needs }: SchemaChange, at: Omit<Loss, 'what'>, late: boolean | undefined): void {
    if (late === true) this.certain.set(`needs ${at.name}`, { ...at, what: `needs ${needs} or newer` })
    for (const { object, what } of takes) {
      if (this.#isNew(object)) this.#unmake(object)
      else if (late === undefined) this.certain.set(object, { ...at, what })
    }
    for (const { object, what } of late === undefined ? may : []) {
      if (this.#isNew(object)) continue
      // An insert cannot name a column that its release does not know.
      const certain = object.startsWith('empty ') && this.#made.has(object.replace(/^empty /, 'column '))
      if (certain) this.certain.set(object, { ...at, what })
      else this.possible.set(`${object} ${what}`, { ...at, what })
    }
    for (const object of makes) if (!this.certain.delete(object)) this.#made.add(object)
  }

  /** Tells whether the object is new: a column of a new table is new itself, whoever named it. */
  #isNew(object: string): boolean {
    const table = /^(?:column|empty|null column|policy) (.+)\.(?:[^."]+|"(?:[^"\\]|\\.)*")$/.exec(object)?.[1]
    return this.#made.has(object) || (table !== undefined && this.#made.has(`table ${table}`))
  }

  #unmake(object: string): void {
    this.#made.delete(object)
    this.certain.delete(object.replace(/^column /, 'empty '))
  }
}

function byFile(all: readonly Loss[]): readonly string[] {
  const files = [...new Set(all.map(({ name }) => name))]
  const ofFile = (file: string) => [...new Set(all.filter(({ name }) => name === file).map(({ what }) => what))]
  return files.map((file) => `${file} ${list(ofFile(file))}`)
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
  { reasons, since }: Omit<Incompatibility, 'doubts'>,
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
