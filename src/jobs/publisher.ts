import type { Logger } from 'pino'
import { type Chat, type OutgoingMessage, refusalOf, SlackRateLimited, SlackTrouble } from '../adapters/slack/port.ts'
import type { PurserConfig } from '../config/purser-yaml.ts'
import { PurserError } from '../errors.ts'
import { rungs } from '../messages/blocks/ladder.ts'
import { canonicalJson, sha256 } from '../model/json.ts'
import type { ThreadPost } from '../model/post.ts'
import type { Run } from '../model/run.ts'
import type { BoardState, BoardStore } from '../store/boards.ts'
import type { RunStore } from '../store/runs.ts'
import { postNewBoard } from './new-board.ts'
import { offer } from './offer.ts'
import type { TakenJob } from './queue-worker.ts'
import { RunDrawing } from './run-drawing.ts'
import { SlackRefusals } from './slack-refusals.ts'
import { type Batch, isUrgent, nextBatch } from './thread-batch.ts'

export type PublishJob = { readonly run: number }

interface PublisherDependencies {
  readonly runs: RunStore
  readonly boards: BoardStore
  readonly chat: Chat
  readonly config: PurserConfig
  readonly mask: <T>(value: T) => T
  readonly log: Logger
}

interface Thread {
  readonly channel: string
  readonly threadTs: string
}

/** Slack allows one message a second in a channel. */
const pauseMs = 1_000
/**
 * The pause between two edits of a running board, which need not show every second: edits share a budget of about 50 a
 * minute in the whole workspace.
 */
const runningPauseMs = 2_000
const troublePauseMs = 2_000
const requestTimeoutMs = 20_000
const plainest = rungs.length - 1
/** Where a workspace allows no edits, a board is posted anew no more often than this. */
const youngBoardMs = 60_000

/**
 * Renders the board and the thread of a run from the state database and sends what differs from what was sent. Jobs
 * call it, whatever became of the jobs before: it may run at any time and again. It sends at most one post and one edit
 * a second for a run, sends no unchanged board, waits a rate limit out, and the last state always arrives. What Slack
 * refuses is offered in a plainer form; what it refuses because of the channel waits, and is tried again on a slow
 * timer. A crash between Slack's answer and its record sends a post of the thread once more; a board is found again (new-board.ts).
 */
export class Publisher {
  readonly #deps: PublisherDependencies
  readonly #drawing: RunDrawing
  readonly #refusals: SlackRefusals

  constructor(deps: PublisherDependencies) {
    this.#deps = deps
    this.#drawing = new RunDrawing(deps)
    this.#refusals = new SlackRefusals(deps)
  }

  async handle(job: TakenJob<PublishJob>): Promise<void> {
    const { runs, boards, log } = this.#deps
    const run = await runs.get(job.data.run)
    const board = await boards.board(run.number)
    // Nothing can be said there now. The sweep brings the run back when the next try is due.
    if (board.refusal?.of === 'channel' && !board.isRetryDue) return
    const due = dueOf(board, run) - board.now.getTime()
    const signal = AbortSignal.timeout(requestTimeoutMs)
    try {
      const shown = due > 0 ? board : await this.#publishBoard(run, board, signal)
      const more = await this.#publishThread(run, shown, signal, { afterPost: shown.ts !== board.ts })
      if (due <= 0 && !more) return
    } catch (error) {
      const again = pauseAfter(error)
      log.warn({ err: error, run: run.number, again }, 'publishing to Slack')
      if (again === undefined) return this.#refusals.waitForTheChannel(run, error)
      return job.defer(again)
    }
    return job.defer(due > 0 ? Math.min(due, pauseMs) : pauseMs)
  }

  /** Posts or edits the board when its message differs from the one sent last, or the whole of it is to be tried again. */
  async #publishBoard(run: Run, board: BoardState, signal: AbortSignal): Promise<BoardState> {
    const { boards } = this.#deps
    const isRetry = board.refusal !== undefined && board.isRetryDue
    if (board.ts !== undefined && board.shownRev === run.rev && !isRetry) return board
    const message = await this.#drawing.board(run, board.now)
    const hash = hashOf(message)
    if (hash === board.hash && !isRetry) {
      if (board.shownRev !== run.rev) await boards.unchanged(run.number, run.rev)
      return board
    }
    try {
      const { sent, rung } = await offer(
        message,
        isRetry ? 0 : (board.refusal?.rung ?? 0),
        (form) => this.#send(run, board, form, signal),
        (refused) => this.#refusals.note(run, refused, 'board'),
      )
      await boards.shown(run.number, { ...sent, hash, rev: run.rev })
      if (rung === 0) await boards.taken(run.number)
      return { ...board, ...sent }
    } catch (error) {
      const about = refusalOf(error)
      if (board.ts === undefined || (about !== 'message' && about !== 'edit')) throw error
      // The edit is refused, in every form if it is for the form. What waits for the thread is told all the same.
      const next = about === 'message' ? plainest : (board.refusal?.rung ?? 0)
      await this.#refusals.note(run, { error, rung: plainest, next }, 'board')
      return board
    }
  }

  async #send(run: Run, board: BoardState, message: OutgoingMessage, signal: AbortSignal) {
    if (board.channel === undefined || board.ts === undefined)
      return postNewBoard(this.#deps, { run, channel: run.channel, message }, signal)
    const posted = { channel: board.channel, ts: board.ts }
    try {
      await this.#deps.chat.update(posted, message, signal)
      return posted
    } catch (error) {
      if (refusalOf(error) !== 'edit') throw error
      const isGone = error instanceof SlackTrouble && error.code === 'message_not_found'
      if (isYoung(posted.ts, board.now) && !isGone) throw error
      // The run needs a board that shows its state.
      return postNewBoard(this.#deps, { run, channel: board.channel, message }, signal)
    }
  }

  /** Posts what waits first for the thread; true when more waits. */
  async #publishThread(
    run: Run,
    board: BoardState,
    signal: AbortSignal,
    { afterPost }: { readonly afterPost: boolean },
  ): Promise<boolean> {
    const { boards, runs, log } = this.#deps
    const waiting = await boards.waiting(run.number)
    const batch = nextBatch(waiting)
    if (batch === undefined || board.channel === undefined || board.ts === undefined) return false
    // The pause counts from Slack's answer to the last post, whichever job sent it, so a slow machine brings no two
    // closer together.
    const ago = await boards.sinceLastPost(run.number)
    if (afterPost || (ago !== undefined && ago < pauseMs)) return true
    // A post is stored together with what it tells of, so a run that was read before the post may not have its plan
    // yet.
    const told = await runs.get(run.number)
    try {
      // Somebody decided after it was stored: nobody is called for that any more.
      if (batch.post.kind !== 'reminder' || told.status === 'awaiting_approval')
        await this.#say(told, batch, { channel: board.channel, threadTs: board.ts }, signal)
    } catch (error) {
      if (pauseAfter(error) !== undefined || refusalOf(error) !== 'message') throw error
      if (isUrgent(batch.post)) {
        await boards.offerNext(batch.ids, 0)
        throw error
      }
      // This one is refused in every form; those behind it may be taken.
      log.error({ err: error, run: run.number, post: batch.post.kind }, 'Slack refuses a post for good')
      await this.#refusals.note(run, { error, rung: plainest, next: 0 }, 'post')
    }
    await boards.posted(batch.ids)
    return waiting.length > batch.ids.length
  }

  async #say(run: Run, { ids, post, rung }: Batch, where: Thread, signal: AbortSignal): Promise<void> {
    if (post.kind === 'report') return this.#upload(run, post, where, signal)
    const { chat, boards } = this.#deps
    const message = await this.#drawing.post(run, post)
    await offer(
      message,
      rung,
      (form) => chat.post(where.channel, form, { threadTs: where.threadTs }, signal),
      async (refused) => {
        await boards.offerNext(ids, refused.next)
        await this.#refusals.note(run, refused, 'post')
      },
    )
  }

  /** Uploads the report with what the verification came to as its comment, so that the two are one message. */
  async #upload(
    run: Run,
    post: Extract<ThreadPost, { kind: 'report' }>,
    where: Thread,
    signal: AbortSignal,
  ): Promise<void> {
    const { chat } = this.#deps
    const { content, verification: told } = await this.#drawing.report(run, post)
    const { fileName: name } = post
    const file = { name, title: name, content, ...(told === undefined ? {} : { comment: told.text }) }
    try {
      await chat.uploadText(where, file, signal)
    } catch (error) {
      // What was found is told without the file too.
      if (told !== undefined && pauseAfter(error) === undefined && refusalOf(error) === 'message')
        await chat.post(where.channel, told, { threadTs: where.threadTs }, signal)
      throw error
    }
  }
}

/** The timestamp of a message is when it was posted, in seconds. */
function isYoung(ts: string, now: Date): boolean {
  return now.getTime() - Number(ts) * 1_000 < youngBoardMs
}

/** Returns when the board may be sent again, in milliseconds since the epoch. */
function dueOf(board: BoardState, run: Run): number {
  const pace = run.status === 'executing' ? runningPauseMs : pauseMs
  return (board.postedAt?.getTime() ?? 0) + pace
}

/** Returns the pause before the next try; undefined when trying again would not help. */
function pauseAfter(error: unknown): number | undefined {
  if (error instanceof SlackRateLimited) return error.retryAfterMs
  if (error instanceof PurserError && !error.transient) return undefined
  // A fault in our own rendering would be the same at every try.
  if (error instanceof TypeError || error instanceof RangeError) return undefined
  return troublePauseMs
}

function hashOf(message: OutgoingMessage): string {
  return sha256(canonicalJson(message))
}
