import {
  type Chat,
  type MessageMark,
  type OutgoingMessage,
  type PostedMessage,
  refusalOf,
  SlackRateLimited,
  SlackTrouble,
} from '../adapters/slack/port.ts'
import type { Run } from '../model/run.ts'
import type { BoardStore } from '../store/boards.ts'
import type { RunStore } from '../store/runs.ts'

interface Dependencies {
  readonly chat: Chat
  readonly boards: BoardStore
  readonly runs: RunStore
}

/** The clocks of Slack and of the database differ by less. */
const clocksApartMs = 60_000

/**
 * Posts a new board of a run. A process that ends between Slack's answer and its record leaves a board that nobody knows of: who
 * posts next finds it by its mark and goes on with it. Where the app has no history scope, nobody can look: a second board
 * is posted, and says in its thread that it is the one that counts.
 */
export async function postNewBoard(
  { chat, boards, runs }: Dependencies,
  { run, channel, message }: { readonly run: Run; readonly channel: string; readonly message: OutgoingMessage },
  signal: AbortSignal,
): Promise<PostedMessage> {
  const mark: MessageMark = {
    eventType: 'purser_board',
    payload: { run: run.number, requested_at: run.createdAt.toISOString() },
  }
  const earlier = await boards.beginPosting(run.number)
  const found = earlier === undefined ? undefined : await find({ chat }, { channel, mark, earlier }, signal)
  if (found !== undefined && found !== 'unseen' && (await isEdited(chat, found, message, signal))) return found
  if (found !== undefined) await runs.post(run.number, { kind: 'note', text: mayBeSecond }, 'second-board')
  try {
    return await chat.post(channel, message, { mark }, signal)
  } catch (error) {
    if (isRefusal(error)) await boards.notPosted(run.number)
    throw error
  }
}

const mayBeSecond =
  'Purser was interrupted while it posted this message. If the channel shows an earlier one of this run, only this one is kept up to date.'

async function find(
  { chat }: Pick<Dependencies, 'chat'>,
  { channel, mark, earlier }: { readonly channel: string; readonly mark: MessageMark; readonly earlier: Date },
  signal: AbortSignal,
): Promise<PostedMessage | 'unseen' | undefined> {
  try {
    return await chat.findMarked(channel, mark, new Date(earlier.getTime() - clocksApartMs), signal)
  } catch (error) {
    if (error instanceof SlackTrouble && !error.transient) return 'unseen'
    throw error
  }
}

/** A workspace may allow no edits. */
async function isEdited(
  chat: Chat,
  posted: PostedMessage,
  message: OutgoingMessage,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    await chat.update(posted, message, signal)
    return true
  } catch (error) {
    if (refusalOf(error) !== 'edit') throw error
    return false
  }
}

/** Tells whether Slack has said that it took nothing; after a broken connection nobody knows. */
function isRefusal(error: unknown): boolean {
  return error instanceof SlackRateLimited || (error instanceof SlackTrouble && !error.transient)
}
