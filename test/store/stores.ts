import { phaseBackups } from '../../src/store/backups.ts'
import { phaseReleases } from '../../src/store/releases.ts'
import { phaseSamples } from '../../src/store/samples.ts'
import { phaseWatch } from '../../src/store/phase-watch.ts'
import type { Pool } from 'pg'
import { KnownSecrets } from '../../src/outside-text/known-secrets.ts'
import { maskDeep, storedStructure } from '../../src/outside-text/mask-deep.ts'
import { maskOf } from '../../src/outside-text/mask.ts'
import { auditKey } from '../../src/model/audit-chain.ts'
import { BoardStore } from '../../src/store/boards.ts'
import { LockStore } from '../../src/store/locks.ts'
import { type PhaseName, phasesOf } from '../../src/model/kinds.ts'
import type { Run } from '../../src/model/run.ts'
import { PhaseStore } from '../../src/store/phases.ts'
import type { Claim } from '../../src/store/fence.ts'
import { type NewRun, newRun } from '../../src/model/new-run.ts'
import { RunStore } from '../../src/store/runs.ts'
import { migrateStateDatabase } from '../../src/store/schema.ts'
import { StateDatabase, statePool } from '../../src/store/database.ts'
import { Sweeps } from '../../src/store/due-work.ts'
import { Sensitive } from '../../src/sensitive.ts'
import { plan } from '../messages/example-runs.ts'
import { startTestPostgres } from '../support/postgres.ts'

/** A secret that this process knows; it must be found nowhere. */
export const knownSecret = 'correct-horse-battery-staple'

/** Makes the hashes of audit events; whoever attacks them has not got it. */
export const knownAuditKey = 'audit-key-of-the-tests-0123456789abcdef'

const dana = { actor: 'UDANA', source: 'CDEPLOYS' }
export const staleMs = 8_000

/** The stores on a real Postgres, and verbs that bring a run to where a test begins. */
export class TestStores {
  /** Address of the state database. */
  readonly url: string
  readonly pool: Pool
  readonly db: StateDatabase
  readonly runs: RunStore
  readonly phases: PhaseStore
  readonly boards: BoardStore
  readonly locks: LockStore
  readonly sweeps: Sweeps
  readonly #close: () => Promise<void>

  constructor(url: string, pool: Pool, close: () => Promise<void>) {
    const key = new Sensitive(knownAuditKey)
    const mask = maskOf(new KnownSecrets([new Sensitive(knownSecret), key]))
    this.url = url
    this.pool = pool
    this.db = new StateDatabase(pool, (value) => maskDeep(value, mask, storedStructure), [auditKey(key)])
    this.runs = new RunStore(this.db)
    this.phases = new PhaseStore(this.db, this.runs)
    this.boards = new BoardStore(this.db)
    this.locks = new LockStore(this.db)
    this.sweeps = new Sweeps(this.db)
    this.#close = close
  }

  /** Empty tables, as on the first day. */
  async reset(): Promise<void> {
    await this.pool.query('drop schema if exists purser cascade')
    await migrateStateDatabase(this.pool, this.db.auditKeys)
  }

  async close(): Promise<void> {
    await this.pool.end()
    await this.#close()
  }

  async create(more: Partial<NewRun> = {}) {
    const kind = more.kind ?? 'deploy'
    const run = newRun(kind, {
      service: 'valuecanvas-api',
      environment: 'production',
      version: 'v1.2.0',
      requestedBy: dana.actor,
      channel: dana.source,
      approvalsNeeded: 1,
      expiresInMinutes: 60,
    })
    return this.runs.create({ ...run, ...more })
  }

  /** A deploy whose plan waits for approval. */
  async waiting(more: Partial<NewRun> = {}): Promise<Run> {
    const { run } = await this.create(more)
    const claim = await this.claim(run.number, 'plan')
    await this.phases.finish(claim, { type: 'planned' }, { plan, expiresInMinutes: 60 })
    return this.runs.get(run.number)
  }

  async approve(run: Run, by = 'UALEX') {
    return this.runs.apply(
      run.number,
      { type: 'approved', by, planHash: run.planHash ?? '' },
      { actor: by, source: dana.source },
    )
  }

  /** An approved deploy whose `phase` is under way in the hands of `worker`; the phases before it have succeeded. */
  async under(phase: PhaseName, more: Partial<NewRun> = {}): Promise<Claim> {
    const run = await this.waiting(more)
    await this.approve(run)
    for (const before of phasesOf('deploy').slice(1)) {
      const claim = await this.claim(run.number, before)
      if (before === phase) return claim
      await this.phases.finish(claim, { type: 'phase_succeeded', phase: before }, { line: `${before} done` })
    }
    throw new Error(`${phase} is no phase of a deploy`)
  }

  async succeeded(more: Partial<NewRun> = {}): Promise<Run> {
    const claim = await this.under('monitor', more)
    await this.phases.finish(claim, { type: 'phase_succeeded', phase: 'monitor' }, {})
    return this.runs.get(claim.run)
  }

  async failedAt(phase: PhaseName, more: Partial<NewRun> = {}): Promise<Run> {
    const claim = await this.under(phase, more)
    const failure = { code: 'check_failed', message: `${phase} said no`, evidence: [] }
    await this.phases.finish(claim, { type: 'phase_failed', phase }, { failure })
    return this.runs.get(claim.run)
  }

  /** A worker takes a phase of the run, whatever attempt it is in. */
  async claim(run: number, phase: PhaseName, worker = 'worker-1'): Promise<Claim> {
    const attempt = (await this.runs.get(run)).phases.find((it) => it.name === phase)?.attempt ?? 1
    const outcome = await this.phases.claim(run, phase, attempt, worker, staleMs)
    if (outcome.kind !== 'claimed') throw new Error(`${phase} of run #${run} is ${outcome.kind}`)
    return outcome.claim
  }

  /** What the phase of this claim may write and read beside steps and effects. */
  records(claim: Claim) {
    const fence = this.phases.fence(claim, 'production')
    return { ...phaseBackups(fence), ...phaseReleases(fence), ...phaseSamples(fence), watch: phaseWatch(fence) }
  }

  /** The worker's last heartbeat came this long ago. */
  async silentFor(claim: Claim, seconds: number): Promise<void> {
    await this.pool.query(
      'update purser.phases set heartbeat_at = now() - make_interval(secs => $3) where run = $1 and name = $2',
      [claim.run, claim.phase, seconds],
    )
  }

  /** Another worker has taken the phase over from one that was silent. */
  async takenOver(claim: Claim): Promise<Claim> {
    await this.silentFor(claim, 60)
    return this.claim(claim.run, claim.phase, 'worker-2')
  }

  /** Every row of every table as text, by table. */
  async everything(): Promise<Readonly<Record<string, readonly string[]>>> {
    const tables = await this.pool.query<{ name: string }>(
      `select tablename as name from pg_tables where schemaname = 'purser' order by 1`,
    )
    const all: Record<string, readonly string[]> = {}
    for (const { name } of tables.rows) {
      const { rows } = await this.pool.query<{ row: string }>(`select t::text as row from purser.${name} t order by 1`)
      all[name] = rows.map((it) => it.row)
    }
    return all
  }
}

export async function openStores(): Promise<TestStores> {
  const postgres = await startTestPostgres()
  const url = await postgres.database()
  return new TestStores(
    url,
    statePool(url, () => undefined),
    () => postgres.close(),
  )
}
