import type { ApprovalFacts, EffectFacts, RunRecords } from '../model/audit-records.ts'
import { hashOfPlan } from '../model/deploy-plan.ts'
import type { Sql } from './database.ts'

/** What events say of rows, and the rows themselves in the same form. */

export interface StoredApproval {
  run: string
  user_id: string
  decision: string
  plan_hash: string
  reason: string | null
  at: Date
}

export interface StoredEffect {
  id: string
  run: string
  phase: string
  kind: string
  target: string
  before: unknown
  after: unknown
  status: string
  at: Date
}

export const approvalColumns = 'run, user_id, decision, plan_hash, reason, at'
export const effectColumns = 'id, run, phase, kind, target, "before", "after", status, at'

export function approvalFacts(row: StoredApproval): ApprovalFacts {
  const { user_id: user, decision, plan_hash: planHash, reason, at } = row
  return { user, decision, planHash, reason, at: at.toISOString() }
}

export function effectFacts(row: StoredEffect): EffectFacts {
  const { phase, kind, target, before, after, status, at } = row
  return { id: Number(row.id), phase, kind, target, before, after, status, at: at.toISOString() }
}

/** The next runs after `after` that have a row or an event, by their numbers. */
export async function runsAfter(sql: Sql, after: number, most: number): Promise<readonly number[]> {
  const { rows } = await sql.query<{ run: string }>(
    `select run from (
       (select number as run from purser.runs where number > $1 order by number limit $2)
       union (select distinct run from purser.audit_events where run > $1 order by run limit $2)) t
     order by run limit $2`,
    [after, most],
  )
  return rows.map(({ run }) => Number(run))
}

/** Runs that are not among the answers have no row. */
export async function recordsOf(sql: Sql, runs: readonly number[]): Promise<ReadonlyMap<number, RunRecords>> {
  const found = await sql.query<{ number: string; status: string; plan_hash: string | null; plan: unknown }>(
    'select number, status, plan_hash, plan from purser.runs where number = any($1)',
    [runs],
  )
  const approvals = await sql.query<StoredApproval>(
    `select ${approvalColumns} from purser.approvals where run = any($1) order by at, user_id`,
    [runs],
  )
  const effects = await sql.query<StoredEffect>(
    `select ${effectColumns} from purser.effects where run = any($1) order by id`,
    [runs],
  )
  return new Map(
    found.rows.map(({ number, status, plan_hash: planHash, plan }) => [
      Number(number),
      {
        status,
        planHash,
        planContent: plan === null ? null : hashOfPlan(plan),
        approvals: approvals.rows.filter(({ run }) => run === number).map(approvalFacts),
        effects: effects.rows.filter(({ run }) => run === number).map(effectFacts),
      },
    ]),
  )
}
