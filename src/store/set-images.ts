import { image } from '../model/effects/image.ts'
import type { Release } from '../model/revision-health.ts'
import type { Sql } from './database.ts'

const most = 100

/** The version that a run set: a restore is named after its backup, and its plan tells which release it brought back. */
const versionSet = `case when r.kind = 'restore' then coalesce(r.plan -> 'release' -> 'earlier' ->> 'version', '') else r.version end`

type ReleaseRow = Pick<Release, 'version' | 'rollout'> & { run: string; before: unknown; after: unknown }

/** Reads which images runs set in an environment, and how that went, the newest first. */
export async function releasesIn(sql: Sql, environment: string): Promise<readonly Release[]> {
  const { rows } = await sql.query<ReleaseRow>(
    `select r.number as run, ${versionSet} as version, e."before", e."after", coalesce(p.status, '') as rollout
     from purser.effects e join purser.runs r on r.number = e.run
     left join purser.phases p on p.run = e.run and p.name = e.phase
     where r.environment = $1 and e.kind = $3 order by e.id desc limit $2`,
    [environment, most, image.kind],
  )
  return rows.flatMap(({ run, version, rollout, ...row }) => {
    const reading = image.read(row)
    // A record of an old release by another version of Purser must not keep anybody from rolling back a new one.
    if (!reading.ok || version === '') return []
    const { before, after } = reading.content
    return [{ run: Number(run), version, before, after, rollout }]
  })
}
