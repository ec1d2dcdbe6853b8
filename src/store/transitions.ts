import type { ApprovalFacts } from '../model/audit-records.ts'
import { hashOfPlan } from '../model/deploy-plan.ts'
import type { Diagnosis } from '../model/diagnosis.ts'
import { countApprovals, type RunEvent, type Transition } from '../model/lifecycle.ts'
import type { ThreadPost } from '../model/post.ts'
import type { Failure, Run, Verification } from '../model/run.ts'
import { approvalColumns, approvalFacts, type StoredApproval } from './audit-records.ts'
import type { Sql } from './database.ts'
import type { LeftLock } from './locks.ts'

/** The rows that a transition of a run changes. */

/** Facts that a change brings along; they are stored in its transaction. */
export interface Alongside {
  readonly plan?: Run['plan']
  readonly failure?: Failure | undefined
  readonly verification?: Verification
  readonly diagnosis?: Diagnosis
  readonly line?: string
  readonly expiresInMinutes?: number
  /** Raises what the run needs; it never lowers it. */
  readonly approvalsNeeded?: number
  readonly posts?: readonly ThreadPost[]
  readonly reason?: string | undefined
  /** Why a person decided so; it is kept with the decision, as `reason` is why the run was asked for. */
  readonly decisionReason?: string | undefined
  /** The lock that a success leaves. */
  readonly lock?: LeftLock
  /** The kept request that is done with it. */
  readonly request?: string | undefined
}

/** Marks approvals of the current plan by people who may no longer approve; returns these rows as they are stored. */
export async function lapse(
  sql: Sql,
  run: Run,
  entitled: readonly string[] | undefined,
): Promise<readonly ApprovalFacts[]> {
  if (entitled === undefined) return []
  const { rows } = await sql.query<StoredApproval>(
    `update purser.approvals set decision = 'lapsed'
     where run = $1 and plan_hash = $2 and decision = 'approved' and not user_id = any($3) returning ${approvalColumns}`,
    [run.number, run.planHash ?? '', entitled],
  )
  return rows.map(approvalFacts)
}

/** Stores with the post of an approval how many there are: it is rendered later, when the plan may be another one. */
export function withCount(alongside: Alongside, run: Run, event: RunEvent, lapsed: readonly string[]): Alongside {
  if (event.type !== 'approved') return alongside
  const left = run.approvals.filter(({ user }) => !lapsed.includes(user) && user !== event.by)
  const given = countApprovals({ approvals: left, planHash: run.planHash }) + 1
  const needed = Math.max(run.approvalsNeeded, event.needed ?? 0)
  const counted = (post: ThreadPost): ThreadPost =>
    post.kind === 'decision' ? { ...post, approvals: { given, needed, lapsed } } : post
  return { ...alongside, approvalsNeeded: needed, posts: (alongside.posts ?? []).map(counted) }
}

/** Stores a decision; returns the row as it is stored. */
export async function insertDecision(
  sql: Sql,
  run: Run,
  event: Extract<RunEvent, { type: 'approved' | 'rejected' }>,
  reason: string | undefined,
): Promise<ApprovalFacts | undefined> {
  const planHash = event.type === 'approved' ? event.planHash : (run.planHash ?? '')
  const { rows } = await sql.query<StoredApproval>(
    `insert into purser.approvals (run, user_id, decision, plan_hash, reason) values ($1, $2, $3, $4, $5)
     on conflict (run, user_id, plan_hash) do update set decision = excluded.decision, reason = excluded.reason
     returning ${approvalColumns}`,
    [run.number, event.by, event.type, planHash, reason ?? null],
  )
  return rows.map(approvalFacts)[0]
}

export async function storeTransition(
  sql: Sql,
  run: Run,
  next: Extract<Transition, { ok: true }>,
  alongside: Alongside,
): Promise<void> {
  for (const phase of next.phases)
    await sql.query(
      `update purser.phases set status = $3, attempt = $4,
         failure = case when $3 = 'failed' then $5::jsonb end,
         line = case when $3 in ('queued', 'pending') then '' else coalesce($6, line) end,
         started_at = case when $3 in ('queued', 'pending') then null else started_at end,
         finished_at = case when $3 in ('succeeded', 'failed', 'cancelled') then now() end,
         transient_failures = case when $3 = 'queued' then 0 else transient_failures end,
         queued_at = case when $3 = 'queued' then now() end, waits_for = null, worker = null
       where run = $1 and name = $2`,
      [
        run.number,
        phase.name,
        phase.status,
        phase.attempt,
        alongside.failure === undefined ? null : JSON.stringify(alongside.failure),
        alongside.line ?? null,
      ],
    )
  await sql.query(
    `update purser.runs set status = $3, rev = rev + 1,
       plan = coalesce($4::jsonb, plan), plan_hash = coalesce($5, plan_hash),
       -- Why a plan had to be made again is told until it is decided on.
       failure = case when $3 = 'awaiting_approval' then coalesce($6::jsonb, failure) else $6::jsonb end, verification = coalesce($7::jsonb, verification), reason = coalesce(reason, $9),
       diagnosis = coalesce($10::jsonb, diagnosis), approvals_needed = greatest(approvals_needed, $11),
       expires_at = case when $8::double precision is null then expires_at else now() + make_interval(secs => $8 * 60) end,
       reminded = case when $8::double precision is null then reminded end,
       started_at = case when $3 = 'executing' then coalesce(started_at, now()) else started_at end,
       -- A run that is retried has details again.
       details_removed_at = case when $3 = 'executing' then null else details_removed_at end,
       finished_at = case when $3 in ('failed','left','planned','succeeded','rejected','expired','cancelled') then now() end
     where number = $1 and rev = $2`,
    [
      run.number,
      run.rev,
      next.status,
      alongside.plan === undefined ? null : JSON.stringify(alongside.plan),
      alongside.plan === undefined ? null : hashOfPlan(alongside.plan),
      alongside.failure === undefined ? null : JSON.stringify(alongside.failure),
      alongside.verification === undefined ? null : JSON.stringify(alongside.verification),
      alongside.expiresInMinutes ?? null,
      alongside.reason ?? null,
      alongside.diagnosis === undefined ? null : JSON.stringify(alongside.diagnosis),
      alongside.approvalsNeeded ?? 0,
    ],
  )
}

export function auditText(event: RunEvent, alongside: Alongside): string {
  const phase = 'phase' in event ? `${event.phase}: ` : ''
  const about = alongside.failure?.message ?? alongside.line ?? alongside.decisionReason ?? alongside.reason ?? ''
  return `${phase}${about}`.trim()
}
