import { readOnlyKinds } from '../model/kinds.ts'
import { settledStatuses } from '../model/run.ts'
import type { Sql, StateDatabase } from './database.ts'

/** So many runs are done in one transaction. */
const runsAtOnce = 20
/** A deploy whose own baseline failed takes an earlier one, so the newest of each environment stay, however old. */
const baselineRuns = 10

/**
 * Removes samples, log groups, steps and posts of some runs that have ended at least so many days ago, and returns how many runs
 * that were; 0: nothing is left to do. What the audit is compared with stays: runs, effects, approvals, and the posts that
 * tell its head. A failed run that may still be retried (one that was rolled back may not) keeps everything, and so does one that Slack has yet to show.
 */
export async function pruneDetails(db: StateDatabase, days: number): Promise<number> {
  return db.transaction(async (sql) => {
    const { rows } = await sql.query<{ number: string; environment: string; service: string }>(
      `update purser.runs set details_removed_at = now() where number in (
         select number from purser.runs r
         where details_removed_at is null and finished_at < now() - make_interval(days => $1)
           and (status = any($2) or (status = 'failed' and (kind = any($3)
             or (select true from purser.runs b where b.parent = r.number and b.kind = 'rollback' and b.status = 'succeeded' limit 1))))
           and (board_retry_at = 'infinity' or (rev - board_rev <= 0
             and not exists (select from purser.posts p where p.run = r.number and p.posted_at is null)))
         order by finished_at limit $4 for update skip locked)
       returning number, environment, service`,
      [days, settledStatuses, readOnlyKinds, runsAtOnce],
    )
    const runs = rows.map(({ number }) => Number(number))
    if (runs.length === 0) return 0
    await sql.query(`delete from purser.samples where run = any($1) and stage = 'watching'`, [runs])
    await sql.query('delete from purser.log_groups where run = any($1)', [runs])
    await sql.query('delete from purser.log_pods where run = any($1)', [runs])
    await sql.query('delete from purser.steps where run = any($1)', [runs])
    await sql.query(
      `delete from purser.posts where run = any($1) and posted_at is not null and post ->> 'kind' <> 'audit_head'`,
      [runs],
    )
    const places = new Map(rows.map((row) => [JSON.stringify([row.environment, row.service]), row]))
    for (const place of places.values()) await pruneBaselines(sql, place)
    return runs.length
  })
}

async function pruneBaselines(
  sql: Sql,
  { environment, service }: { readonly environment: string; readonly service: string },
): Promise<void> {
  await sql.query(
    `with sampled as (
       select number, details_removed_at from purser.runs r where environment = $1 and service = $2
         and exists (select from purser.samples s where s.run = r.number and s.stage = 'before')
       order by number desc offset $3)
     delete from purser.samples where stage = 'before'
       and run = any(array(select number from sampled where details_removed_at is not null))`,
    [environment, service, baselineRuns],
  )
}
