/** What Slack refused of a run's messages, until it has taken the whole of it again. */
export interface BoardRefusal {
  /** Slack's own error. */
  readonly code: string
  /** What was being done and what Slack said, masked. */
  readonly message: string
  /** What a person can do about it. */
  readonly hint: string | undefined
  /** What Slack says of the places of the message that it does not take, masked. */
  readonly details: readonly string[]
  /**
   * Of the messages: a plainer form of it stands there, `rung` says which. Of the channel: nothing can be said there, and what
   * waits goes on waiting.
   */
  readonly of: 'message' | 'channel'
  readonly rung: number
  /** How often Slack has refused something since it last took everything. */
  readonly times: number
  /** How often the whole of it was tried in vain; each time the next try waits longer. */
  readonly tries: number
}

const minuteMs = 60_000

/**
 * How long until the last state is tried again, in milliseconds: once a minute at first, then up to every quarter of an hour.
 * Undefined a day after the run has ended: nobody waits for its board any more.
 */
export function nextTryMs(tries: number, endedAgoMs: number | undefined): number | undefined {
  if (endedAgoMs !== undefined && endedAgoMs > 24 * 60 * minuteMs) return undefined
  return Math.min(2 ** Math.min(Math.max(tries - 1, 0), 4), 15) * minuteMs
}
