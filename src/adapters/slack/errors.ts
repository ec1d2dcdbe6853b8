import { type ErrorFacts, PurserError } from '../../errors.ts'

/** Slack's own errors by their own names as far as Purser knows them; the last three are ours. */
export const slackCodes = [
  'internal_error',
  'fatal_error',
  'service_unavailable',
  'request_timeout',
  'team_added_to_org',
  'ratelimited',
  'channel_not_found',
  'not_in_channel',
  'is_archived',
  'invalid_auth',
  'not_authed',
  'token_revoked',
  'account_inactive',
  'missing_scope',
  'no_such_subteam',
  'user_not_found',
  'user_not_visible',
  'not_enabled',
  'message_not_found',
  'invalid_blocks',
  'msg_blocks_too_long',
  'slack_refused',
  'slack_unreachable',
  'slack_http_error',
] as const
export type SlackCode = (typeof slackCodes)[number]

/**
 * Slack said no, or could not be asked. `slack_refused` stands for every error of Slack that is not listed; the message
 * names it.
 */
export class SlackTrouble extends PurserError {
  readonly code: SlackCode

  constructor(code: SlackCode, message: string, facts?: ErrorFacts) {
    super(message, facts)
    this.code = code
  }
}

/** Slack wants to be left alone for a while. */
export class SlackRateLimited extends SlackTrouble {
  readonly retryAfterMs: number

  constructor(doing: string, retryAfterMs: number, facts: ErrorFacts = {}) {
    super('ratelimited', `${doing}: Slack asks to wait ${Math.ceil(retryAfterMs / 1000)} s`, {
      ...facts,
      transient: true,
    })
    this.retryAfterMs = retryAfterMs
  }
}
