import type { Logger } from 'pino'
import { type Chat, type OutgoingMessage, SlackRateLimited, SlackTrouble } from '../adapters/slack/port.ts'
import type { PurserConfig } from '../config/purser-yaml.ts'
import { PurserError } from '../errors.ts'
import { boardMessage } from '../messages/board/board.ts'
import type { Watched } from '../messages/blocks/charts.ts'
import type { Message } from '../messages/blocks/message.ts'
import { reportMarkdown } from '../messages/report/report.ts'
import { threadMessage } from '../messages/thread/thread.ts'
import { chartedRules } from '../runbook/monitor/monitor-rules.ts'
import type { BoardState, BoardStore, WaitingPost } from '../store/boards.ts'
import { canonicalJson, sha256 } from '../model/json.ts'
import type { Run } from '../model/run.ts'
import type { RunStore } from '../store/runs.ts'
import { rollbackUntil } from '../model/rollback-window.ts'
import { currentWatch } from '../model/watch.ts'
import { approversOf } from './approvers.ts'
import type { TakenJob } from './queues.ts'

export type PublishJob = { readonly run: number }

interface PublisherDependencies {
  readonly runs: RunStore
  readonly boards: BoardStore
  readonly chat: Chat
  readonly config: PurserConfig
  readonly mask: <T>(value: T) => T
  readonly log: Logger
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

/**
 * Renders the board and the thread of a run from the state database and sends what differs from what was sent. Jobs
 * call it, whatever became of the jobs before: it may run at any time and again. It sends at most one post and one edit
 * a second for a run, sends no unchanged board, waits a rate limit out, and the last state always arrives. A crash
 * between Slack's answer and its record sends that one message once more.
 */
export class Publisher {
  readonly #deps: PublisherDependencies
  /** Whether the workspace has refused a board with charts; it is not asked again with every edit. */
  #takesNoCharts = false

  constructor(deps: PublisherDependencies) {
    this.#deps = deps
  }

  async handle(job: TakenJob<PublishJob>): Promise<void> {
    const { runs, boards, log } = this.#deps
    const run = await runs.get(job.data.run)
    const board = await boards.board(run.number)
    const due = dueOf(board, run) - Date.now()
    const signal = AbortSignal.timeout(requestTimeoutMs)
    try {
      const shown = due > 0 ? board : await this.#publishBoard(run, board, signal)
      const more = await this.#publishThread(run, shown, signal, { afterPost: shown.ts !== board.ts })
      if (due <= 0 && !more) return
    } catch (error) {
      const again = pauseAfter(error)
      log.warn({ err: error, run: run.number, again }, 'publishing to Slack')
      if (again === undefined) return this.#giveUp(run)
      return job.defer(again)
    }
    return job.defer(due > 0 ? Math.min(due, pauseMs) : pauseMs)
  }

  /** Posts or edits the board when its message differs from the one sent last. */
  async #publishBoard(run: Run, board: BoardState, signal: AbortSignal): Promise<BoardState> {
    if (board.ts !== undefined && board.shownRev === run.rev) return board
    const policy = this.#deps.config.environments[run.environment]
    const message = this.#deps.mask(
      boardMessage(run, {
        now: new Date(),
        rollbackUntil: policy === undefined ? undefined : rollbackUntil(run, policy.policy.rollbackButtonHours),
        // Nobody is called out of bed for a plan that could not be made.
        onCall: run.phases.some((phase) => phase.name === 'plan' && phase.status === 'failed')
          ? undefined
          : policy?.contacts.onCall,
        approvers: policy === undefined ? [] : approversOf(run, policy.policy),
        pace: run.status === 'executing' ? await this.#deps.runs.medianDurations(run.environment) : {},
        decisions: await this.#deps.runs.decisions(run.number),
        ...(currentWatch(run) === undefined ? {} : { watched: await this.#watched(run) }),
      }),
    )
    const hash = hashOf(message)
    if (hash === board.hash) {
      if (board.shownRev !== run.rev) await this.#deps.boards.unchanged(run.number, run.rev)
      return board
    }
    const posted = await this.#send(run, board, message, signal)
    await this.#deps.boards.shown(run.number, { ...posted, hash, rev: run.rev })
    return { ...board, ...posted }
  }

  async #send(run: Run, board: BoardState, message: Message, signal: AbortSignal) {
    const { withoutCharts, ...whole } = message
    const plain = withoutCharts === undefined ? undefined : { text: whole.text, blocks: withoutCharts }
    if (plain === undefined) return this.#sendPlain(run, board, whole, signal)
    if (this.#takesNoCharts) return this.#sendPlain(run, board, plain, signal)
    try {
      return await this.#sendPlain(run, board, whole, signal)
    } catch (error) {
      if (!(error instanceof SlackTrouble && error.code === 'invalid_blocks')) throw error
      this.#deps.log.warn({ err: error }, 'Slack takes no charts here')
      this.#takesNoCharts = true
      return this.#sendPlain(run, board, plain, signal)
    }
  }

  async #sendPlain(run: Run, board: BoardState, message: OutgoingMessage, signal: AbortSignal) {
    if (board.channel === undefined || board.ts === undefined)
      return this.#deps.chat.post(run.channel, message, {}, signal)
    const posted = { channel: board.channel, ts: board.ts }
    try {
      await this.#deps.chat.update(posted, message, signal)
      return posted
    } catch (error) {
      if (!(error instanceof SlackTrouble && error.code === 'message_not_found')) throw error
      // The run needs a board even when somebody has deleted it.
      return this.#deps.chat.post(board.channel, message, {}, signal)
    }
  }

  /** Posts what waits first for the thread; true when more waits. */
  async #publishThread(
    run: Run,
    board: BoardState,
    signal: AbortSignal,
    { afterPost }: { readonly afterPost: boolean },
  ): Promise<boolean> {
    const waiting = await this.#deps.boards.waiting(run.number)
    const batch = joined(waiting)
    if (batch === undefined || board.channel === undefined || board.ts === undefined) return false
    // The pause counts from Slack's answer to the last post, whichever job sent it, so a slow machine brings no two
    // closer together.
    const ago = await this.#deps.boards.sinceLastPost(run.number)
    if (afterPost || (ago !== undefined && ago < pauseMs)) return true
    // A post is stored together with what it tells of, so a run that was read before the post may not have its plan
    // yet.
    const told = await this.#deps.runs.get(run.number)
    try {
      // Somebody decided after it was stored: nobody is called for that any more.
      if (batch.post.kind !== 'reminder' || told.status === 'awaiting_approval')
        await this.#say(told, batch.post, { channel: board.channel, threadTs: board.ts }, signal)
    } catch (error) {
      if (pauseAfter(error) !== undefined) throw error
      // This one will never be taken; those behind it may be.
      this.#deps.log.error({ err: error, run: run.number, post: batch.post.kind }, 'Slack refuses a post for good')
    }
    await this.#deps.boards.posted(batch.ids)
    return waiting.length > batch.ids.length
  }

  async #say(
    run: Run,
    post: WaitingPost['post'],
    where: { readonly channel: string; readonly threadTs: string },
    signal: AbortSignal,
  ): Promise<void> {
    if (post.kind === 'report') {
      const { fileName } = post
      const { runs, mask } = this.#deps
      const [samples, errors, head] = await Promise.all([
        runs.samples(run.number),
        runs.logGroups(run),
        runs.auditHead(),
      ])
      const content = mask(reportMarkdown(run, samples, errors, head))
      await this.#deps.chat.uploadText(where, { name: fileName, title: fileName, content }, signal)
      return
    }
    const watched = ['verification', 'failed', 'breach'].includes(post.kind) ? await this.#watched(run) : undefined
    await this.#reply(where, this.#deps.mask(threadMessage(post, run, watched)), signal)
  }

  async #watched(run: Run): Promise<Watched> {
    return {
      samples: await this.#deps.runs.samples(run.number),
      metrics: chartedRules(this.#deps.config.service.monitor),
    }
  }

  /** Replies in the thread. A workspace that does not take charts yet refuses the blocks and gets the same in words. */
  async #reply(
    where: { readonly channel: string; readonly threadTs: string },
    { withoutCharts, ...message }: Message,
    signal: AbortSignal,
  ): Promise<void> {
    const { chat, log } = this.#deps
    const thread = { threadTs: where.threadTs }
    try {
      await chat.post(where.channel, message, thread, signal)
    } catch (error) {
      const refused = error instanceof SlackTrouble && error.code === 'invalid_blocks'
      if (!refused || withoutCharts === undefined) throw error
      log.warn({ err: error }, 'Slack takes no charts here')
      await chat.post(where.channel, { text: message.text, blocks: withoutCharts }, thread, signal)
    }
  }

  /**
   * Gives up what Slack refuses for good (channel gone, not a member): the run goes on, and nothing is tried for ever.
   */
  async #giveUp(run: Run): Promise<void> {
    const waiting = await this.#deps.boards.waiting(run.number)
    await this.#deps.boards.posted(waiting.map((one) => one.id))
    await this.#deps.boards.unchanged(run.number, run.rev)
  }
}

const mostJoinedLines = 40

/** Takes the first waiting post; output with the same title that follows it directly is joined to it. */
export function joined(
  waiting: readonly WaitingPost[],
): { readonly ids: readonly number[]; readonly post: WaitingPost['post'] } | undefined {
  const first = waiting[0]
  if (first === undefined) return undefined
  if (first.post.kind !== 'output') return { ids: [first.id], post: first.post }
  const ids: number[] = []
  const lines: string[] = []
  for (const { id, post } of waiting) {
    if (post.kind !== 'output' || post.title !== first.post.title) break
    if (lines.length > 0 && lines.length + post.lines.length > mostJoinedLines) break
    ids.push(id)
    lines.push(...post.lines)
  }
  return { ids, post: { ...first.post, lines } }
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
