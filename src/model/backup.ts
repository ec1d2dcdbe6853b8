/** A proven backup, as recorded with the run that made it. */
export interface BackupRecord {
  readonly file: string
  readonly database: string
  readonly bytes: number
  readonly sha256: string
  readonly tables: number
  readonly finishedAt: string
  /** How long its test restore took, in milliseconds; absent when it was not tried out. */
  readonly restoreMs?: number
  /** The reason why it was not tried out. */
  readonly untried?: string
  /** What it holds, by `schema.table`. */
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
