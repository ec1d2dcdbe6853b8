import type { Sql } from './database.ts'
import { UnknownRun } from '../model/errors.ts'
import type {
  Approval,
  Breach,
  Failure,
  PhaseState,
  PhaseStatus,
  Run,
  RunStatus,
  RunWatch,
  Verification,
  WatchDecision,
} from '../model/run.ts'
import type { PhaseName, RunKind } from '../model/kinds.ts'
import { allEffectKinds, type Effect, type EffectKind, effectKinds, storedEffect } from '../model/effects/effects.ts'
import type { Diagnosis } from '../model/diagnosis.ts'
import type { UndoPlan } from '../model/undo-plan.ts'

export interface RunRow {
  number: string
  kind: RunKind
  service: string
  environment: string
  status: RunStatus
  version: string
  dry_run: boolean
  rotate_secret: boolean
  break_glass: boolean
  freeze_override: string | null
  reminded: { at: string; who: string[] } | null
  parent: string | null
  requested_by: string
  channel: string
  reason: string | null
  plan: Run['plan'] | null
  plan_hash: string | null
  approvals_needed: number
  failure: Failure | null
  verification: Verification | null
  rev: string
  created_at: Date
  expires_at: Date | null
  started_at: Date | null
  finished_at: Date | null
  details_removed_at: Date | null
  phases: PhaseRow[]
  approvals: ApprovalRow[]
  diagnosis: Diagnosis | null
  fixed_by: string | null
  rolled_back_by: string | null
  has_effects: boolean
  watch: WatchRow | null
}

export interface WatchRow {
  attempt: number
  began_at: string
  ends_at: string
  breach: Breach | null
  decision: WatchDecision | null
  decided_by: string | null
  decided_at: string | null
  decision_reason: string | null
  decided_undo: UndoPlan | null
}

interface PhaseRow {
  name: PhaseName
  status: PhaseStatus
  attempt: number
  epoch: number
  transient_failures: number
  budget_minutes: number
  line: string
  failure: Failure | null
  started_at: string | null
  finished_at: string | null
  queued_at: string | null
  waits_for: 'place' | 'worker' | null
}

interface ApprovalRow {
  user_id: string
  decision: Approval['decision']
  plan_hash: string
  reason: string | null
  at: string
}

export interface EffectRow {
  id: string
  run: string
  phase: string
  kind: string
  target: string
  before: unknown
  after: unknown
  status: Effect['status']
  at: Date
  settled_at: Date | null
}

/**
 * Tells of an effect `e` whether a rollback has something to put back, by the table of kinds, as `planUndo` does. A
 * kind that this version of Purser does not know counts, for it was changed all the same.
 */
const canBePutBack = [
  `e.status <> 'undone'`,
  ...allEffectKinds.flatMap(nothingLeft).map((nothing) => `(${nothing}) is not true`),
].join(' and ')

function nothingLeft(kind: EffectKind): readonly string[] {
  const spec = effectKinds[kind]
  if (!spec.undoable) return [`e.kind = '${kind}'`]
  const { unusableWhen, backWhen } = spec
  return [
    ...(unusableWhen === undefined ? [] : [`e.kind = '${kind}' and e."before" -> '${unusableWhen}' = 'true'`]),
    ...(backWhen === undefined ? [] : [`e.kind = '${kind}' and e."after" -> '${backWhen}' = 'true'`]),
  ]
}

/** Selects each run as one row, with its phases, approvals and watch as JSON in it. */
const selected = `
  select r.*,
    (select coalesce(jsonb_agg(to_jsonb(p) order by p.ordinal), '[]') from purser.phases p where p.run = r.number) as phases,
    (select coalesce(jsonb_agg(to_jsonb(a) order by a.at), '[]') from purser.approvals a where a.run = r.number) as approvals,
    (select max(b.number) from purser.runs b where b.parent = r.number and b.kind = 'rollback'
       and b.status in ('executing', 'cancelling', 'succeeded')) as rolled_back_by,
    (select max(f.number) from purser.runs f where f.parent = r.number and f.kind = 'fix'
       and f.status in ('executing', 'cancelling', 'succeeded')) as fixed_by,
    -- By a limit, for one run after the other: an exists may be read from the whole table at once.
    coalesce((select true from purser.effects e where e.run = r.number and ${canBePutBack} limit 1), false) as has_effects,
    (select to_jsonb(w) from purser.watches w where w.run = r.number) as watch`

export const selectRun = `${selected} from purser.runs r`

/** Every column of a run; of a deploy's plan only what it replaced, for the rest may be long and lists do not show it. */
const briefly = `number, kind, service, environment, status, version, dry_run, rotate_secret, break_glass, freeze_override, reminded, parent,
  requested_by, channel, reason, plan_hash, approvals_needed, failure, verification, diagnosis, rev, created_at, expires_at, started_at, finished_at, details_removed_at,
  case when kind = 'deploy' then jsonb_build_object('kind', 'deploy', 'current', plan -> 'current') else plan end as plan`

/** Selects the newest runs ($4) of each environment ($1) that are of these kinds ($2) and in these statuses ($3), if any are named. */
export const selectNewestOfEach = `${selected} from unnest($1::text[]) as e (name)
  cross join lateral (select ${briefly} from purser.runs
    where environment = e.name and ($2::text[] is null or kind = any($2)) and ($3::text[] is null or status = any($3))
    order by number desc limit $4) r`

/** Reads a run. Raises UnknownRun. */
export async function loadRun(sql: Sql, number: number): Promise<Run> {
  const { rows } = await sql.query<RunRow>(`${selectRun} where r.number = $1`, [number])
  if (rows[0] === undefined) throw new UnknownRun(number)
  return runOf(rows[0])
}

export function runOf(row: RunRow): Run {
  return {
    number: Number(row.number),
    kind: row.kind,
    service: row.service,
    environment: row.environment,
    status: row.status,
    version: row.version,
    dryRun: row.dry_run,
    rotateSecret: row.rotate_secret,
    breakGlass: row.break_glass,
    ...(row.freeze_override === null ? {} : { freezeOverride: row.freeze_override }),
    ...(row.reminded === null ? {} : { reminded: { at: new Date(row.reminded.at), who: row.reminded.who } }),
    parent: row.parent === null ? undefined : Number(row.parent),
    requestedBy: row.requested_by,
    channel: row.channel,
    reason: row.reason ?? undefined,
    plan: row.plan ?? undefined,
    planHash: row.plan_hash ?? undefined,
    approvalsNeeded: row.approvals_needed,
    approvals: row.approvals.map(approvalOf),
    phases: row.phases.map(phaseOf),
    failure: row.failure ?? undefined,
    verification: row.verification ?? undefined,
    ...(row.diagnosis === null ? {} : { diagnosis: row.diagnosis }),
    ...(row.fixed_by === null ? {} : { fixedBy: Number(row.fixed_by) }),
    rolledBackBy: row.rolled_back_by === null ? undefined : Number(row.rolled_back_by),
    hasEffects: row.has_effects,
    ...(row.watch === null ? {} : { watch: watchOf(row.watch) }),
    rev: Number(row.rev),
    createdAt: row.created_at,
    expiresAt: row.expires_at ?? undefined,
    startedAt: row.started_at ?? undefined,
    finishedAt: row.finished_at ?? undefined,
    ...(row.details_removed_at === null ? {} : { detailsRemovedAt: row.details_removed_at }),
  }
}

export function effectOf(row: EffectRow): Effect {
  return storedEffect({ ...row, id: Number(row.id), run: Number(row.run), settledAt: row.settled_at ?? undefined })
}

export function watchOf(row: WatchRow): RunWatch {
  const { decision: kind, decided_by: by, decided_at: at, decision_reason: reason, decided_undo: undo } = row
  return {
    attempt: row.attempt,
    beganAt: new Date(row.began_at),
    endsAt: new Date(row.ends_at),
    breach: row.breach ?? undefined,
    decision:
      kind === null || by === null || at === null
        ? undefined
        : { kind, by, at: new Date(at), reason: reason ?? undefined, undo: undo ?? undefined },
  }
}

function phaseOf(row: PhaseRow): PhaseState {
  return {
    name: row.name,
    status: row.status,
    attempt: row.attempt,
    epoch: row.epoch,
    transientFailures: row.transient_failures,
    budgetMinutes: row.budget_minutes,
    line: row.line,
    failure: row.failure ?? undefined,
    startedAt: row.started_at === null ? undefined : new Date(row.started_at),
    finishedAt: row.finished_at === null ? undefined : new Date(row.finished_at),
    ...(row.status !== 'queued' || row.waits_for === null || row.queued_at === null
      ? {}
      : { waits: { for: row.waits_for, since: new Date(row.queued_at) } }),
  }
}

function approvalOf(row: ApprovalRow): Approval {
  return {
    user: row.user_id,
    decision: row.decision,
    planHash: row.plan_hash,
    at: new Date(row.at),
    reason: row.reason ?? undefined,
  }
}
