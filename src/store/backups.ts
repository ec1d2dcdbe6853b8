import type { BackupRecord, KeptBackup } from '../model/backup.ts'
import type { Sql } from './database.ts'

interface BackupRow {
  run: string
  environment: string
  manifest: BackupRecord
}

/** Backups of an environment that have not been removed, newest first. */
export async function keptBackups(sql: Sql, environment: string): Promise<readonly KeptBackup[]> {
  const { rows } = await sql.query<BackupRow>(
    `select run, environment, manifest from purser.backups
     where environment = $1 and removed_at is null order by manifest ->> 'finishedAt' desc, run desc limit 100`,
    [environment],
  )
  return rows.map((row) => ({ ...row.manifest, run: Number(row.run), environment: row.environment }))
}

/** Their files are gone: nobody may be offered them any more. */
export async function backupsRemoved(sql: Sql, environment: string, files: readonly string[]): Promise<void> {
  await sql.query(
    `update purser.backups set removed_at = now() where environment = $1 and manifest ->> 'file' = any($2)`,
    [environment, files],
  )
}
