import type { Block, HomeView, KnownBlock, View } from '@slack/types'
import type { Remembered } from './answer-memory.ts'

export { refusalOf, SlackRateLimited, SlackTrouble } from './errors.ts'
export type { Remembered } from './answer-memory.ts'
export { whyNot } from './slack-trouble.ts'

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

/** Tells one message of Purser's from every other, for Purser alone: nobody sees it. https://docs.slack.dev/messaging/message-metadata */
export interface MessageMark {
  /** Letters, digits and underscores. */
  readonly eventType: string
  readonly payload: Readonly<Record<string, string | number>>
}

/**
 * What Purser says in Slack. Raises SlackTrouble: `code` is Slack's error (`channel_not_found`, …); rate limits raise
 * SlackRateLimited with `retryAfterMs`; network trouble is `transient`.
 */
export interface Chat {
  post(
    channel: string,
    message: OutgoingMessage,
    options: { readonly threadTs?: string; readonly mark?: MessageMark },
    signal: AbortSignal,
  ): Promise<PostedMessage>
  /**
   * Looks for a message with that mark which the bot has posted in the channel since then. Needs a history scope, which the
   * app may lack: raises SlackTrouble `missing_scope`.
   */
  findMarked(channel: string, mark: MessageMark, since: Date, signal: AbortSignal): Promise<PostedMessage | undefined>
  /** Shows a message in the channel that only this person sees, until they reload. */
  postEphemeral(channel: string, user: string, message: OutgoingMessage, signal: AbortSignal): Promise<void>
  update(posted: PostedMessage, message: OutgoingMessage, signal: AbortSignal): Promise<void>
  /** Uploads a text file into the thread, in one message with the comment. */
  uploadText(
    where: { readonly channel: string; readonly threadTs: string },
    file: { readonly name: string; readonly title: string; readonly content: string; readonly comment?: string },
    signal: AbortSignal,
  ): Promise<void>
  /** Shows a person's App Home. */
  publishHome(user: string, view: HomeView, signal: AbortSignal): Promise<void>
  permalink(posted: PostedMessage, signal: AbortSignal): Promise<string | undefined>
}

/** What the app's tokens may do, and where. It posts nothing. Raises as Chat does. */
export interface SlackInstallation {
  /** The bot's name and workspace, and the scopes of its token. */
  bot(
    signal: AbortSignal,
  ): Promise<{ readonly name: string; readonly team: string; readonly scopes: readonly string[] }>
  /** Undefined: the bot cannot see it. */
  channel(
    id: string,
    signal: AbortSignal,
  ): Promise<{ readonly name: string; readonly isMember: boolean; readonly isArchived: boolean } | undefined>
  /** Raises where the app-level token opens no connection. None is opened. */
  opensSockets(signal: AbortSignal): Promise<void>
}

/** Where the app is installed. */
export interface SlackWorkspace {
  readonly team: string
  /** Undefined outside of Enterprise Grid. */
  readonly enterprise: string | undefined
}

/** What Slack says of somebody that matters for what they may do. */
export interface SlackPerson {
  /** The workspaces to which they belong; more than one with Enterprise Grid only. */
  readonly teams: readonly string[]
  /** Of another organization, seen through a shared channel. */
  readonly isStranger: boolean
  readonly isGuest: boolean
  readonly isBot: boolean
  readonly isDeactivated: boolean
}

/**
 * Who people are and where they belong, as Slack tells. Answers are remembered for a minute or a few; when Slack cannot be
 * asked, an older one is given as long as it is young enough. Raises SlackTrouble, or the reason of the signal, otherwise.
 */
export interface Directory {
  workspace(signal: AbortSignal): Promise<SlackWorkspace>
  /** Undefined: Slack knows nobody by this id whom the bot could see. */
  person(user: string, signal: AbortSignal): Promise<SlackPerson | undefined>
  /** Members of a user group. */
  groupMembers(group: string, signal: AbortSignal): Promise<Remembered<readonly string[]>>
  /** Members of a channel; of a private one only where the bot is in it. */
  channelMembers(channel: string, signal: AbortSignal): Promise<Remembered<readonly string[]>>
}

export type { View }
