import type { Decision } from '../model/decision.ts'
import type { PhaseDurations } from '../model/phase-durations.ts'
import { allKinds, type PhaseName } from '../model/kinds.ts'
import type { Sql } from './database.ts'

/** Returns each phase's median over the last ten runs of its kind that succeeded in the environment. */
export async function medianDurations(sql: Sql, environment: string): Promise<PhaseDurations> {
  const { rows } = await sql.query<{ name: PhaseName; ms: number }>(
    `select p.name, percentile_cont(0.5) within group (order by extract(epoch from p.finished_at - p.started_at) * 1000) as ms
     from unnest($2::text[]) as kinds (name)
     cross join lateral (select number from purser.runs r
       where r.environment = $1 and r.kind = kinds.name and r.status = 'succeeded' and not r.dry_run order by number desc limit 10) newest
     join purser.phases p on p.run = newest.number
     where p.status = 'succeeded' and p.started_at is not null and p.finished_at is not null
     group by p.name`,
    [environment, allKinds],
  )
  return Object.fromEntries(rows.map((row) => [row.name, Number(row.ms)]))
}

/** Reads what people have decided about a run, the oldest decision first. */
export async function decisionsOn(sql: Sql, run: number): Promise<readonly Decision[]> {
  const { rows } = await sql.query<{ kind: Decision['kind']; actor: string; at: Date }>(
    `select kind, actor, at from purser.audit_events where run = $1 and kind in ('cancel', 'retry', 'leave') order by sequence`,
    [run],
  )
  return rows.map((row) => ({ kind: row.kind, by: row.actor, at: row.at }))
}
