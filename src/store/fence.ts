import type { AuditKeys } from '../model/audit-chain.ts'
import type { Mask, Sql } from './database.ts'
import type { PhaseName } from '../model/kinds.ts'

/** The right of one worker to one phase. Every write names it; a newer epoch makes it worthless. */
export interface Claim {
  readonly run: number
  readonly phase: PhaseName
  readonly attempt: number
  readonly epoch: number
  readonly worker: string
}

/**
 * The access of one claim to the state database. Stores of single facts (backups, releases, samples, the watch) are
 * bound to it once, when a worker takes the phase: everything that they write goes through `write`, so a worker that
 * lost the phase writes nothing, whichever store it calls.
 */
export interface Fence {
  readonly claim: Claim
  /** The environment of the claim's run. */
  readonly environment: string
  readonly read: Sql
  readonly mask: Mask
  readonly auditKeys: AuditKeys
  /** Does all of `work` in one transaction, or nothing; raises FencedOut when a newer epoch owns the phase. */
  readonly write: <T>(work: (sql: Sql) => Promise<T>) => Promise<T>
}
