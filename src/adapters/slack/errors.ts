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
  'restricted_action',
  'invalid_auth',
  'not_authed',
  'token_revoked',
  'account_inactive',
  'missing_scope',
  'no_such_subteam',
  'user_not_found',
  'user_not_visible',
  'not_enabled',
  'plan_upgrade_required',
  'expired_trigger_id',
  'message_not_found',
  'cant_update_message',
  'edit_window_closed',
  'invalid_blocks',
  'invalid_blocks_format',
  'msg_blocks_too_long',
  'msg_too_long',
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

/** Slack shows Purser nothing in that channel, or lets it post nothing there, whatever the message is. */
const aboutThePlace: ReadonlySet<SlackCode> = new Set<SlackCode>([
  'channel_not_found',
  'not_in_channel',
  'is_archived',
  'restricted_action',
  'invalid_auth',
  'not_authed',
  'token_revoked',
  'account_inactive',
  'missing_scope',
])

/** The message of before cannot be edited any more, or is gone. A new one can be posted. */
const aboutTheEdit: ReadonlySet<SlackCode> = new Set<SlackCode>([
  'message_not_found',
  'cant_update_message',
  'edit_window_closed',
])

/**
 * Tells what a refusal for good is about, because that decides what helps: another form of the `message`, a new message in the
 * place of the `edit`, or nothing but a person who mends the `place`. Undefined for what passes by itself, and for what is no
 * refusal of Slack's. An error that Slack may have added since is taken for one about the message: a plainer form is then tried.
 */
export function refusalOf(error: unknown): 'message' | 'edit' | 'place' | undefined {
  if (!(error instanceof SlackTrouble) || error.transient) return undefined
  if (aboutThePlace.has(error.code)) return 'place'
  return aboutTheEdit.has(error.code) ? 'edit' : 'message'
}
