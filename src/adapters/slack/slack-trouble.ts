import { WebAPIHTTPError, WebAPIPlatformError, WebAPIRateLimitedError, WebAPIRequestError } from '@slack/web-api'
import { PurserError } from '../../errors.ts'
import { type SlackCode, slackCodes, SlackRateLimited, SlackTrouble } from './errors.ts'

/** The errors of Slack that pass without anybody's doing. */
const passing: ReadonlySet<SlackCode> = new Set<SlackCode>([
  'internal_error',
  'fatal_error',
  'service_unavailable',
  'request_timeout',
  'team_added_to_org',
])

const hints: Readonly<Partial<Record<SlackCode, string>>> = {
  channel_not_found: 'Check the channel id in purser.yaml. If the channel is private, invite the bot.',
  not_in_channel: 'Invite the bot to the channel with /invite.',
  restricted_action: 'Let Purser post in the channel (posting permissions), or name a different one in purser.yaml.',
  plan_upgrade_required: 'User groups need a paid plan of Slack: name people (U…) in purser.yaml instead.',
  expired_trigger_id: 'Try again: Slack gives an app three seconds to open a dialog.',
  is_archived: 'Unarchive the channel or name a different one in purser.yaml.',
  invalid_auth: 'Set SLACK_BOT_TOKEN to the bot token (xoxb-…) of the installed app.',
  not_authed: 'Set SLACK_BOT_TOKEN to the bot token (xoxb-…) of the installed app.',
  token_revoked: 'Install the app again and set SLACK_BOT_TOKEN to its new bot token.',
  account_inactive: 'Install the app again and set SLACK_BOT_TOKEN to its new bot token.',
  missing_scope: 'Add the scope to the app, install it again and set SLACK_BOT_TOKEN to its new bot token.',
  not_enabled: 'Switch on the Home tab of the app (App Home in its settings).',
  no_such_subteam: 'Check the id of the user group (S…) in purser.yaml.',
  invalid_blocks: 'This is a bug in Purser: please report it with the lines below.',
  invalid_blocks_format: 'This is a bug in Purser: please report it.',
  msg_blocks_too_long: 'This is a bug in Purser: please report which message was too long.',
  msg_too_long: 'This is a bug in Purser: please report which message was too long.',
}

/** Translates what the SDK raises; `doing` says what was being done, in lower case. */
export function slackTrouble(doing: string, error: unknown): SlackTrouble {
  if (error instanceof SlackTrouble) return error
  if (error instanceof WebAPIRateLimitedError) {
    return new SlackRateLimited(doing, error.retryAfter * 1000, { cause: error })
  }
  if (error instanceof WebAPIPlatformError) return refused(doing, error)
  if (error instanceof WebAPIHTTPError) {
    return new SlackTrouble('slack_http_error', `${doing}: Slack answered HTTP ${error.statusCode}`, {
      transient: error.statusCode >= 500,
      cause: error,
    })
  }
  const reason = error instanceof WebAPIRequestError ? error.original : error
  return new SlackTrouble('slack_unreachable', `${doing}: ${reachability(reason)}`, {
    hint: 'Check the network between Purser and Slack.',
    transient: true,
    cause: error,
  })
}

function refused(doing: string, error: WebAPIPlatformError): SlackTrouble {
  const {
    error: said,
    response_metadata: metadata,
    needed,
  } = error.data as WebAPIPlatformError['data'] & {
    needed?: string
  }
  if (said === 'ratelimited' || said === 'rate_limited') return new SlackRateLimited(doing, 1000, { cause: error })
  const code = codeOf(said)
  const hint = hints[code]
  return new SlackTrouble(code, `${doing}: Slack says ${said}${needed === undefined ? '' : ` (needs ${needed})`}`, {
    ...(hint === undefined ? {} : { hint }),
    evidence: metadata?.messages ?? [],
    transient: passing.has(code),
    cause: error,
  })
}

/** The channel's posting permissions have several errors, one for each kind: `restricted_action_read_only_channel`, … */
function codeOf(said: string): SlackCode {
  if (said.startsWith('restricted_action') || said.startsWith('posting_to_')) return 'restricted_action'
  return slackCodes.find((known) => known === said) ?? 'slack_refused'
}

function reachability(reason: unknown): string {
  if (!(reason instanceof Error)) return 'the connection failed'
  if (reason.name === 'TimeoutError') return 'no answer in time'
  const cause = reason.cause instanceof Error ? reason.cause.message : undefined
  return cause === undefined || cause === '' ? reason.message : `${reason.message} (${cause})`
}

/** The signal of a time limit raises what is no error of ours. */
export function whyNot(error: unknown): string {
  return error instanceof PurserError ? error.message : 'Slack did not answer in time'
}
