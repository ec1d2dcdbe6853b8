import type { BeforeOf, Effect, EffectKind, EffectRecord } from '../model/effects/effects.ts'
import { FencedOut } from '../model/errors.ts'
import type { Json } from '../model/json.ts'
import type { RunEvent } from '../model/lifecycle.ts'
import { backupsRemoved, keptBackups } from './backups.ts'
import type { BackupRecord, KeptBackup } from '../model/backup.ts'
import type { MetricSample, Run, Verification } from '../model/run.ts'
import type { PhaseName } from '../model/kinds.ts'
import type { ThreadPost } from '../model/post.ts'
import { knownReleases, recordRelease, recordSchemaChange, schemaChanges } from './releases.ts'
import type { KnownRelease, SchemaChange } from '../model/schema-compatibility.ts'
import type { Alongside, Applied, RunStore } from './runs.ts'
import { insertPost } from './posts.ts'
import type { Sql, StateDatabase } from './database.ts'
import type { WatchKey } from './watches.ts'

/** The right of one worker to one phase. Every write names it; a newer epoch makes it worthless. */
export interface Claim {
  readonly run: number
  readonly phase: PhaseName
  readonly attempt: number
  readonly epoch: number
  readonly worker: string
}

type ClaimOutcome =
  | { readonly kind: 'claimed'; readonly claim: Claim }
  /** Another worker holds it and has reported lately. */
  | { readonly kind: 'held' }
  /** Nothing to do: done, cancelled, or another attempt. */
  | { readonly kind: 'settled' }

type StepRecord = { readonly finished: true; readonly result: Json } | { readonly finished: false }

const fence = 'run = $1 and name = $2 and attempt = $3 and epoch = $4'

/** What a worker does to the state database while it holds a phase: all writes are fenced by the epoch. */
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

  /** Says "still alive"; raises FencedOut, and tells whether someone cancelled the run. */
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

  /** Gives the phase back unfinished (shutdown). */
  async release(claim: Claim): Promise<void> {
    await this.#db.query(
      `update purser.phases set status = 'queued', worker = null where ${fence} and status = 'running'`,
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

  /** What happens now, in one line of the board. */
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

  /**
   * Records what stood there before a change, once: a repeat (crash, retry) keeps the first record. `before` is only
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
    await this.#fenced(claim, (sql) =>
      sql.query(
        `insert into purser.effects (run, phase, kind, target, "before", status) values ($1, $2, $3, $4, $5, 'started')
         on conflict (run, phase, kind, target) do nothing`,
        [claim.run, claim.phase, kind, target, JSON.stringify(stood)],
      ),
    )
    const recorded = await this.#findEffect(claim, kind, target)
    if (recorded === undefined) throw fencedOut(claim)
    return recorded
  }

  async settleEffect(claim: Claim, effect: number, status: 'applied' | 'undone', after?: Json): Promise<void> {
    await this.#fenced(claim, async (sql) => {
      await sql.query(`update purser.effects set status = $2, "after" = coalesce($3, "after") where id = $1`, [
        effect,
        status,
        after === undefined ? null : JSON.stringify(this.#db.mask(after)),
      ])
      // A rollback settles the effects of another run: that run's board changes too.
      await sql.query(
        'update purser.runs set rev = rev + 1 where number in ($2, (select run from purser.effects where id = $1))',
        [effect, claim.run],
      )
    })
  }

  async recordBackup(claim: Claim, environment: string, backup: BackupRecord): Promise<void> {
    await this.#fenced(claim, (sql) =>
      sql.query(
        `insert into purser.backups (run, environment, manifest) values ($1, $2, $3)
         on conflict (environment, (manifest ->> 'file')) do update
           set run = excluded.run, manifest = excluded.manifest, at = now(), removed_at = null`,
        [claim.run, environment, JSON.stringify(this.#db.mask(backup))],
      ),
    )
  }

  /** The proven backup of this run, if there is one; the newest of several. */
  async backup(run: number): Promise<BackupRecord | undefined> {
    const { rows } = await this.#db.query<{ manifest: BackupRecord }>(
      'select manifest from purser.backups where run = $1 order by at desc limit 1',
      [run],
    )
    return rows[0]?.manifest
  }

  async keptBackups(environment: string): Promise<readonly KeptBackup[]> {
    return keptBackups(this.#db, environment)
  }

  async recordRelease(claim: Claim, environment: string, release: KnownRelease): Promise<void> {
    await this.#fenced(claim, (sql) => recordRelease(sql, environment, claim.run, this.#db.mask(release)))
  }

  async recordSchemaChange(claim: Claim, environment: string, change: SchemaChange): Promise<void> {
    await this.#fenced(claim, (sql) => recordSchemaChange(sql, environment, claim.run, this.#db.mask(change)))
  }

  async knownReleases(environment: string): Promise<readonly KnownRelease[]> {
    return knownReleases(this.#db, environment)
  }

  async schemaChanges(environment: string): Promise<readonly SchemaChange[]> {
    return schemaChanges(this.#db, environment)
  }

  async backupsRemoved(claim: Claim, environment: string, files: readonly string[]): Promise<void> {
    await this.#fenced(claim, (sql) => backupsRemoved(sql, environment, files))
  }

  async post(claim: Claim, post: ThreadPost, key?: string): Promise<void> {
    await this.#fenced(claim, (sql) => insertPost(sql, claim.run, this.#db.mask(post), key))
  }

  async recordSamples(
    claim: Claim,
    samples: readonly MetricSample[],
    stage: 'before' | 'watching' = 'watching',
  ): Promise<void> {
    await this.#fenced(claim, async (sql) => {
      for (const { metric, at, value } of samples)
        await sql.query(
          `insert into purser.samples (run, metric, at, value, stage) values ($1, $2, $3, $4, $5) on conflict do nothing`,
          [claim.run, metric, at, value, stage],
        )
    })
  }

  /** What the last verification of the run's environment saw, before this run. */
  async formerVerification(run: number): Promise<Verification | undefined> {
    const { rows } = await this.#db.query<{ verification: Verification }>(
      `select r.verification from purser.runs r join purser.runs own on own.number = $1
       where r.environment = own.environment and r.service = own.service and r.number <> own.number and r.verification is not null
       order by r.verification ->> 'at' desc limit 1`,
      [run],
    )
    return rows[0]?.verification
  }

  async samples(run: number, since: Date): Promise<readonly MetricSample[]> {
    return (await this.#runs.samples(run)).filter((sample) => sample.at >= since)
  }

  /** What the watch under this claim writes and reads; see watch-store.ts. */
  async watching<T>(claim: Claim, work: (sql: Sql, key: WatchKey) => Promise<T>): Promise<T> {
    return this.#fenced(claim, async (sql) => {
      const result = await work(sql, { run: claim.run, attempt: claim.attempt })
      await this.#touch(sql, claim.run)
      return result
    })
  }

  get sql(): Sql {
    return this.#db
  }

  mask<V>(value: V): V {
    return this.#db.mask(value)
  }

  async run(number: number): Promise<Run> {
    return this.#runs.get(number)
  }

  /** The newest deploy of the run's environment that succeeded so long ago that it cannot be rolled back any more. */
  async rollbackClosedUpTo(run: number, rollbackHours: number): Promise<number> {
    const { rows } = await this.#db.query<{ number: string | null }>(
      `select max(d.number) as number from purser.runs d join purser.runs r on r.environment = d.environment
       where r.number = $1 and d.number < $1 and d.kind = 'deploy' and not d.dry_run and d.status = 'succeeded'
         and d.finished_at < now() - make_interval(secs => $2)`,
      [run, rollbackHours * 3_600],
    )
    return Number(rows[0]?.number ?? 0)
  }

  async effects(run: number): Promise<readonly Effect[]> {
    return this.#runs.effects(run)
  }

  async #findEffect<K extends EffectKind>(claim: Claim, kind: K, target: string): Promise<EffectRecord<K> | undefined> {
    const all: readonly EffectRecord<EffectKind>[] = await this.#runs.effects(claim.run)
    const same = all.filter((one): one is EffectRecord<K> => one.kind === kind)
    return same.find((one) => one.phase === claim.phase && one.target === target)
  }

  async #fenced<T>(claim: Claim, work: (sql: Sql) => Promise<T>): Promise<T> {
    return this.#db.transaction(async (sql) => {
      // The run's row first, as everywhere: one order of locks, no deadlocks.
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
