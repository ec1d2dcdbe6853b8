import type { RunKind } from './kinds.ts'

/** Someone has closed an environment for changes, with a reason others can read. */
export interface Lock {
  readonly environment: string
  readonly reason: string
  readonly lockedBy: string
  readonly at: Date
  /** When it ends by itself; undefined: when somebody unlocks. */
  readonly until: Date | undefined
}

/**
 * Whether a lock keeps such a run from starting, from being approved and from being retried. A rollback is the way back to
 * safety: whoever confirms one reads the lock in its dialog.
 */
export function isHeldByLock(kind: RunKind): boolean {
  switch (kind) {
    case 'deploy':
    case 'restore':
    case 'fix':
      return true
    case 'rollback':
    case 'verify':
    case 'diagnose':
      return false
  }
}
