/** A JSON object of Slack's wire format. */
export type Json = Record<string, unknown>

export interface Block extends Json {
  type: string
  block_id: string
}

export interface User {
  readonly id: string
  readonly name: string
  readonly realName: string
  readonly isBot: boolean
  /** The workspace that the person belongs to. */
  readonly teamId: string
  /** A guest who may enter several channels (`is_restricted`), or one (`is_ultra_restricted` too). */
  readonly guest?: 'multi-channel' | 'single-channel'
  /** Deactivated. */
  readonly deleted?: boolean
}

export interface Channel {
  readonly id: string
  readonly name: string
  readonly kind: 'public' | 'private' | 'direct'
  readonly members: Set<string>
}

export interface UserGroup {
  readonly id: string
  readonly handle: string
  readonly users: readonly string[]
}

export interface SlackFile {
  readonly id: string
  readonly name: string
  readonly title: string
  readonly size: number
  readonly url: string
}

/** A message as the Web API shows it; `visible_to` and `edits` exist only in the simulator. */
export interface Message {
  readonly type: 'message'
  readonly subtype?: string
  readonly channel: string
  readonly ts: string
  readonly user: string
  readonly bot_id?: string
  readonly app_id?: string
  text: string
  blocks?: readonly Block[]
  attachments?: readonly Json[]
  metadata?: Json
  files?: readonly SlackFile[]
  readonly thread_ts?: string
  readonly reply_broadcast?: boolean
  reply_count?: number
  latest_reply?: string
  edited?: { readonly user: string; readonly ts: string }
  readonly is_ephemeral?: true
  /** The one person who sees an ephemeral message. */
  readonly visible_to?: string
  /** How often the app has changed it. */
  edits?: number
}

export interface View extends Json {
  readonly id: string
  readonly type: 'modal' | 'home'
  readonly callback_id: string
  readonly private_metadata: string
  readonly external_id: string
  readonly hash: string
  readonly blocks: readonly Block[]
  readonly root_view_id: string
  readonly previous_view_id: string | null
  readonly title?: { readonly text: string }
  readonly notify_on_close?: boolean
}

export interface Upload {
  readonly id: string
  readonly name: string
  readonly title: string
  readonly channel: string | undefined
  readonly threadTs: string | undefined
  readonly content: Buffer
}

/** One call of the Web API, as it arrived; tokens are left out. */
export interface ApiCall {
  readonly method: string
  readonly args: Json
  /** Milliseconds since the epoch. */
  readonly at: number
  readonly status: number
  readonly answer: Json
}

/** What should go wrong with calls of the Web API. */
export interface Fault {
  /** Every method when left out. */
  readonly method?: string
  readonly delayMs?: number
  /** HTTP status instead of 200; 429 answers `ratelimited` with `Retry-After`. */
  readonly status?: number
  /** Slack's error code in a 200 answer. */
  readonly error?: string
  /** Seconds. */
  readonly retryAfter?: number
  /** The call is carried out but the connection drops before the answer. */
  readonly loseAnswer?: boolean
  /** How many calls are hit; all until the fault is taken back when left out. */
  readonly times?: number
}

/** An answer of a Web API method that is not ok. */
export class SlackRefusal extends Error {
  readonly error: string
  readonly details: Json

  constructor(error: string, details: Json = {}) {
    super(error)
    this.error = error
    this.details = details
  }
}
