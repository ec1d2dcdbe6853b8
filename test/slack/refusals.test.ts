import { WebAPIPlatformError } from '@slack/web-api'
import { describe, expect, it } from 'vitest'
import { refusalOf } from '../../src/adapters/slack/errors.ts'
import { slackTrouble } from '../../src/adapters/slack/slack-trouble.ts'

const said = (error: string) => slackTrouble('posting to C', new WebAPIPlatformError({ ok: false, error }))

describe('what a refusal of Slack is about decides what helps', () => {
  it.each<[string, ReturnType<typeof refusalOf>]>([
    ['invalid_blocks', 'message'],
    ['invalid_blocks_format', 'message'],
    ['msg_blocks_too_long', 'message'],
    ['msg_too_long', 'message'],
    ['no_text', 'message'],
    ['too_many_attachments', 'message'],
    ['an_error_of_next_year', 'message'],
    ['channel_not_found', 'place'],
    ['not_in_channel', 'place'],
    ['is_archived', 'place'],
    ['restricted_action', 'place'],
    ['restricted_action_read_only_channel', 'place'],
    ['restricted_action_thread_only_channel', 'place'],
    ['restricted_action_non_threadable_channel', 'place'],
    ['posting_to_channel_denied', 'place'],
    ['posting_to_general_channel_denied', 'place'],
    ['token_revoked', 'place'],
    ['account_inactive', 'place'],
    ['missing_scope', 'place'],
    ['message_not_found', 'edit'],
    ['cant_update_message', 'edit'],
    ['edit_window_closed', 'edit'],
    ['internal_error', undefined],
    ['service_unavailable', undefined],
    ['ratelimited', undefined],
    ['rate_limited', undefined],
  ])('%s', (error, about) => {
    const trouble = said(error)
    expect(refusalOf(trouble)).toBe(about)
    // Slack's own word stays for whoever looks it up.
    if (about !== undefined) expect(trouble.message).toContain(error)
  })

  it.each([
    'channel_not_found',
    'not_in_channel',
    'is_archived',
    'restricted_action_read_only_channel',
    'missing_scope',
  ])('%s says what to do', (error) => expect(said(error).hint).toMatch(/\.$/))
})
