import type { Logger } from 'pino'

const everyMs = 3_600_000
/** So many batches go with one sweep: what else it does must not wait for a table that is pruned for the first time. */
const batchesAtOnce = 10

interface RetentionParts {
  /** Removes one batch and returns how many runs it was of. */
  readonly pruneBatch: () => Promise<number>
  readonly unlessElsewhere: (what: string, work: () => Promise<void>) => Promise<void>
  /** Milliseconds of a clock that never jumps. */
  readonly now: () => number
  readonly log: Logger
}

/**
 * Returns what each sweep calls to remove old details: once an hour, and with the next sweep while more is left. It raises
 * nothing, as no run depends on it.
 */
export function retention({ pruneBatch, unlessElsewhere, now, log }: RetentionParts): () => Promise<void> {
  let dueAt = 0
  return async () => {
    if (now() < dueAt) return
    dueAt = now() + everyMs
    let pruned = 0
    try {
      await unlessElsewhere('retention', async () => {
        for (let batch = 0; batch < batchesAtOnce; batch += 1) {
          const runs = await pruneBatch()
          pruned += runs
          if (runs === 0) return
        }
        dueAt = 0
      })
    } catch (error) {
      log.warn({ err: error }, 'removing the details of old runs')
    }
    if (pruned > 0) log.info({ runs: pruned }, 'removed the details of old runs')
  }
}
