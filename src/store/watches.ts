import { type AuditWriter, recordAudit } from './audit.ts'
import { TransitionRefused } from '../model/errors.ts'
import type { Breach, LogGroup, Run, RunWatch, WatchDecision } from '../model/run.ts'
import { loadRun, watchOf, type WatchRow } from './rows.ts'
import { insertPost } from './posts.ts'
import type { Sql, StateDatabase } from './database.ts'
import type { UndoPlan } from '../model/undo-plan.ts'
import { type BaselineSample, type LogCounts, type LogPod, whyNotDecide } from '../model/watch.ts'

/** Names one watch. All SQL that writes by it runs inside a transaction of the phase store, fenced. */
interface WatchKey {
  readonly run: number
  readonly attempt: number
}

/** Begins a watch. It is safe to repeat: an earlier attempt's watch is forgotten, this one's is kept. */
export async function beginWatch(sql: Sql, { run, attempt }: WatchKey, began: Date, ends: Date): Promise<void> {
  await sql.query(
    `insert into purser.watches (run, attempt, began_at, ends_at) values ($1, $2, $3, $4)
     on conflict (run) do update set attempt = excluded.attempt, began_at = excluded.began_at, ends_at = excluded.ends_at,
       breach = null, decision = null, decided_by = null, decided_at = null, decision_reason = null, decided_undo = null, rollback_done = false
     where purser.watches.attempt < excluded.attempt`,
    [run, attempt, began, ends],
  )
}

/** Reads a watch alone: every watch under way is asked for each second whether somebody has decided. */
export async function watchState(sql: Sql, run: number): Promise<RunWatch | undefined> {
  const { rows } = await sql.query<{ watch: WatchRow }>(
    'select to_jsonb(w) as watch from purser.watches w where w.run = $1',
    [run],
  )
  return rows[0] === undefined ? undefined : watchOf(rows[0].watch)
}

/** Stores the first breach of a watch; false when there was one. */
export async function recordBreach(sql: Sql, { run, attempt }: WatchKey, breach: Breach) {
  const { rowCount } = await sql.query(
    'update purser.watches set breach = $3 where run = $1 and attempt = $2 and breach is null',
    [run, attempt, JSON.stringify(breach)],
  )
  return rowCount === 1
}

/**
 * Stores a decision of the policy, not of a person; false when it was made before. At a later breach than the `first` one, what somebody
 * has decided meanwhile stays.
 */
export async function decideByPolicy(
  sql: Sql,
  { run, attempt }: WatchKey,
  reason: string,
  { source, writer, first }: { readonly source: string; readonly writer: AuditWriter; readonly first: boolean },
): Promise<boolean> {
  const { rowCount } = await sql.query(
    `update purser.watches set decision = 'roll_back', decided_by = 'purser', decided_at = now(), decision_reason = $3
     where run = $1 and attempt = $2 and (decision is null or ($4 and decision <> 'roll_back'))`,
    [run, attempt, reason, first],
  )
  if (rowCount !== 1) return false
  await recordAudit(sql, writer, { run, actor: 'purser', source, kind: 'watch_roll_back', text: reason })
  return true
}

/** Stores a person's decision about a watch under way. Raises TransitionRefused, and changes nothing then. */
export async function decideWatch(
  db: StateDatabase,
  run: number,
  decision: WatchDecision,
  who: { readonly actor: string; readonly source: string },
  { reason, undo }: { readonly reason?: string | undefined; readonly undo?: UndoPlan } = {},
): Promise<Run> {
  return db.transaction(async (sql) => {
    await sql.query('select 1 from purser.runs where number = $1 for update', [run])
    const watched = await loadRun(sql, run)
    const refused = whyNotDecide(watched, decision)
    if (refused !== undefined) throw new TransitionRefused(run, refused)
    await sql.query(
      `update purser.watches set decision = $2, decided_by = $3, decided_at = now(), decision_reason = $4, decided_undo = $5
       where run = $1`,
      [run, decision, who.actor, db.mask(reason) ?? null, undo === undefined ? null : JSON.stringify(undo)],
    )
    const post = { kind: 'decision' as const, user: who.actor, decision, ...(reason === undefined ? {} : { reason }) }
    await insertPost(sql, run, db.mask(post))
    await recordAudit(sql, db, {
      run,
      ...who,
      kind: `watch_${decision}`,
      text: reason ?? '',
      facts: { decision, planOfRun: watched.planHash ?? null },
    })
    await sql.query('update purser.runs set rev = rev + 1 where number = $1', [run])
    return loadRun(sql, run)
  })
}

/** Finds runs whose watch was ended to roll them back, and for which that has not been done. */
export async function wantedRollbacks(sql: Sql): Promise<readonly number[]> {
  const { rows } = await sql.query<{ run: string }>(
    `select w.run from purser.watches w join purser.runs r on r.number = w.run
     where w.decision = 'roll_back' and not w.rollback_done and r.status in ('failed', 'left', 'cancelled', 'succeeded')`,
  )
  return rows.map((row) => Number(row.run))
}

/** Answers true to one caller only, so that a decided rollback is begun once. */
export async function takeRollback(sql: Sql, run: number): Promise<boolean> {
  const { rowCount } = await sql.query(
    'update purser.watches set rollback_done = true where run = $1 and not rollback_done',
    [run],
  )
  return rowCount === 1
}

/** Adds counts to those stored, together with how far each pod was read, so that no line counts twice. */
export async function addLogCounts(sql: Sql, { run, attempt }: WatchKey, { groups, pods }: LogCounts): Promise<void> {
  for (const group of groups)
    await sql.query(
      `insert into purser.log_groups (run, attempt, fingerprint, example, pod, first_at, last_at, count)
       values ($1, $2, $3, $4, $5, $6, $7, $8)
       on conflict (run, attempt, fingerprint) do update
         set count = purser.log_groups.count + excluded.count, last_at = greatest(purser.log_groups.last_at, excluded.last_at)`,
      [run, attempt, group.fingerprint, group.example, group.pod, group.firstAt, group.lastAt, group.count],
    )
  for (const pod of pods)
    await sql.query(
      `insert into purser.log_pods (run, attempt, pod, stamp, errors) values ($1, $2, $3, $4, $5)
       on conflict (run, attempt, pod) do update
         set errors = purser.log_pods.errors + excluded.errors, stamp = greatest(purser.log_pods.stamp, excluded.stamp)`,
      [run, attempt, pod.pod, pod.stamp, pod.errors],
    )
}

/** Reads the kinds of error lines, the most frequent first. */
export async function logGroups(sql: Sql, { run, attempt }: WatchKey): Promise<readonly LogGroup[]> {
  const { rows } = await sql.query<Omit<LogGroup, 'count'> & { count: string }>(
    `select g.fingerprint, g.example, g.pod, g.first_at as "firstAt", g.last_at as "lastAt", g.count,
       exists (select from purser.log_groups b where b.run = g.run and b.attempt = 0 and b.fingerprint = g.fingerprint) as known
     from purser.log_groups g where g.run = $1 and g.attempt = $2 order by g.count desc, g.first_at`,
    [run, attempt],
  )
  return rows.map((row) => ({ ...row, count: Number(row.count) }))
}

export async function logPods(sql: Sql, { run, attempt }: WatchKey): Promise<readonly LogPod[]> {
  const { rows } = await sql.query<{ pod: string; stamp: string; errors: string }>(
    'select pod, stamp, errors from purser.log_pods where run = $1 and attempt = $2 order by pod',
    [run, attempt],
  )
  return rows.map((row) => ({ ...row, errors: Number(row.errors) }))
}

export async function databaseTime(sql: Sql): Promise<Date> {
  const { rows } = await sql.query<{ time: Date }>('select clock_timestamp() as time')
  const [row] = rows
  if (row === undefined) throw new Error('PostgreSQL answered without a time')
  return row.time
}

/**
 * Reads the samples from before the rollout, of this run and of those before it in its environment, the newest run
 * first.
 */
export async function samplesBefore(sql: Sql, run: number): Promise<readonly BaselineSample[]> {
  const { rows } = await sql.query<{ run: string; metric: string; at: Date; value: number }>(
    `select s.run, s.metric, s.at, s.value from purser.samples s join purser.runs r on r.number = s.run
       join purser.runs own on own.number = $1
     where s.stage = 'before' and s.run <= own.number and r.environment = own.environment and r.service = own.service
     order by s.run desc, s.at limit 500`,
    [run],
  )
  return rows.map((row) => ({ ...row, run: Number(row.run) }))
}
