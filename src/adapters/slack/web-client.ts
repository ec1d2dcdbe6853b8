import { type FetchFunction, type Logger, LogLevel, WebClient } from '@slack/web-api'
import { slackTrouble } from './slack-trouble.ts'
import type { Sensitive } from '../../sensitive.ts'
import { timeLimit } from '../../time-limit.ts'

export interface SlackAccess {
  readonly token: Sensitive
  /** Ends in `/api/`; Slack itself when left out. */
  readonly apiUrl?: string
  readonly requestTimeoutMs?: number
}

/** Makes one request. `doing` says what for, in lower case. Raises SlackTrouble, or the reason of the signal. */
export type SlackCall = <T>(doing: string, signal: AbortSignal, act: (client: WebClient) => Promise<T>) => Promise<T>

/**
 * Talks to Slack with a client of its own: it never waits or repeats in hiding, because a repeated `chat.postMessage`
 * is a second message and a queue that sleeps through `Retry-After` would delay approvals behind progress.
 */
export function slackCalls(access: SlackAccess): SlackCall {
  return async (doing, signal, act) => {
    signal.throwIfAborted()
    try {
      return await act(clientFor(access, signal))
    } catch (error) {
      if (signal.aborted) throw signal.reason
      throw slackTrouble(doing, error)
    }
  }
}

/** The SDK's methods take no signal, so each call gets a client whose fetch carries the call's own. */
function clientFor(access: SlackAccess, signal: AbortSignal): WebClient {
  const timeoutMs = access.requestTimeoutMs ?? 10_000
  const fetchWithSignal: FetchFunction = (url, init) =>
    fetch(url, { ...init, signal: AbortSignal.any([signal, timeLimit(timeoutMs)]) })
  return new WebClient(access.token.reveal(), {
    ...(access.apiUrl === undefined ? {} : { slackApiUrl: access.apiUrl }),
    rejectRateLimitedCalls: true,
    retryConfig: { retries: 0 },
    fetch: fetchWithSignal,
    logger: silent,
  })
}

/** Every problem is raised; the SDK's console output would only repeat it, unmasked. */
const silent: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  setLevel() {},
  getLevel: () => LogLevel.ERROR,
  setName() {},
}
