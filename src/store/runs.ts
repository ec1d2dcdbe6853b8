import { auditEvents, newestEvent, recordAudit } from './audit.ts'
import type { AuditHead, ChainedEvent, NewAuditEvent } from '../model/audit-chain.ts'
import type { Release } from '../model/revision-health.ts'
import type { Effect } from '../model/effects/effects.ts'
import { EnvironmentBusy, TransitionRefused, UnknownRun } from '../model/errors.ts'
import { factsOf } from '../model/audit-records.ts'
import { initialState, type RunEvent, transition } from '../model/lifecycle.ts'
import { hasEnded, type LogGroup, type MetricSample, type Run, type WatchDecision } from '../model/run.ts'
import type { NewRun } from '../model/new-run.ts'
import { isReadOnly, type PhaseName, type RunKind } from '../model/kinds.ts'
import type { Decision } from '../model/decision.ts'
import type { PhaseDurations } from '../model/phase-durations.ts'
import { decisionsOn, medianDurations } from './pace.ts'
import { insertPhases, insertRun, requestText, touchParent } from './new-runs.ts'
import type { ThreadPost } from '../model/post.ts'
import { leaveLock } from './locks.ts'
import { insertPost } from './posts.ts'
import { releasesIn } from './set-images.ts'
import { clip } from '../outside-text/cut.ts'
import { loadRun, runOf, type RunRow, selectNewestOfEach, selectRun } from './rows.ts'
import { effectsOf } from './effects.ts'
import { samplesOf } from './samples.ts'
import type { Sql, StateDatabase } from './database.ts'
import { endRequest } from './requests.ts'
import { refuseShared } from './shared-slot.ts'
import { type Alongside, auditText, insertDecision, lapse, storeTransition, withCount } from './transitions.ts'
import type { UndoPlan } from '../model/undo-plan.ts'
import { decideWatch, logGroups, takeRollback, wantedRollbacks } from './watches.ts'

/** What is stored with a new run, in one transaction. */
interface BesideNewRun {
  readonly posts?: readonly ThreadPost[]
  /** The kept request that asked for it. */
  readonly request?: string | undefined
}

/**
 * A stored change, and the phase whose job must now be enqueued (the reconciler does it when this process dies first).
 */
export interface Applied {
  readonly run: Run
  readonly enqueue: PhaseName | undefined
  /** The head of the audit when the run has ended: it is told outside the database. */
  readonly ended?: AuditHead
}

interface Who {
  readonly actor: string
  readonly source: string
}

/** Of an event that is no transition: people type what they like. */
const longestText = 1_000

interface RunFilter {
  readonly environment?: string
  /** Of any of these; none when it is empty. */
  readonly environments?: readonly string[]
  readonly kinds?: readonly RunKind[]
  readonly statuses?: readonly Run['status'][]
  readonly limit?: number
}

/**
 * Reads and changes runs in the state database. Every change is one transaction: compare-and-set, audit event, posts.
 */
export class RunStore {
  readonly #db: StateDatabase
  readonly #sharing: (environment: string) => readonly string[]

  /** `sharing` tells the environments that touch what this one touches: one run at a time is for all of them. */
  constructor(db: StateDatabase, sharing: (environment: string) => readonly string[] = () => []) {
    this.#db = db
    this.#sharing = sharing
  }

  /** Creates a run. Raises EnvironmentBusy when it would execute at once and another run executes there. */
  async create(input: NewRun, alongside: BesideNewRun = {}): Promise<Applied> {
    return this.#guardingSlot(input.environment, (sql) => this.#createIn(sql, input, alongside))
  }

  /**
   * A run that only looks, unless one of its kind looks there already: then the number of that one. Whoever asks at the same
   * moment waits for the other.
   */
  async createLook(input: NewRun, alongside: BesideNewRun = {}): Promise<Applied | { readonly underWay: number }> {
    const { environment, kind } = input
    return this.#db.transaction(async (sql) => {
      await sql.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [`purser:look:${environment}:${kind}`])
      const { rows } = await sql.query<{ number: string }>(
        `select number from purser.runs where environment = $1 and kind = $2
         and status in ('planning', 'executing', 'cancelling') order by number desc limit 1`,
        [environment, kind],
      )
      return rows[0] === undefined ? this.#createIn(sql, input, alongside) : { underWay: Number(rows[0].number) }
    })
  }

  async #createIn(sql: Sql, input: NewRun, { request, posts = [] }: BesideNewRun = {}): Promise<Applied> {
    const phases = input.phases.map((phase) => ({ name: phase.name, status: 'pending' as const, attempt: 1 }))
    const start = initialState({ kind: input.kind, approvalsNeeded: input.approvalsNeeded, phases })
    const number = await insertRun(sql, this.#db.mask(input), start.status)
    await insertPhases(sql, number, input, start.enqueue)
    await touchParent(sql, input)
    for (const post of posts) await insertPost(sql, number, this.#db.mask(post))
    if (request !== undefined) await endRequest(sql, request)
    const run = await loadRun(sql, number)
    await refuseShared(sql, run, this.#sharing(run.environment))
    await recordAudit(sql, this.#db, {
      run: number,
      actor: input.requestedBy,
      source: input.channel,
      kind: input.breakGlass ? 'break_glass' : 'requested',
      text: requestText(input),
      facts: factsOf(run),
    })
    return { run, enqueue: start.enqueue }
  }

  async find(number: number): Promise<Run | undefined> {
    const { rows } = await this.#db.query<RunRow>(`${selectRun} where r.number = $1`, [number])
    return rows[0] === undefined ? undefined : runOf(rows[0])
  }

  /** Reads a run. Raises UnknownRun. */
  async get(number: number): Promise<Run> {
    const run = await this.find(number)
    if (run === undefined) throw new UnknownRun(number)
    return run
  }

  /** Reads the runs that fit the filter, the newest first. */
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
   * Reads for each environment its newest runs that fit, in one query. Of a deploy's plan they have only what it
   * replaced.
   */
  async newestOfEach(
    environments: readonly string[],
    { kinds, statuses, limit }: Pick<RunFilter, 'kinds' | 'statuses'> & { readonly limit: number },
  ): Promise<ReadonlyMap<string, readonly Run[]>> {
    const values = [environments, kinds ?? null, statuses ?? null, limit]
    const { rows } = await this.#db.query<RunRow>(`${selectNewestOfEach} order by r.number desc`, values)
    const found = new Map<string, Run[]>(environments.map((name) => [name, []]))
    for (const row of rows) found.get(row.environment)?.push(runOf(row))
    return found
  }

  /**
   * Applies an event of the lifecycle. Raises TransitionRefused when the state does not allow it and EnvironmentBusy
   * when the run would execute while another one does; nothing changes then.
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
    // The sweep may not have come by yet, and nobody may approve a plan that is older than the policy allows.
    if (event.type === 'approved' && rows[0]?.expired)
      throw new TransitionRefused(number, { reason: 'wrong_status', status: 'expired' })
    const lapsed = event.type === 'approved' ? await lapse(sql, run, event.entitled) : []
    const told = withCount(
      this.#db.mask(alongside),
      run,
      event,
      lapsed.map(({ user }) => user),
    )
    const decided =
      event.type === 'approved' || event.type === 'rejected'
        ? { approval: await insertDecision(sql, run, event, told.decisionReason) }
        : {}
    await storeTransition(sql, run, next, told)
    if (next.status === 'succeeded' && told.lock !== undefined) await leaveLock(sql, this.#db, run, told.lock)
    await touchParent(sql, run)
    for (const post of told.posts ?? []) await insertPost(sql, number, post)
    if (alongside.request !== undefined) await endRequest(sql, alongside.request)
    for (const approval of lapsed)
      await recordAudit(sql, this.#db, {
        run: number,
        ...who,
        kind: 'approval_lapsed',
        text: `${approval.user} can't approve now`,
        facts: { approval },
      })
    const after = await loadRun(sql, number)
    if (run.status !== 'executing') await refuseShared(sql, after, this.#sharing(run.environment))
    const facts = { ...factsOf(after), ...decided }
    const head = await recordAudit(sql, this.#db, {
      run: number,
      ...who,
      kind: event.type,
      text: auditText(event, told),
      facts,
    })
    if (!hasEnded(after)) return { run: after, enqueue: next.enqueue }
    await insertPost(sql, number, { kind: 'audit_head', ...head })
    return { run: after, enqueue: next.enqueue, ended: head }
  }

  async effects(run: number): Promise<readonly Effect[]> {
    return effectsOf(this.#db, run)
  }

  async samples(run: number): Promise<readonly MetricSample[]> {
    return samplesOf(this.#db, run)
  }

  /** Reads the errors that the logs held while the run was watched, the most frequent first. */
  async logGroups({ number, watch }: Pick<Run, 'number' | 'watch'>): Promise<readonly LogGroup[]> {
    return watch === undefined ? [] : logGroups(this.#db, { run: number, attempt: watch.attempt })
  }

  /** Stores a person's decision about a release that is being watched. Raises TransitionRefused. */
  async decideWatch(
    run: number,
    decision: WatchDecision,
    who: Who,
    more: { readonly reason?: string | undefined; readonly undo?: UndoPlan } = {},
  ): Promise<Run> {
    return decideWatch(this.#db, run, decision, who, more)
  }

  /** Finds runs whose watch was ended to roll them back, and for which that has not been done. */
  async wantedRollbacks(): Promise<readonly number[]> {
    return wantedRollbacks(this.#db)
  }

  /**
   * Creates the rollback that was decided on while watching; undefined when somebody else has just begun or refused it.
   */
  async createWantedRollback(input: NewRun & { readonly parent: number }): Promise<Applied | undefined> {
    return this.#guardingSlot(input.environment, async (sql) =>
      (await takeRollback(sql, input.parent)) ? this.#createIn(sql, input) : undefined,
    )
  }

  /** Tells in the thread that the rollback cannot be done, so that it is not tried for ever. */
  async giveUpRollback(run: number, why: ThreadPost): Promise<void> {
    await this.#db.transaction(async (sql) => {
      if (!(await takeRollback(sql, run))) return
      await insertPost(sql, run, this.#db.mask(why))
      const text = why.kind === 'note' ? why.text : ''
      await recordAudit(sql, this.#db, { run, actor: 'purser', source: 'reconciler', kind: 'rollback_given_up', text })
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

  async events(run: number): Promise<readonly ChainedEvent[]> {
    return auditEvents(this.#db, run)
  }

  /** Records what is no transition: a command or press that was received, or refused. Long texts are cut. */
  async audit(event: NewAuditEvent): Promise<void> {
    // A secret is masked whole: cut through, its half would not be recognised.
    const { text, facts } = this.#db.mask({ text: event.text, facts: event.facts })
    await this.#db.transaction((sql) =>
      recordAudit(sql, this.#db, {
        ...event,
        text: clip(text, longestText),
        ...(facts === undefined ? {} : { facts }),
      }),
    )
  }

  /** The newest event of the whole audit; undefined before the first one. */
  async auditHead(): Promise<AuditHead | undefined> {
    return newestEvent(this.#db)
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

function isSlotViolation(error: unknown): boolean {
  return error instanceof Error && 'constraint' in error && error.constraint === 'runs_environment_slot'
}
