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

/** A database beside the live one that a restore has left there. */
export interface KeptDatabase {
  readonly name: string
  /** The restore that it belongs to. */
  readonly run: number
  /** `before`: what served before it; `restore`: what it prepared, or what was taken back by its rollback. */
  readonly kind: 'before' | 'restore'
  /** Undefined: Purser may not measure it. */
  readonly bytes: number | undefined
}

/** A backup with what else is known of it. */
export interface KeptBackup extends BackupRecord {
  readonly run: number
  readonly environment: string
}
