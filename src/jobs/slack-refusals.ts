import type { Logger } from 'pino'
import { SlackTrouble } from '../adapters/slack/port.ts'
import { PurserError } from '../errors.ts'
import { rungs } from '../messages/blocks/ladder.ts'
import { type BoardRefusal, nextTryMs } from '../model/board-refusal.ts'
import { TransitionRefused } from '../model/errors.ts'
import { isReadOnly } from '../model/kinds.ts'
import { can } from '../model/lifecycle.ts'
import type { Run } from '../model/run.ts'
import type { BoardStore } from '../store/boards.ts'
import type { RunStore } from '../store/runs.ts'
import type { Refused } from './offer.ts'

interface RefusalDependencies {
  readonly runs: RunStore
  readonly boards: BoardStore
  readonly mask: <T>(value: T) => T
  readonly log: Logger
}

/** Stores what Slack refused of a run, and decides what becomes of it: the next form, the next try, or the end of the run. */
export class SlackRefusals {
  readonly #deps: RefusalDependencies

  constructor(deps: RefusalDependencies) {
    this.#deps = deps
  }

  /** Logs and counts a form that Slack refused. The board is offered in the next form until the whole of it is tried again. */
  async note(run: Run, { error, rung, next }: Refused, of: 'board' | 'post'): Promise<void> {
    const { boards, log } = this.#deps
    log.warn({ err: error, run: run.number, next: rungs[next] }, 'Slack refuses a form of a message')
    const { refusal: before, now } = await boards.board(run.number)
    const noted = this.#refusal(error, before)
    const isNewTry = before === undefined || (of === 'board' && rung === 0)
    const refusal = {
      ...noted,
      of: 'message' as const,
      rung: of === 'board' ? next : noted.rung,
      tries: isNewTry ? noted.tries : before.tries,
    }
    await boards.refused(run.number, refusal, nextTryMs(refusal.tries, endedAgo(run, now)))
  }

  /**
   * Slack lets Purser say nothing there: what waits goes on waiting. A run that nobody has ever seen, and that waits for somebody
   * or only looks, ends: it would be invisible.
   */
  async waitForTheChannel(run: Run, error: unknown): Promise<void> {
    const { boards } = this.#deps
    const board = await boards.board(run.number)
    const refusal = { ...this.#refusal(error, board.refusal), of: 'channel' as const }
    const hasEnded = board.ts === undefined && (await this.#endUnseen(run, refusal))
    await boards.refused(run.number, refusal, hasEnded ? undefined : nextTryMs(refusal.tries, endedAgo(run, board.now)))
  }

  #refusal(error: unknown, before: BoardRefusal | undefined): Omit<BoardRefusal, 'of'> {
    const code = error instanceof SlackTrouble ? error.code : 'slack_refused'
    const { message, hint, evidence } =
      error instanceof PurserError ? error : { message: String(error), hint: undefined, evidence: [] }
    return {
      ...this.#deps.mask({ code, message, hint, details: evidence.slice(0, 5) }),
      rung: before?.rung ?? 0,
      times: (before?.times ?? 0) + 1,
      tries: (before?.tries ?? 0) + 1,
    }
  }

  async #endUnseen(run: Run, { message }: Pick<BoardRefusal, 'message'>): Promise<boolean> {
    const { runs, log } = this.#deps
    const waits = run.status === 'planning' || run.status === 'awaiting_approval'
    if (!(waits || isReadOnly(run)) || !can('cancel', run)) return false
    try {
      const reason = `Slack shows it to nobody: ${message}`
      await runs.apply(
        run.number,
        { type: 'cancel', by: 'purser' },
        { actor: 'purser', source: 'publisher' },
        { reason },
      )
      log.warn({ run: run.number, message }, 'ended a run that nobody can see')
      return true
    } catch (error) {
      if (error instanceof TransitionRefused) return false
      throw error
    }
  }
}

function endedAgo({ finishedAt }: Run, now: Date): number | undefined {
  return finishedAt === undefined ? undefined : now.getTime() - finishedAt.getTime()
}
