import type { BoardRefusal } from '../model/board-refusal.ts'
import { UnknownRun } from '../model/errors.ts'
import type { ThreadPost } from '../model/post.ts'
import type { StateDatabase } from './database.ts'

/** The place of a run's board in Slack, and what of the state database it shows. */
export interface BoardState {
  readonly channel: string | undefined
  readonly ts: string | undefined
  /** The hash of the message as last sent; an equal message is not sent again. */
  readonly hash: string | undefined
  readonly postedAt: Date | undefined
  /** When this was read, by the database's clock: the one that all its times are of. */
  readonly now: Date
  /** The run's `rev` that was shown last. */
  readonly shownRev: number
  /** What Slack refused, while it has not taken the whole of it since. */
  readonly refusal: BoardRefusal | undefined
  /** Whether the time has come to try the whole of it again, by the database's clock. */
  readonly isRetryDue: boolean
}

type Output = Extract<ThreadPost, { kind: 'output' }>

export interface WaitingPost {
  readonly id: number
  readonly post: ThreadPost
  /** How many forms of it Slack has refused. */
  readonly rung: number
}

interface BoardRow {
  board_channel: string | null
  board_ts: string | null
  board_hash: string | null
  board_posted_at: Date | null
  now: Date
  board_rev: string
  board_refusal: BoardRefusal | null
  is_retry_due: boolean
}

/** Remembers for the publisher, between two posts, what it has shown, where, and what waits. */
export class BoardStore {
  readonly #db: StateDatabase

  constructor(db: StateDatabase) {
    this.#db = db
  }

  async board(run: number): Promise<BoardState> {
    const { rows } = await this.#db.query<BoardRow>(
      `select board_channel, board_ts, board_hash, board_posted_at, board_rev, board_refusal,
         coalesce(board_retry_at <= now(), true) as is_retry_due, clock_timestamp() as now
       from purser.runs where number = $1`,
      [run],
    )
    const row = rows[0]
    if (row === undefined) throw new UnknownRun(run)
    return {
      channel: row.board_channel ?? undefined,
      ts: row.board_ts ?? undefined,
      hash: row.board_hash ?? undefined,
      postedAt: row.board_posted_at ?? undefined,
      now: row.now,
      shownRev: Number(row.board_rev ?? 0),
      refusal: row.board_refusal ?? undefined,
      isRetryDue: row.is_retry_due ?? true,
    }
  }

  /** Reads where the boards of these runs stand; a run without one is left out. */
  async places(
    runs: readonly number[],
  ): Promise<ReadonlyMap<number, { readonly channel: string; readonly ts: string }>> {
    const { rows } = await this.#db.query<{ number: string; board_channel: string; board_ts: string }>(
      `select r.* from unnest($1::bigint[]) as n (number)
       cross join lateral (select number, board_channel, board_ts from purser.runs r
         where r.number = n.number and board_channel is not null and board_ts is not null limit 1) r`,
      [runs],
    )
    return new Map(rows.map((row) => [Number(row.number), { channel: row.board_channel, ts: row.board_ts }]))
  }

  /**
   * Notes that a new board is about to be posted. Returns since when that was tried before and not known to have come to anything:
   * such a board may be there.
   */
  async beginPosting(run: number): Promise<Date | undefined> {
    const { rows } = await this.#db.query<{ earlier: Date | null }>(
      `update purser.runs r set board_posting_at = coalesce(r.board_posting_at, clock_timestamp())
       from (select number, board_posting_at as earlier from purser.runs where number = $1 for update) o
       where r.number = o.number returning o.earlier`,
      [run],
    )
    return rows[0]?.earlier ?? undefined
  }

  /** Notes that Slack has refused the new board, so that none is there. */
  async notPosted(run: number): Promise<void> {
    await this.#db.query('update purser.runs set board_posting_at = null where number = $1', [run])
  }

  async shown(
    run: number,
    board: { readonly channel: string; readonly ts: string; readonly hash: string; readonly rev: number },
  ): Promise<void> {
    await this.#db.query(
      `update purser.runs set board_channel = $2, board_ts = $3, board_hash = $4, board_rev = $5, board_posted_at = now(),
         board_posting_at = null
       where number = $1`,
      [run, board.channel, board.ts, board.hash, board.rev],
    )
  }

  /** Notes what Slack refused; the whole of it is tried again after so many milliseconds, or never again. */
  async refused(run: number, refusal: BoardRefusal, retryInMs: number | undefined): Promise<void> {
    await this.#db.query(
      `update purser.runs set board_refusal = $2,
         board_retry_at = case when $3::double precision is null then 'infinity' else now() + make_interval(secs => $3 / 1000.0) end
       where number = $1`,
      [run, JSON.stringify(refusal), retryInMs ?? null],
    )
  }

  /** Notes that Slack takes everything again. */
  async taken(run: number): Promise<void> {
    await this.#db.query(
      'update purser.runs set board_refusal = null, board_retry_at = null where number = $1 and board_refusal is not null',
      [run],
    )
  }

  /** Runs of these environments of which Slack refuses something, the newest first. */
  async refusals(
    environments: readonly string[],
  ): Promise<readonly { readonly run: number; readonly refusal: BoardRefusal }[]> {
    const { rows } = await this.#db.query<{ number: string; board_refusal: BoardRefusal }>(
      `select number, board_refusal from purser.runs where environment = any($1) and board_refusal is not null
         and (finished_at is null or finished_at > now() - interval '1 day')
       order by number desc limit 10`,
      [environments],
    )
    return rows.map((row) => ({ run: Number(row.number), refusal: row.board_refusal }))
  }

  /** Notes that the state changed but not the message. For a finished run that is as good as posting it again. */
  async unchanged(run: number, rev: number): Promise<void> {
    await this.#db.query(
      `update purser.runs set board_rev = $2,
         board_posted_at = case when finished_at is null then board_posted_at else now() end
       where number = $1`,
      [run, rev],
    )
  }

  /** Reads the waiting posts of the thread, the oldest first. */
  async waiting(run: number): Promise<readonly WaitingPost[]> {
    const { rows } = await this.#db.query<{ id: string; post: ThreadPost; rung: number }>(
      'select id, post, rung from purser.posts where run = $1 and posted_at is null order by id limit 200',
      [run],
    )
    return rows.map(({ id, post, rung }) => ({ id: Number(id), post, rung }))
  }

  /**
   * Returns the milliseconds since the newest post in the thread, by the database's clock; undefined before the first
   * one.
   */
  async sinceLastPost(run: number): Promise<number | undefined> {
    const { rows } = await this.#db.query<{ ms: string | null }>(
      `select extract(epoch from now() - max(posted_at)) * 1000 as ms from purser.posts
       where run = $1 and not coalesce((post ->> 'quiet')::boolean, false)`,
      [run],
    )
    const ms = rows[0]?.ms ?? undefined
    return ms === undefined ? undefined : Number(ms)
  }

  /** Reads what commands have printed and pods have logged, in order: the report has all of it, and none of it twice. */
  async outputs(run: number): Promise<readonly Output[]> {
    const { rows } = await this.#db.query<{ post: Output }>(
      `select post from purser.posts where run = $1 and post ->> 'kind' = 'output' order by id`,
      [run],
    )
    const outputs = rows.map(({ post }) => post)
    const kept = new Set(outputs.filter(({ quiet }) => quiet === true).map(({ title }) => title))
    // Of a command that failed the thread was told the end, which is among what is kept of it.
    return outputs.filter(({ quiet, title }) => quiet === true || !kept.has(title))
  }

  async posted(posts: readonly number[]): Promise<void> {
    await this.#db.query('update purser.posts set posted_at = now() where id = any($1)', [posts])
  }

  /** Notes the form in which these posts are offered next. */
  async offerNext(posts: readonly number[], rung: number): Promise<void> {
    await this.#db.query('update purser.posts set rung = $2 where id = any($1)', [posts, rung])
  }
}
