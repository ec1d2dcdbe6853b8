import type { BeforeOf, Effect, EffectKind, EffectRecord } from '../model/effects/effects.ts'
import { FencedOut } from '../model/errors.ts'
import type { Json } from '../model/json.ts'
import type { RunEvent } from '../model/lifecycle.ts'
import type { PhaseName } from '../model/kinds.ts'
import type { ThreadPost } from '../model/post.ts'
import type { Applied, RunStore } from './runs.ts'
import type { Alongside } from './transitions.ts'
import { waits } from '../model/waiting.ts'
import { recordAudit } from './audit.ts'
import { effectColumns, effectFacts, type StoredEffect } from './audit-records.ts'
import { insertPost } from './posts.ts'
import type { Sql, StateDatabase } from './database.ts'
import type { Claim, Fence } from './fence.ts'

/*
 * The protocol of a phase. A worker takes a phase by raising its epoch (`claim`); from then on every write names the
 * epoch and is refused once a newer one exists (`#fenced`, FencedOut). It reports its heartbeat; a phase whose worker
 * has been silent for too long may be taken by another, which finds the finished steps and the effects recorded and
 * goes on. A phase ends by an event of the lifecycle (`finish`), goes back unfinished (`release`), or waits after a
 * temporary error (`recordTransientFailure`). Steps and effects live here; stores of single facts are bound to the
 * claim by `fence`.
 */

type ClaimOutcome =
  | { readonly kind: 'claimed'; readonly claim: Claim }
  /** Another worker holds the phase and has reported lately. */
  | { readonly kind: 'held' }
  /** There is nothing to do: the phase is done, cancelled, or in another attempt. */
  | { readonly kind: 'settled' }

type StepRecord = { readonly finished: true; readonly result: Json } | { readonly finished: false }

const fence = 'run = $1 and name = $2 and attempt = $3 and epoch = $4'

/** Makes a worker's changes to the state database while it holds a phase: all writes are fenced by the epoch. */
export class PhaseStore {
  readonly #db: StateDatabase
  readonly #runs: RunStore

  constructor(db: StateDatabase, runs: RunStore) {
    this.#db = db
    this.#runs = runs
  }

  /** Takes a queued phase, or one whose worker has not been heard of for `staleMs`. */
  async claim(run: number, phase: PhaseName, attempt: number, worker: string, staleMs: number): Promise<ClaimOutcome> {
    const taken = await this.#db.query<{ epoch: number }>(
      `update purser.phases p set epoch = epoch + 1, status = 'running', worker = $4, heartbeat_at = now(),
         line = case when starts_with(p.line, '${waits}') then '' else p.line end,
         started_at = coalesce(p.started_at, now())
       from purser.runs r
       where p.run = $1 and p.name = $2 and p.attempt = $3 and r.number = p.run
         and r.status in ('planning', 'executing', 'cancelling')
         and (p.status = 'queued' or (p.status = 'running' and p.heartbeat_at < now() - make_interval(secs => $5)))
       returning p.epoch`,
      [run, phase, attempt, worker, staleMs / 1000],
    )
    const epoch = taken.rows[0]?.epoch
    if (epoch !== undefined) {
      await this.#touch(this.#db, run)
      return { kind: 'claimed', claim: { run, phase, attempt, epoch, worker } }
    }
    const { rows } = await this.#db.query<{ status: string }>(
      `select p.status from purser.phases p join purser.runs r on r.number = p.run
       where p.run = $1 and p.name = $2 and p.attempt = $3 and r.status in ('planning', 'executing', 'cancelling')`,
      [run, phase, attempt],
    )
    return { kind: rows[0]?.status === 'running' ? 'held' : 'settled' }
  }

  /** Says that the worker is alive and tells whether someone cancelled the run; raises FencedOut. */
  async heartbeat(claim: Claim): Promise<{ readonly cancelled: boolean }> {
    const { rows } = await this.#db.query<{ status: string }>(
      `update purser.phases p set heartbeat_at = now() from purser.runs r
       where p.run = $1 and p.name = $2 and p.attempt = $3 and p.epoch = $4 and p.status = 'running' and r.number = p.run
       returning r.status`,
      keyOf(claim),
    )
    if (rows[0] === undefined) throw fencedOut(claim)
    return { cancelled: rows[0].status === 'cancelling' }
  }

  /** Ends the phase by an event of the lifecycle. */
  async finish(claim: Claim, event: RunEvent, alongside: Alongside): Promise<Applied> {
    return this.#fenced(claim, (sql) =>
      this.#runs.applyIn(sql, claim.run, event, { actor: 'purser', source: claim.worker }, alongside),
    )
  }

  /** Gives the phase back unfinished, as this process ends. */
  async release(claim: Claim): Promise<void> {
    await this.#db.query(
      `update purser.phases set status = 'queued', worker = null, queued_at = now(), waits_for = null
       where ${fence} and status = 'running'`,
      keyOf(claim),
    )
  }

  /** Counts a temporary error and gives the phase back; the reconciler leaves it alone for `pauseMs`. */
  async recordTransientFailure(claim: Claim, line: string, pauseMs: number): Promise<void> {
    await this.#fenced(claim, async (sql) => {
      await sql.query(
        `update purser.phases set status = 'queued', worker = null, transient_failures = transient_failures + 1, line = $5,
           heartbeat_at = now() + make_interval(secs => $6)
         where ${fence}`,
        [...keyOf(claim), this.#db.mask(line), pauseMs / 1000],
      )
      await this.#touch(sql, claim.run)
    })
  }

  /** Shows what happens now, in one line of the board. */
  async report(claim: Claim, line: string): Promise<void> {
    const { rowCount } = await this.#db.query(
      `update purser.phases set line = $5 where ${fence} and status = 'running'`,
      [...keyOf(claim), this.#db.mask(line)],
    )
    if (rowCount === 0) throw fencedOut(claim)
    await this.#touch(this.#db, claim.run)
  }

  /** Begins a step, or tells what came of it before. */
  async beginStep(claim: Claim, name: string): Promise<StepRecord> {
    return this.#fenced(claim, async (sql) => {
      const { rows } = await sql.query<{ finished_at: Date | null; result: Json }>(
        `insert into purser.steps (run, phase, attempt, name, epoch) values ($1, $2, $3, $5, $4)
         on conflict (run, phase, attempt, name) do update
           set times_begun = purser.steps.times_begun + case when purser.steps.finished_at is null then 1 else 0 end
         returning finished_at, result`,
        [...keyOf(claim), name],
      )
      const row = rows[0]
      return row?.finished_at ? { finished: true, result: row.result } : { finished: false }
    })
  }

  async finishStep(claim: Claim, name: string, result: Json): Promise<void> {
    await this.#fenced(claim, (sql) =>
      sql.query(
        `update purser.steps set finished_at = now(), result = $6, epoch = $4 where run = $1 and phase = $2 and attempt = $3 and name = $5`,
        [...keyOf(claim), name, JSON.stringify(this.#db.mask(result))],
      ),
    )
  }

  /** Lists the names of the steps that are finished in this attempt. */
  async finishedSteps(claim: Claim): Promise<readonly string[]> {
    const { rows } = await this.#db.query<{ name: string }>(
      `select name from purser.steps
       where run = $1 and phase = $2 and attempt = $3 and finished_at is not null order by started_at`,
      [claim.run, claim.phase, claim.attempt],
    )
    return rows.map(({ name }) => name)
  }

  /**
   * Records what was there before a change, once: a repeat (crash, retry) keeps the first record. `before` is only
   * asked for when there is none.
   */
  async beginEffect<K extends EffectKind>(
    claim: Claim,
    kind: K,
    target: string,
    before: () => Promise<BeforeOf<K>>,
  ): Promise<EffectRecord<K>> {
    const known = await this.#findEffect(claim, kind, target)
    if (known !== undefined) return known
    const stood = this.#db.mask(await before())
    await this.#fenced(claim, async (sql) => {
      const { rows } = await sql.query<StoredEffect>(
        `insert into purser.effects (run, phase, kind, target, "before", status) values ($1, $2, $3, $4, $5, 'started')
         on conflict (run, phase, kind, target) do nothing returning ${effectColumns}`,
        [claim.run, claim.phase, kind, target, JSON.stringify(stood)],
      )
      for (const row of rows) await this.#auditEffect(sql, claim, row)
    })
    const recorded = await this.#findEffect(claim, kind, target)
    if (recorded === undefined) throw fencedOut(claim)
    return recorded
  }

  async settleEffect(claim: Claim, effect: number, status: 'applied' | 'undone', after?: Json): Promise<void> {
    await this.#fenced(claim, async (sql) => {
      const { rows } = await sql.query<StoredEffect>(
        `update purser.effects set status = $2, "after" = coalesce($3, "after"), settled_at = now() where id = $1 returning ${effectColumns}`,
        [effect, status, after === undefined ? null : JSON.stringify(this.#db.mask(after))],
      )
      // A rollback settles the effects of another run: that run's board changes too.
      await sql.query(
        'update purser.runs set rev = rev + 1 where number in ($2, (select run from purser.effects where id = $1))',
        [effect, claim.run],
      )
      for (const row of rows) await this.#auditEffect(sql, claim, row)
    })
  }

  /** An event of the run whose effect it is, with the whole row: a verification compares the two. */
  async #auditEffect(sql: Sql, claim: Claim, row: StoredEffect): Promise<void> {
    const run = Number(row.run)
    const by = run === claim.run ? '' : `, by run #${claim.run}`
    await recordAudit(sql, this.#db, {
      run,
      actor: 'purser',
      source: claim.worker,
      kind: `effect_${row.status}`,
      text: `${row.phase}: ${row.kind} ${row.target}${by}`,
      facts: { effect: effectFacts(row) },
    })
  }

  async post(claim: Claim, post: ThreadPost, key?: string): Promise<void> {
    await this.#fenced(claim, (sql) => insertPost(sql, claim.run, this.#db.mask(post), key))
  }

  async effects(run: number): Promise<readonly Effect[]> {
    return this.#runs.effects(run)
  }

  /** Gives this claim's access to the stores of single facts, which take a fence. */
  fence(claim: Claim, environment: string): Fence {
    const { mask, auditKeys } = this.#db
    return { claim, environment, read: this.#db, mask, auditKeys, write: (work) => this.#fenced(claim, work) }
  }

  async #findEffect<K extends EffectKind>(claim: Claim, kind: K, target: string): Promise<EffectRecord<K> | undefined> {
    const all: readonly EffectRecord<EffectKind>[] = await this.#runs.effects(claim.run)
    const same = all.filter((one): one is EffectRecord<K> => one.kind === kind)
    return same.find((one) => one.phase === claim.phase && one.target === target)
  }

  async #fenced<T>(claim: Claim, work: (sql: Sql) => Promise<T>): Promise<T> {
    return this.#db.transaction(async (sql) => {
      // The run's row is locked first, as everywhere: one order of locks makes no deadlocks.
      await sql.query('select 1 from purser.runs where number = $1 for update', [claim.run])
      const { rowCount } = await sql.query(
        `select 1 from purser.phases where ${fence} and status = 'running' for update`,
        keyOf(claim),
      )
      if (rowCount === 0) throw fencedOut(claim)
      return work(sql)
    })
  }

  async #touch(sql: Sql, run: number): Promise<void> {
    await sql.query('update purser.runs set rev = rev + 1 where number = $1', [run])
  }
}

function keyOf(claim: Claim): readonly unknown[] {
  return [claim.run, claim.phase, claim.attempt, claim.epoch]
}

function fencedOut(claim: Claim): FencedOut {
  return new FencedOut(claim.run, claim.phase, claim.epoch)
}
