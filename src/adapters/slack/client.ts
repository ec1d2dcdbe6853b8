import { type FetchFunction, type Logger, LogLevel, WebClient } from '@slack/web-api'
import { SlackTrouble } from './errors.ts'
import type { AnyBlock, Chat, OutgoingMessage, PostedMessage } from './port.ts'
import { slackTrouble } from './slack-trouble.ts'

interface ChatOptions {
  readonly token: string
  /** The address of the API, which ends in `/api/`; Slack's own when left out. */
  readonly apiUrl?: string
  readonly requestTimeoutMs?: number
}

/** The time for which members are kept: Slack gives `usergroups.users.list` only about twenty calls a minute. */
const membersTtlMs = 60_000

/**
 * Talks to Slack with a client of its own: it never waits or repeats in hiding, because a repeated `chat.postMessage`
 * is a second message and a queue that sleeps through `Retry-After` would delay approvals behind progress.
 */
export function openChat(options: ChatOptions): Chat {
  const members = new Map<string, { readonly until: number; readonly users: readonly string[] }>()

  async function call<T>(doing: string, signal: AbortSignal, act: (client: WebClient) => Promise<T>): Promise<T> {
    signal.throwIfAborted()
    try {
      return await act(clientFor(options, signal))
    } catch (error) {
      if (signal.aborted) throw signal.reason
      throw slackTrouble(doing, error)
    }
  }

  return {
    post: (channel, message, { threadTs }, signal) =>
      call(`posting to ${channel}`, signal, async (client) => {
        const posted = await client.chat.postMessage({
          channel,
          ...contentOf(message),
          ...(threadTs === undefined ? {} : { thread_ts: threadTs }),
          unfurl_links: false,
          unfurl_media: false,
        })
        return { channel: posted.channel ?? channel, ts: posted.ts ?? '' }
      }),

    update: (posted, message, signal) =>
      call(`updating a message in ${posted.channel}`, signal, async (client) => {
        await client.chat.update({ channel: posted.channel, ts: posted.ts, ...contentOf(message) })
      }),

    uploadText: (where, file, signal) =>
      call(`uploading ${file.name} to ${where.channel}`, signal, async (client) => {
        await client.filesUploadV2({
          channel_id: where.channel,
          thread_ts: where.threadTs,
          filename: file.name,
          title: file.title,
          // Slack refuses an upload of no bytes.
          content: file.content === '' ? '\n' : file.content,
        })
      }),

    publishHome: (user, view, signal) =>
      call(`showing App Home to ${user}`, signal, async (client) => {
        await client.views.publish({ user_id: user, view })
      }),

    permalink: (posted, signal) => permalink(posted, signal, call),

    async groupMembers(group, signal) {
      const known = members.get(group)
      if (known !== undefined && known.until > Date.now()) return known.users
      return call(`reading the members of group ${group}`, signal, async (client) => {
        const answer = await client.usergroups.users.list({ usergroup: group })
        const users = answer.users ?? []
        members.set(group, { until: Date.now() + membersTtlMs, users })
        return users
      })
    },
  }
}

type Call = <T>(doing: string, signal: AbortSignal, act: (client: WebClient) => Promise<T>) => Promise<T>

async function permalink(posted: PostedMessage, signal: AbortSignal, call: Call): Promise<string | undefined> {
  try {
    return await call(`linking to a message in ${posted.channel}`, signal, async (client) => {
      const answer = await client.chat.getPermalink({ channel: posted.channel, message_ts: posted.ts })
      return answer.permalink
    })
  } catch (error) {
    if (error instanceof SlackTrouble && error.code === 'message_not_found') return undefined
    throw error
  }
}

function contentOf(message: OutgoingMessage): { text: string; blocks?: AnyBlock[] } {
  return { text: message.text, ...(message.blocks === undefined ? {} : { blocks: [...message.blocks] }) }
}

/** Makes a client for one call, whose fetch carries the call's own signal: the SDK's methods take none. */
function clientFor(options: ChatOptions, signal: AbortSignal): WebClient {
  const timeoutMs = options.requestTimeoutMs ?? 10_000
  const fetchWithSignal: FetchFunction = (url, init) =>
    fetch(url, { ...init, signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]) })
  return new WebClient(options.token, {
    ...(options.apiUrl === undefined ? {} : { slackApiUrl: options.apiUrl }),
    rejectRateLimitedCalls: true,
    retryConfig: { retries: 0 },
    fetch: fetchWithSignal,
    logger: silent,
  })
}

/** The SDK's console output would only repeat, unmasked, the problems that are all raised. */
const silent: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  setLevel() {},
  getLevel: () => LogLevel.ERROR,
  setName() {},
}
