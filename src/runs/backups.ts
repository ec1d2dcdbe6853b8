/** A proven backup, as recorded with the run that made it. */
export interface BackupRecord {
  readonly file: string
  readonly database: string
  readonly bytes: number
  readonly sha256: string
  readonly tables: number
  readonly finishedAt: string
  /** How long its test restore took; absent when it was not tried out. */
  readonly restoreMs?: number
  /** Why it was not tried out. */
  readonly untried?: string
  /** What it holds, by `schema.table`. */
  readonly rows?: readonly { readonly table: string; readonly rows: number }[]
}

/** A backup with what else is known of it. */
export interface KeptBackup extends BackupRecord {
  readonly run: number
  readonly environment: string
}
