import type { PhaseName, RunKind } from '../model/kinds.ts'
import type { Run } from '../model/run.ts'
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

  /** Finds runs of an environment that have waited for half of their time, and of which nobody was reminded. */
  async halfWaited(minutes: number, environment: string): Promise<readonly number[]> {
    const { rows } = await this.#db.query<{ number: string }>(
      `select number from purser.runs where status = 'awaiting_approval' and environment = $2 and reminded is null
         and expires_at > now() and expires_at <= now() + make_interval(secs => $1 * 30)`,
      [minutes, environment],
    )
    return rows.map((row) => Number(row.number))
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
    const { rows } = await this.#db.query<{ number: string }>(
      `select r.number from purser.runs r where coalesce(r.board_retry_at <= now(), true)
         and (r.board_rev < r.rev or r.board_refusal is not null
           or exists (select 1 from purser.posts p where p.run = r.number and p.posted_at is null))`,
    )
    return rows.map((row) => Number(row.number))
  }

  /**
   * Finds deploys and restores that have ended and whose time for the rollback button has just passed, and counts their `rev` up,
   * so that their boards lose it.
   */
  async rollbackButtonsPast(hours: number, environment: string): Promise<readonly number[]> {
    const { rows } = await this.#db.query<{ number: string }>(
      `update purser.runs set rev = rev + 1
       where kind in ('deploy', 'restore') and status in ('succeeded', 'failed', 'left', 'cancelled', 'rejected', 'expired') and environment = $2
         and finished_at < now() - make_interval(secs => $1 * 3600) and board_posted_at < finished_at + make_interval(secs => $1 * 3600)
       returning number`,
      [hours, environment],
    )
    return rows.map((row) => Number(row.number))
  }
}
