import type { Configuration } from './configuration.ts'
import type { PlannedEffect } from './deploy-plan.ts'
import type { Identities } from './identities.ts'
import type { RestoredRelease } from './restored-release.ts'

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
    /** The time at which its dump began: its snapshot is not older. */
    readonly startedAt?: string
    /** The duration of its test restore; undefined when it was never tried out. */
    readonly restoreMs: number | undefined
    /** Says that a command of the team's own made it and brings it back. */
    readonly by?: 'command'
    /** How that command proved it; null when it did not. */
    readonly proof?: string | null
  }
  readonly database: {
    readonly live: string
    /** The database that it is restored to, beside the live one, before any downtime. */
    readonly restored: string
    /** The name that the database which serves now has afterwards. */
    readonly kept: string
  }
  /** What is said where names cannot be swapped, so that the content is exchanged inside the live database. */
  readonly inPlace?: {
    readonly why: string
    /**
     * The measured parts of the downtime: a dump of what is there, and the restore. Undefined when the backup was never
     * tried out.
     */
    readonly downtimeMs?: number
  }
  /**
   * The events since the backup, which are sent to the service again afterwards; undefined when Stripe did not tell.
   */
  readonly events?: string
  /** The rows that will be gone from what serves, counted when the plan was made. */
  readonly tables: readonly RestoredTable[]
  readonly deployment: { readonly name: string; readonly replicas: number }
  readonly cronJobs: readonly string[]
  readonly migrationsLost: readonly string[]
  /** Which release runs afterwards; missing in plans of earlier versions, which are made again. */
  readonly release?: RestoredRelease
  /** Every change that the restore may make; missing in plans of earlier versions. */
  readonly effects?: readonly PlannedEffect[]
  readonly risks: readonly string[]
  /** The settings of purser.yaml under which it was made; missing in plans of earlier versions. */
  readonly configuration?: Configuration
  /** What the environment of Purser led to; missing in plans of earlier versions. */
  readonly identities?: Identities
}

export interface RestoredTable {
  readonly table: string
  readonly inBackup: number
  /** The rows now; undefined when they could not be counted in time, or the table is gone. */
  readonly now: number | undefined
}
