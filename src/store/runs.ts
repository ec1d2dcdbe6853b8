import { type AuditEvent, auditEvents, recordAudit } from './audit.ts'
import type { Release } from '../model/revision-health.ts'
import type { Effect } from '../model/effects/effects.ts'
import { EnvironmentBusy, TransitionRefused, UnknownRun } from '../model/errors.ts'
import { initialState, type RunEvent, type Transition, transition } from '../model/lifecycle.ts'
import type { Diagnosis } from '../model/diagnosis.ts'
import type { Failure, LogGroup, MetricSample, Run, Verification, WatchDecision } from '../model/run.ts'
import type { NewRun } from '../model/new-run.ts'
import { isReadOnly, type PhaseName, type RunKind } from '../model/kinds.ts'
import type { Decision } from '../model/decision.ts'
import type { PhaseDurations } from '../model/phase-durations.ts'
import { decisionsOn, medianDurations } from './pace.ts'
import { hashOfPlan } from '../model/deploy-plan.ts'
import type { ThreadPost } from '../model/post.ts'
import { insertPost } from './posts.ts'
import { releasesIn } from './set-images.ts'
import { loadRun, runOf, type RunRow, selectRun } from './rows.ts'
import { effectsOf } from './effects.ts'
import { samplesOf } from './samples.ts'
import type { Sql, StateDatabase } from './database.ts'
import type { UndoPlan } from '../model/undo-plan.ts'
import { decideWatch, logGroups, takeRollback, wantedRollbacks } from './watches.ts'

/** A stored change, and the phase whose job must now be enqueued (the reconciler does it when this process dies first). */
export interface Applied {
  readonly run: Run
  readonly enqueue: PhaseName | undefined
}

/** Facts that a change brings along; they are stored in its transaction. */
export interface Alongside {
  readonly plan?: Run['plan']
  readonly failure?: Failure | undefined
  readonly verification?: Verification
  readonly diagnosis?: Diagnosis
  readonly line?: string
  readonly expiresInMinutes?: number
  readonly posts?: readonly ThreadPost[]
  readonly reason?: string | undefined
}

interface Who {
  readonly actor: string
  readonly source: string
}

interface RunFilter {
  readonly environment?: string
  /** Of any of these; none when it is empty. */
  readonly environments?: readonly string[]
  readonly kinds?: readonly RunKind[]
  readonly statuses?: readonly Run['status'][]
  readonly limit?: number
}

/** Runs in the state database. Every change is one transaction: compare-and-set, audit event, posts. */
export class RunStore {
  readonly #db: StateDatabase

  constructor(db: StateDatabase) {
    this.#db = db
  }

  /** Raises EnvironmentBusy when the run would execute at once and another run executes there. */
  async create(input: NewRun): Promise<Applied> {
    return this.#guardingSlot(input.environment, (sql) => this.#createIn(sql, input))
  }

  /**
   * A run that only looks, unless one of its kind looks there already: then the number of that one. Whoever asks at the same
   * moment waits for the other.
   */
  async createLook(input: NewRun): Promise<Applied | { readonly underWay: number }> {
    const { environment, kind } = input
    return this.#db.transaction(async (sql) => {
      await sql.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [`purser:look:${environment}:${kind}`])
      const { rows } = await sql.query<{ number: string }>(
        `select number from purser.runs where environment = $1 and kind = $2
         and status in ('planning', 'executing', 'cancelling') order by number desc limit 1`,
        [environment, kind],
      )
      return rows[0] === undefined ? this.#createIn(sql, input) : { underWay: Number(rows[0].number) }
    })
  }

  async #createIn(sql: Sql, input: NewRun): Promise<Applied> {
    const phases = input.phases.map((phase) => ({ name: phase.name, status: 'pending' as const, attempt: 1 }))
    const start = initialState({ kind: input.kind, approvalsNeeded: input.approvalsNeeded, phases })
    const number = await insertRun(sql, this.#db.mask(input), start.status)
    await insertPhases(sql, number, input, start.enqueue)
    await touchParent(sql, input)
    await recordAudit(sql, this.#db.mask, {
      run: number,
      actor: input.requestedBy,
      source: input.channel,
      kind: 'requested',
      text: `${input.kind} ${input.version} in ${input.environment}${input.dryRun ? ' (dry run)' : ''}`,
    })
    return { run: await loadRun(sql, number), enqueue: start.enqueue }
  }

  async find(number: number): Promise<Run | undefined> {
    const { rows } = await this.#db.query<RunRow>(`${selectRun} where r.number = $1`, [number])
    return rows[0] === undefined ? undefined : runOf(rows[0])
  }

  /** Raises UnknownRun. */
  async get(number: number): Promise<Run> {
    const run = await this.find(number)
    if (run === undefined) throw new UnknownRun(number)
    return run
  }

  /** Newest first. */
  async list(filter: RunFilter): Promise<readonly Run[]> {
    const { rows } = await this.#db.query<RunRow>(
      `${selectRun} where ($1::text is null or r.environment = $1) and ($2::text[] is null or r.kind = any($2))
       and ($3::text[] is null or r.status = any($3)) and ($5::text[] is null or r.environment = any($5))
       order by r.number desc limit $4`,
      [
        filter.environment ?? null,
        filter.kinds ?? null,
        filter.statuses ?? null,
        filter.limit ?? 10,
        filter.environments ?? null,
      ],
    )
    return rows.map(runOf)
  }

  /**
   * Applies an event of the lifecycle. Raises TransitionRefused when the state does not allow it and EnvironmentBusy when the
   * run would execute while another one does; nothing changes then.
   */
  async apply(number: number, event: RunEvent, who: Who, alongside: Alongside = {}): Promise<Applied> {
    const environment = (await this.get(number)).environment
    return this.#guardingSlot(environment, (sql) => this.applyIn(sql, number, event, who, alongside))
  }

  /** Does what `apply` does, inside a transaction of the caller. */
  async applyIn(sql: Sql, number: number, event: RunEvent, who: Who, alongside: Alongside): Promise<Applied> {
    const { rows } = await sql.query<{ expired: boolean | null }>(
      'select expires_at < now() as expired from purser.runs where number = $1 for update',
      [number],
    )
    const run = await loadRun(sql, number)
    const next = transition(run, event)
    if (!next.ok) throw new TransitionRefused(number, next.refusal)
    // The sweep may not have come by yet: nobody approves what stood for longer than the policy allows.
    if (event.type === 'approved' && rows[0]?.expired)
      throw new TransitionRefused(number, { reason: 'wrong_status', status: 'expired' })
    const told = this.#db.mask(alongside)
    if (event.type === 'approved' || event.type === 'rejected') await insertDecision(sql, run, event, told.reason)
    await storeTransition(sql, run, next, told)
    await touchParent(sql, run)
    for (const post of told.posts ?? []) await insertPost(sql, number, post)
    await recordAudit(sql, this.#db.mask, { run: number, ...who, kind: event.type, text: auditText(event, told) })
    return { run: await loadRun(sql, number), enqueue: next.enqueue }
  }

  async effects(run: number): Promise<readonly Effect[]> {
    return effectsOf(this.#db, run)
  }

  async samples(run: number): Promise<readonly MetricSample[]> {
    return samplesOf(this.#db, run)
  }

  /** Errors that the logs held while the run was watched, most frequent first. */
  async logGroups({ number, watch }: Pick<Run, 'number' | 'watch'>): Promise<readonly LogGroup[]> {
    return watch === undefined ? [] : logGroups(this.#db, { run: number, attempt: watch.attempt })
  }

  /** A person's decision about a release that is being watched. Raises TransitionRefused. */
  async decideWatch(
    run: number,
    decision: WatchDecision,
    who: Who,
    more: { readonly reason?: string | undefined; readonly undo?: UndoPlan } = {},
  ): Promise<Run> {
    return decideWatch(this.#db, run, decision, who, more)
  }

  /** Runs whose watch was ended to roll them back, and for which that has not been done. */
  async wantedRollbacks(): Promise<readonly number[]> {
    return wantedRollbacks(this.#db)
  }

  /** The rollback that was decided on while watching; undefined when somebody else has just begun or refused it. */
  async createWantedRollback(input: NewRun & { readonly parent: number }): Promise<Applied | undefined> {
    return this.#guardingSlot(input.environment, async (sql) =>
      (await takeRollback(sql, input.parent)) ? this.#createIn(sql, input) : undefined,
    )
  }

  /** It cannot be done: told in the thread, and not tried for ever. */
  async giveUpRollback(run: number, why: ThreadPost): Promise<void> {
    await this.#db.transaction(async (sql) => {
      if (await takeRollback(sql, run)) await insertPost(sql, run, this.#db.mask(why))
    })
  }

  async medianDurations(environment: string): Promise<PhaseDurations> {
    return medianDurations(this.#db, environment)
  }

  async decisions(run: number): Promise<readonly Decision[]> {
    return decisionsOn(this.#db, run)
  }

  async releases(environment: string): Promise<readonly Release[]> {
    return releasesIn(this.#db, environment)
  }

  async events(run: number): Promise<readonly AuditEvent[]> {
    return auditEvents(this.#db, run)
  }

  /** For what is no transition: a refused command, a lock. */
  async audit(event: { run: number | undefined; kind: string; text: string } & Who): Promise<void> {
    await this.#db.transaction((sql) => recordAudit(sql, this.#db.mask, event))
  }

  async post(run: number, post: ThreadPost, key?: string): Promise<void> {
    await insertPost(this.#db, run, this.#db.mask(post), key)
  }

  async #guardingSlot<T>(environment: string, work: (sql: Sql) => Promise<T>): Promise<T> {
    try {
      return await this.#db.transaction(work)
    } catch (error) {
      if (!isSlotViolation(error)) throw error
      const holders = await this.list({ environment, statuses: ['executing', 'cancelling'] })
      throw new EnvironmentBusy(environment, holders.find((run) => !isReadOnly(run))?.number)
    }
  }
}

async function insertRun(sql: Sql, input: NewRun, status: Run['status']): Promise<number> {
  const planHash = input.plan === undefined ? null : hashOfPlan(input.plan)
  const { rows } = await sql.query<{ number: string }>(
    `insert into purser.runs (kind, service, environment, status, version, dry_run, parent, requested_by, channel, reason,
       plan, plan_hash, approvals_needed, rotate_secret, expires_at, started_at)
     values ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$15, now() + make_interval(secs => $14 * 60), case when $4 = 'executing' then now() end)
     returning number`,
    [
      input.kind,
      input.service,
      input.environment,
      status,
      input.version,
      input.dryRun,
      input.parent ?? null,
      input.requestedBy,
      input.channel,
      input.reason ?? null,
      input.plan === undefined ? null : JSON.stringify(input.plan),
      planHash,
      input.approvalsNeeded,
      input.expiresInMinutes,
      input.rotateSecret,
    ],
  )
  return Number(rows[0]?.number)
}

/** The board of a diagnosis tells which run acts on it, and what may still be done. */
async function touchParent(sql: Sql, { kind, parent }: Pick<Run, 'kind' | 'parent'>): Promise<void> {
  if (kind === 'fix' && parent !== undefined)
    await sql.query('update purser.runs set rev = rev + 1 where number = $1', [parent])
}

async function insertPhases(sql: Sql, run: number, input: NewRun, queued: PhaseName | undefined): Promise<void> {
  for (const [ordinal, phase] of input.phases.entries())
    await sql.query(
      'insert into purser.phases (run, ordinal, name, status, budget_minutes) values ($1, $2, $3, $4, $5)',
      [run, ordinal, phase.name, phase.name === queued ? 'queued' : 'pending', phase.budgetMinutes],
    )
}

async function insertDecision(
  sql: Sql,
  run: Run,
  event: Extract<RunEvent, { type: 'approved' | 'rejected' }>,
  reason: string | undefined,
): Promise<void> {
  const planHash = event.type === 'approved' ? event.planHash : (run.planHash ?? '')
  await sql.query(
    `insert into purser.approvals (run, user_id, decision, plan_hash, reason) values ($1, $2, $3, $4, $5)
     on conflict (run, user_id, plan_hash) do update set decision = excluded.decision, reason = excluded.reason`,
    [run.number, event.by, event.type, planHash, reason ?? null],
  )
}

async function storeTransition(
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
         worker = null
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
       diagnosis = coalesce($10::jsonb, diagnosis),
       expires_at = case when $8::double precision is null then expires_at else now() + make_interval(secs => $8 * 60) end,
       started_at = case when $3 = 'executing' then coalesce(started_at, now()) else started_at end,
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
    ],
  )
}

function auditText(event: RunEvent, alongside: Alongside): string {
  const phase = 'phase' in event ? `${event.phase}: ` : ''
  const about = alongside.failure?.message ?? alongside.line ?? alongside.reason ?? ''
  return `${phase}${about}`.trim()
}

function isSlotViolation(error: unknown): boolean {
  return error instanceof Error && 'constraint' in error && error.constraint === 'runs_environment_slot'
}
