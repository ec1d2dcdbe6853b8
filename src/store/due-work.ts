import type { PhaseName, RunKind } from '../model/kinds.ts'
import type { Run } from '../model/run.ts'
import { waits } from '../model/waiting.ts'
import { recordAudit } from './audit.ts'
import type { StateDatabase } from './database.ts'
import { insertPost } from './posts.ts'

/** A phase that the state database says is wanted: the queue may have lost its job, or its worker may have died. */
export interface WantedPhase {
  readonly run: number
  readonly kind: RunKind
  readonly phase: PhaseName
  readonly attempt: number
  readonly epoch: number
}

/** A number for each environment, by its name. */
type ByEnvironment = Readonly<Record<string, number>>

interface WaitingPhase extends Pick<WantedPhase, 'run' | 'kind' | 'phase'> {
  /** What was noted of it. */
  readonly waitsFor: 'place' | 'worker' | undefined
}

interface WaitingPhases {
  readonly waiting: readonly WaitingPhase[]
  readonly running: readonly WaitingPhase[]
}

/** What the reconciler asks of the state database, and the little that it changes there itself. */
export class Sweeps {
  readonly #db: StateDatabase

  constructor(db: StateDatabase) {
    this.#db = db
  }

  /** Finds queued phases, and running ones whose worker has been silent for `staleMs`. */
  async wantedPhases(staleMs: number): Promise<readonly WantedPhase[]> {
    const { rows } = await this.#db.query<{
      run: string
      kind: RunKind
      name: PhaseName
      attempt: number
      epoch: number
    }>(
      `select p.run, r.kind, p.name, p.attempt, p.epoch from purser.phases p join purser.runs r on r.number = p.run
       where r.status in ('planning', 'executing', 'cancelling')
         and ((p.status = 'queued' and (p.heartbeat_at is null or p.heartbeat_at < now() - interval '3 seconds')) or (p.status = 'running' and p.heartbeat_at < now() - make_interval(secs => $1)))`,
      [staleMs / 1000],
    )
    return rows.map(({ run, name, ...row }) => ({ ...row, run: Number(run), phase: name }))
  }

  /**
   * Notes on phases whose job the queue has not taken why they wait; their boards show it until a worker takes them.
   */
  async noteQueueAway(why: string): Promise<void> {
    await this.#db.query(
      `with told as (
         update purser.phases p set line = $1 from purser.runs r
         where r.number = p.run and r.status in ('planning', 'executing', 'cancelling') and p.status = 'queued'
           and (p.heartbeat_at is null or p.heartbeat_at < now() - interval '3 seconds') and p.line is distinct from $1
         returning p.run)
       update purser.runs set rev = rev + 1 where number in (select run from told)`,
      [`${waits} ${why}`],
    )
  }

  /** Does the work unless another process does it at this moment. */
  async unlessElsewhere(what: string, work: () => Promise<void>): Promise<void> {
    await this.#db.transaction(async (sql) => {
      const { rows } = await sql.query<{ mine: boolean }>(
        'select pg_try_advisory_xact_lock(hashtextextended($1, 0)) as mine',
        [`purser:${what}`],
      )
      if (rows[0]?.mine === true) await work()
    })
  }

  /** Finds queued phases that nobody has taken for `patienceMs`, and the phases that are at work in all processes. */
  async waitingPhases(patienceMs: number, staleMs: number): Promise<WaitingPhases> {
    const { rows } = await this.#db.query<{
      run: string
      kind: RunKind
      name: PhaseName
      status: 'queued' | 'running'
      waits_for: WaitingPhase['waitsFor'] | null
    }>(
      `select p.run, r.kind, p.name, p.status, p.waits_for from purser.phases p join purser.runs r on r.number = p.run
       where r.status in ('planning', 'executing', 'cancelling')
         and ((p.status = 'queued' and p.transient_failures = 0 and p.queued_at < now() - make_interval(secs => $1))
           or (p.status = 'running' and p.heartbeat_at > now() - make_interval(secs => $2)))`,
      [patienceMs / 1000, staleMs / 1000],
    )
    const all = rows.map(({ run, name, waits_for, ...row }) => ({
      ...row,
      run: Number(run),
      phase: name,
      waitsFor: waits_for ?? undefined,
    }))
    return {
      waiting: all.filter(({ status }) => status === 'queued'),
      running: all.filter((one) => one.status === 'running'),
    }
  }

  /** Notes for the board what a queued phase waits for. */
  async noteWaiting({ run, phase }: Pick<WantedPhase, 'run' | 'phase'>, what: 'place' | 'worker'): Promise<void> {
    await this.#db.query(
      `with noted as (
         update purser.phases set waits_for = $3 where run = $1 and name = $2 and status = 'queued' returning run)
       update purser.runs set rev = rev + 1 where number in (select run from noted)`,
      [run, phase, what],
    )
  }

  /** Finds cancelled runs in which no phase is left to notice it. */
  async idleCancellations(): Promise<readonly { readonly run: number; readonly phase: PhaseName }[]> {
    const { rows } = await this.#db.query<{ run: string; name: PhaseName }>(
      `select r.number as run, (select p.name from purser.phases p where p.run = r.number and p.status = 'pending' order by p.ordinal limit 1) as name
       from purser.runs r where r.status = 'cancelling'
         and not exists (select 1 from purser.phases p where p.run = r.number and p.status in ('queued', 'running'))`,
    )
    return rows.map((row) => ({ run: Number(row.run), phase: row.name }))
  }

  async expired(): Promise<readonly number[]> {
    const { rows } = await this.#db.query<{ number: string }>(
      `select number from purser.runs where status = 'awaiting_approval' and expires_at < now()`,
    )
    return rows.map((row) => Number(row.number))
  }

  /**
   * Finds runs that have waited for half of their time, and of which nobody was reminded. `minutes` says for each
   * environment how long a plan waits.
   */
  async halfWaited(minutes: ByEnvironment): Promise<readonly { readonly run: number; readonly environment: string }[]> {
    const { rows } = await this.#db.query<{ number: string; environment: string }>(
      `select r.number, r.environment from purser.runs r
         join unnest($1::text[], $2::double precision[]) as e (name, minutes) on e.name = r.environment
       where r.status = 'awaiting_approval' and r.reminded is null
         and r.expires_at > now() and r.expires_at <= now() + make_interval(secs => e.minutes * 30)`,
      [Object.keys(minutes), Object.values(minutes)],
    )
    return rows.map((row) => ({ run: Number(row.number), environment: row.environment }))
  }

  /**
   * Reminds these people of an approval, once for each plan. Returns false when the run is another one than it was when they were
   * chosen: somebody may have approved or decided.
   */
  async remind({ number, rev }: Pick<Run, 'number' | 'rev'>, who: readonly string[]): Promise<boolean> {
    return this.#db.transaction(async (sql) => {
      const { rowCount } = await sql.query(
        `update purser.runs set reminded = jsonb_build_object('at', now(), 'who', $2::jsonb), rev = rev + 1
         where number = $1 and status = 'awaiting_approval' and reminded is null and rev = $3`,
        [number, JSON.stringify(who), rev],
      )
      if (rowCount !== 1) return false
      await insertPost(sql, number, { kind: 'reminder', approvers: who })
      const reminded = { run: number, actor: 'purser', source: 'reconciler', kind: 'reminded', text: who.join(', ') }
      await recordAudit(sql, this.#db, reminded)
      return true
    })
  }

  /**
   * Finds restores that ended without having put anything in place: what they prepared is of no use to anybody. Each is
   * given out once a minute until `cleanedUp` is called for it.
   */
  async abandonedRestores(): Promise<readonly { readonly run: number; readonly environment: string }[]> {
    const { rows } = await this.#db.query<{ run: string; environment: string }>(
      `update purser.runs r set cleanup_at = now() + interval '1 minute'
       where kind = 'restore' and status in ('cancelled', 'left') and started_at is not null
         and coalesce(cleanup_at, '-infinity') < now() and plan -> 'inPlace' is null
         and not exists (select 1 from purser.effects e where e.run = r.number and e.kind = 'database')
       returning number as run, environment`,
    )
    return rows.map((row) => ({ run: Number(row.run), environment: row.environment }))
  }

  async cleanedUp(run: number): Promise<void> {
    await this.#db.query(`update purser.runs set cleanup_at = 'infinity' where number = $1`, [run])
  }

  /** Finds runs whose board or thread lags behind the state database. What Slack refused waits for its next try. */
  async unpublished(): Promise<readonly number[]> {
    // Three small indexes instead of one condition, which would read every run that there has been.
    const { rows } = await this.#db.query<{ number: string }>(
      `select number from purser.runs where rev - board_rev > 0 and coalesce(board_retry_at <= now(), true)
       union select number from purser.runs where board_refusal is not null and coalesce(board_retry_at <= now(), true)
       union select p.run from purser.posts p join purser.runs r on r.number = p.run
         where p.posted_at is null and coalesce(r.board_retry_at <= now(), true)`,
    )
    return rows.map((row) => Number(row.number))
  }

  /**
   * Finds deploys and restores that have ended and whose time for the rollback button has just passed, and counts their `rev` up,
   * so that their boards lose it. `hours` says for each environment how long the button stays.
   */
  async rollbackButtonsPast(hours: ByEnvironment): Promise<readonly number[]> {
    const { rows } = await this.#db.query<{ number: string }>(
      `update purser.runs r set rev = r.rev + 1
       from unnest($1::text[], $2::double precision[]) as e (name, hours)
       where r.environment = e.name and r.kind in ('deploy', 'restore')
         and r.status in ('succeeded', 'failed', 'left', 'cancelled', 'rejected', 'expired')
         and r.finished_at < now() - make_interval(secs => e.hours * 3600)
         and r.board_posted_at - r.finished_at < make_interval(secs => e.hours * 3600)
         -- True whenever the line above is, and of it an index knows how few there are.
         and r.board_posted_at - r.finished_at < make_interval(secs => $3 * 3600)
       returning r.number`,
      [Object.keys(hours), Object.values(hours), Math.max(0, ...Object.values(hours))],
    )
    return rows.map((row) => Number(row.number))
  }
}
