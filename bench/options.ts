import { parseArgs } from 'node:util'
import type { LatencyWanted } from './latency/latency.ts'

export const usage = `usage: npm run bench [-- options]
  --quick       every benchmark once, with next to no data: only shows that all of them run
  --latency     only how long people wait: acknowledgements, first board; also with --quick
  --size 1GB    only backups and restores, of a database of that size (MB or GB)
  --runs 5      how often each backup and restore is measured (3, after one that warms up)`

/** How much is measured, and how often. */
export interface BenchOptions {
  readonly quick: boolean
  /** Whether only backups and restores are measured. */
  readonly copiesOnly: boolean
  /** Rows of webhook_events. */
  readonly events: number
  /** Of each backup and restore. */
  readonly runs: number
  readonly countRuns: number
  readonly verifyRuns: number
  readonly hops: number
  readonly logLines: number
  /** Releases that are watched at once, one measurement after the other. */
  readonly watches: readonly number[]
  readonly watchSeconds: number
  /** Whether only acknowledgements, boards and the like are measured. */
  readonly latencyOnly: boolean
  readonly latency: LatencyWanted
}

const full = {
  countRuns: 15,
  verifyRuns: 8,
  hops: 200,
  logLines: 1_000_000,
  watches: [10, 50, 200],
  watchSeconds: 45,
  latency: { rounds: 500, boards: 5, bytes: 10_000_000 },
} as const
const once = {
  events: 300,
  runs: 1,
  countRuns: 1,
  verifyRuns: 1,
  hops: 5,
  logLines: 20_000,
  watches: [3],
  watchSeconds: 2,
  latency: { rounds: 10, boards: 1, bytes: 100_000 },
} as const
/** Some 260 MB. */
const usualEvents = 150_000
/** What an event takes on disk, with its indexes and its line in the audit log. */
const bytesOfEvent = 1_670

/** Throws an error of one line for what the command line cannot mean. */
export function benchOptions(argv: readonly string[]): BenchOptions {
  const { quick, size, runs, latency: latencyOnly } = parsed(argv)
  if (quick) {
    if (size !== undefined || runs !== undefined) throw new Error('--quick has its own size and number of runs')
    return { quick, copiesOnly: false, latencyOnly, ...once }
  }
  if (runs !== undefined && !/^[1-9]\d*$/.test(runs)) throw new Error(`--runs ${runs}: must be a number from 1 on`)
  return {
    quick,
    copiesOnly: size !== undefined,
    latencyOnly,
    events: size === undefined ? usualEvents : Math.max(1, Math.round(bytesOf(size) / bytesOfEvent)),
    runs: Number(runs ?? 3),
    ...full,
  }
}

function parsed(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      options: {
        quick: { type: 'boolean', default: false },
        latency: { type: 'boolean', default: false },
        size: { type: 'string' },
        runs: { type: 'string' },
      },
    }).values
  } catch (error) {
    // Node goes on with advice about positional arguments, which there are none of.
    const [first = ''] = (error instanceof Error ? error.message : String(error)).split('. ')
    throw new Error(first, { cause: error })
  }
}

function bytesOf(size: string): number {
  const [, number, unit] = /^(\d+(?:\.\d+)?)(MB|GB)$/.exec(size) ?? []
  if (number === undefined) throw new Error(`--size ${size}: must be a number with MB or GB, as in 1GB`)
  return Number(number) * (unit === 'GB' ? 1e9 : 1e6)
}
