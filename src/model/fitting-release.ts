import { sameImage } from '../image-name.ts'
import { incompatibility, type SchemaNow } from './schema-compatibility.ts'

/** A release as far as it is known; its migrations are undefined where neither records nor repository tell them. */
export interface CandidateRelease {
  readonly version: string | undefined
  readonly image: string
  readonly migrations: readonly string[] | undefined
}

/** The schema that a backup holds; `applied` is undefined where no record tells its ledger. */
interface SchemaOfBackup extends Pick<SchemaNow, 'changes'> {
  readonly applied: SchemaNow['applied'] | undefined
  /** Migrations up to this one were there before Purser came, and are in no ledger. */
  readonly baseline: string | undefined
}

export interface FittingFacts {
  readonly schema: SchemaOfBackup
  readonly running: CandidateRelease
  /** What served when the backup was made; undefined where no record tells. */
  readonly served: CandidateRelease | undefined
  /** Why the recorded changes since the backup do not lead back to it; undefined when they do. */
  readonly noWayBack: string | undefined
}

/** Which release runs on the schema of a backup: the one that runs now, the one that served then, or nobody knows. */
export type FittingRelease =
  | { readonly release: 'running'; readonly doubts?: readonly string[] }
  | { readonly release: 'former'; readonly because: readonly string[]; readonly doubts?: readonly string[] }
  | { readonly release: 'unknown'; readonly because: readonly string[]; readonly runningFits: boolean | undefined }

interface Judgement {
  /** Undefined: not known. */
  readonly fits: boolean | undefined
  /** Why it does not fit, or why that is not known; a clause each. */
  readonly reasons: readonly string[]
  /** Why some of its statements may fail although it fits, a clause each; missing where nothing says so. */
  readonly doubts?: readonly string[]
}

/** Tells whether a release can run on the schema of a backup: it lacks nothing that the release needs, and has taken nothing. Pure. */
export function fitsSchema(
  { version, migrations }: Omit<CandidateRelease, 'image'>,
  schema: SchemaOfBackup,
): Judgement {
  const name = version ?? 'the running image'
  if (migrations === undefined) return { fits: undefined, reasons: [`no record tells which migrations ${name} needs`] }
  const { applied, changes, baseline } = schema
  if (applied === undefined) return { fits: undefined, reasons: ['no record tells which migrations the backup holds'] }
  const there = new Set(applied.map((one) => BigInt(one.version)))
  const missing = migrations
    .map(BigInt)
    .filter((one) => (baseline === undefined || one > BigInt(baseline)) && !there.has(one))
  const taken = incompatibility({ version: version ?? '', migrations }, { applied, changes })
  const reasons = [
    ...(missing.length === 0 ? [] : [`${name} needs ${missing.join(', ')}, which the backup does not have`]),
    ...taken.reasons.map((reason) => `${name} cannot run with what ${reason}`),
  ]
  if (reasons.length > 0) return { fits: false, reasons }
  if (taken.unknown.length === 0) return { fits: true, reasons: [], ...doubtsOf(taken) }
  return { fits: undefined, reasons: [`what ${taken.unknown.join(', ')} does to ${name} is not known`] }
}

function doubtsOf({ doubts = [] }: { readonly doubts?: readonly string[] }): Pick<Judgement, 'doubts'> {
  return doubts.length === 0 ? {} : { doubts }
}

/**
 * Decides which release a restore leaves running. What runs now stays where it fits. Otherwise the one that served when
 * the backup was made comes back, if the records lead there and nothing is known against it. Nothing is guessed. Pure.
 */
export function fittingRelease({ schema, running, served, noWayBack }: FittingFacts): FittingRelease {
  const now = fitsSchema(running, schema)
  if (now.fits === true) return { release: 'running', ...doubtsOf(now) }
  const unknown = (more: readonly string[]): FittingRelease => ({
    release: 'unknown',
    because: [...now.reasons, ...more],
    runningFits: now.fits,
  })
  if (served === undefined) return unknown(['no record tells which version served when the backup was made'])
  // It served on this very schema, which says enough where nothing is known against it.
  if (sameImage(running.image, served.image)) return now.fits === undefined ? { release: 'running' } : unknown([])
  const then = fitsSchema(served, schema)
  if (then.fits === false) return unknown(then.reasons)
  if (noWayBack !== undefined) return unknown([noWayBack])
  return { release: 'former', because: now.reasons, ...doubtsOf(then) }
}
