/** What a restore *will* do and cost, computed read-only. Its hash is what people approve. */
export interface RestorePlan {
  readonly kind: 'restore'
  readonly environment: string
  readonly backup: {
    readonly file: string
    /** The run that made it. */
    readonly run: number
    readonly sha256: string
    readonly bytes: number
    readonly finishedAt: string
    /** Its snapshot is not older than this. */
    readonly startedAt?: string
    /** Measured by its test restore; undefined when it was never tried out. */
    readonly restoreMs: number | undefined
  }
  readonly database: {
    readonly live: string
    /** Restored to beside the live one, before any downtime. */
    readonly restored: string
    /** What the database that serves now is called afterwards. */
    readonly kept: string
  }
  /** Present where names cannot be swapped: the content is exchanged inside the live database. */
  readonly inPlace?: {
    readonly why: string
    /** Measured parts: a dump of what stands, and the restore. Undefined when the backup was never tried out. */
    readonly downtimeMs?: number
  }
  /** Since the backup: sent to the service again afterwards. Undefined: Stripe did not tell. */
  readonly events?: string
  /** Rows that will be gone from what serves: counted when the plan was made. */
  readonly tables: readonly RestoredTable[]
  readonly deployment: { readonly name: string; readonly replicas: number }
  readonly cronJobs: readonly string[]
  readonly migrationsLost: readonly string[]
  readonly risks: readonly string[]
}

export interface RestoredTable {
  readonly table: string
  readonly inBackup: number
  /** Undefined: could not be counted in time, or the table is gone. */
  readonly now: number | undefined
}
