import type { Release } from '../model/revision-health.ts'
import type { Sql } from './database.ts'

const most = 100

/** Images that runs set in an environment, newest first, and how that went. */
export async function releasesIn(sql: Sql, environment: string): Promise<readonly Release[]> {
  const { rows } = await sql.query<Omit<Release, 'run' | 'after'> & { run: string; after: Release['after'] | null }>(
    `select r.number as run, r.version, e."before", e."after", coalesce(p.status, '') as rollout
     from purser.effects e join purser.runs r on r.number = e.run
     left join purser.phases p on p.run = e.run and p.name = e.phase
     where r.environment = $1 and e.kind = 'image' order by e.id desc limit $2`,
    [environment, most],
  )
  return rows.map((row) => ({ ...row, run: Number(row.run), after: row.after ?? undefined }))
}
