import type { BackupRecord, KeptBackup } from '../model/backup.ts'
import type { Sql } from './database.ts'
import type { Fence } from './fence.ts'

interface BackupRow {
  run: string
  environment: string
  manifest: BackupRecord
}

/** Reads the backups of an environment that have not been removed, the newest first. */
export async function keptBackups(sql: Sql, environment: string): Promise<readonly KeptBackup[]> {
  const { rows } = await sql.query<BackupRow>(
    `select run, environment, manifest from purser.backups
     where environment = $1 and removed_at is null order by manifest ->> 'finishedAt' desc, run desc limit 100`,
    [environment],
  )
  return rows.map((row) => ({ ...row.manifest, run: Number(row.run), environment: row.environment }))
}

/** What App Home tells of the backups of an environment. */
export interface BackupSummary {
  readonly newest: KeptBackup | undefined
  /** How many of them there are. */
  readonly count: number
}

/** Reads the newest backup of each of these environments, and how many each has. */
export async function newestBackups(
  sql: Sql,
  environments: readonly string[],
): Promise<ReadonlyMap<string, BackupSummary>> {
  const { rows } = await sql.query<BackupRow & { count: string }>(
    `select newest.run, e.name as environment, newest.manifest,
       (select count(*) from purser.backups b where b.environment = e.name and b.removed_at is null) as count
     from unnest($1::text[]) as e (name)
     cross join lateral (select run, manifest from purser.backups b where b.environment = e.name and b.removed_at is null
       order by b.manifest ->> 'finishedAt' desc, b.run desc limit 1) newest`,
    [environments],
  )
  return new Map(
    rows.map(({ run, environment, manifest, count }) => [
      environment,
      { newest: { ...manifest, run: Number(run), environment }, count: Number(count) },
    ]),
  )
}

/** Gives a phase what it writes and reads of backups. */
export function phaseBackups({ claim, environment, read, mask, write }: Fence) {
  return {
    /** Reads the newest proven backup of this run, if there is one. */
    backup: async (): Promise<BackupRecord | undefined> => {
      const { rows } = await read.query<{ manifest: BackupRecord }>(
        'select manifest from purser.backups where run = $1 order by at desc limit 1',
        [claim.run],
      )
      return rows[0]?.manifest
    },

    recordBackup: (backup: BackupRecord): Promise<void> =>
      write(async (sql) => {
        await sql.query(
          `insert into purser.backups (run, environment, manifest) values ($1, $2, $3)
           on conflict (environment, (manifest ->> 'file')) do update
             set run = excluded.run, manifest = excluded.manifest, at = now(), removed_at = null`,
          [claim.run, environment, JSON.stringify(mask(backup))],
        )
      }),

    keptBackups: (): Promise<readonly KeptBackup[]> => keptBackups(read, environment),

    /** Notes that their files are gone, so that nobody is offered them any more. */
    backupsRemoved: (files: readonly string[]): Promise<void> =>
      write(async (sql) => {
        await sql.query(
          `update purser.backups set removed_at = now() where environment = $1 and manifest ->> 'file' = any($2)`,
          [environment, files],
        )
      }),
  }
}
