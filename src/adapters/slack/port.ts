import type { Block, HomeView, KnownBlock, View } from '@slack/types'

export { SlackRateLimited, SlackTrouble } from './errors.ts'

export type AnyBlock = KnownBlock | Block

export interface OutgoingMessage {
  /** The whole state in words: notifications and screen readers use only this. */
  readonly text: string
  readonly blocks?: readonly AnyBlock[]
}

export interface PostedMessage {
  readonly channel: string
  readonly ts: string
}

/**
 * What Purser says in Slack. Raises SlackTrouble: `code` is Slack's error (`channel_not_found`, …); rate limits raise
 * SlackRateLimited with `retryAfterMs`; network trouble is `transient`.
 */
export interface Chat {
  post(
    channel: string,
    message: OutgoingMessage,
    options: { readonly threadTs?: string },
    signal: AbortSignal,
  ): Promise<PostedMessage>
  update(posted: PostedMessage, message: OutgoingMessage, signal: AbortSignal): Promise<void>
  /** Uploads a text file into the thread. */
  uploadText(
    where: { readonly channel: string; readonly threadTs: string },
    file: { readonly name: string; readonly title: string; readonly content: string },
    signal: AbortSignal,
  ): Promise<void>
  /** Shows a person's App Home. */
  publishHome(user: string, view: HomeView, signal: AbortSignal): Promise<void>
  permalink(posted: PostedMessage, signal: AbortSignal): Promise<string | undefined>
  /** Reads the members of a user group; they are kept for a minute. */
  groupMembers(group: string, signal: AbortSignal): Promise<readonly string[]>
}

export type { View }
