/** A proven backup, as recorded with the run that made it. */
export interface BackupRecord {
  /** Says that a command of the team's own made it; absent for dumps. */
  readonly by?: 'command'
  /** How `verify` of that command proved it, in the command's words. */
  readonly proof?: string
  /** The name of a dump, or the id that the command gave. */
  readonly file: string
  readonly database: string
  readonly bytes: number
  /** The checksum of a dump; of a command's backup one over its id, times and size, which is for comparing only. */
  readonly sha256: string
  /** How many tables a dump holds; 0 for a command's, of which nobody knows. */
  readonly tables: number
  readonly finishedAt: string
  /** How long its test restore took, in milliseconds; absent when it was not tried out. */
  readonly restoreMs?: number
  /** What its test restore left out, in words that follow "without": "owners and grants"; absent when it left out nothing. */
  readonly restoredWithout?: string
  /** The reason why it was not tried out. */
  readonly untried?: string
  /** The migrations in the ledger when it was made; missing in records of earlier versions, and where that is not certain. */
  readonly migrations?: readonly { readonly version: string; readonly name: string }[]
  /** What it holds, by `schema.table`; absent when nobody counted. */
  readonly rows?: readonly { readonly table: string; readonly rows: number }[]
}

/** A database beside the live one that a restore has left there. */
export interface KeptDatabase {
  readonly name: string
  /** The restore that it belongs to. */
  readonly run: number
  /** `before` is what served before the restore; `restore` is what it prepared, or what its rollback took back. */
  readonly kind: 'before' | 'restore'
  /** The size of the database; undefined when Purser may not measure it. */
  readonly bytes: number | undefined
}

/** A backup with what else is known of it. */
export interface KeptBackup extends BackupRecord {
  readonly run: number
  readonly environment: string
}
