/** A proven backup, as recorded with the run that made it. */
export interface BackupRecord {
  readonly file: string
  readonly database: string
  readonly bytes: number
  readonly sha256: string
  readonly tables: number
  readonly finishedAt: string
}
