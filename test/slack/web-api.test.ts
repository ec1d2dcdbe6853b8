import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { SlackSimulator } from '../../sandbox/slack/simulator.ts'
import { alex, channel, dana, openRoom, tokens } from './room.ts'

let slack: SlackSimulator
beforeEach(async () => {
  slack = await openRoom({ rateLimits: { messageBurst: 3 } })
})
afterEach(() => slack.close())

async function call(method: string, args: Record<string, unknown> = {}, token = tokens.botToken) {
  const response = await fetch(slack.apiUrl + method, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json; charset=utf-8' },
    body: JSON.stringify(args),
  })
  return {
    status: response.status,
    headers: response.headers,
    body: (await response.json()) as Record<string, unknown>,
  }
}
const post = async (args: Record<string, unknown> = {}) =>
  (await call('chat.postMessage', { channel, text: 'x', ...args })).body

it('refuses as Slack does', async () => {
  const cases: readonly (readonly [string, Record<string, unknown>, string, string?])[] = [
    ['auth.test', {}, 'invalid_auth', 'xoxb-other'],
    ['auth.test', {}, 'not_allowed_token_type', tokens.appToken],
    ['no.such', {}, 'unknown_method'],
    ['chat.postMessage', { channel, text: '' }, 'no_text'],
    ['chat.postMessage', { channel: 'C0NOWHERE', text: 'x' }, 'channel_not_found'],
    ['chat.postMessage', { channel: 'C0ELSE', text: 'x' }, 'not_in_channel'],
    ['chat.postMessage', { channel, blocks: '[{' }, 'invalid_blocks_format'],
    ['chat.postMessage', { channel, text: 'x', markdown_text: 'y' }, 'markdown_text_conflict'],
    ['chat.update', { channel, ts: '1.000001', text: 'x' }, 'message_not_found'],
    ['chat.postEphemeral', { channel, user: 'U0NOBODY', text: 'x' }, 'user_not_in_channel'],
    [
      'views.open',
      { trigger_id: 'made.up', view: { type: 'modal', title: { type: 'plain_text', text: 'x' }, blocks: [] } },
      'invalid_trigger_id',
    ],
    ['views.open', { trigger_id: 'made.up', view: { type: 'modal', blocks: [] } }, 'invalid_arguments'],
    ['files.getUploadURLExternal', { filename: 'x', length: 0 }, 'missing_argument'],
    ['files.completeUploadExternal', { files: [{ id: 'F0' }], channel_id: channel }, 'file_not_found'],
    ['usergroups.users.list', { usergroup: 'S0' }, 'no_such_subteam'],
  ]
  for (const [method, args, error, token] of cases) {
    const { status, body } = await call(method, args, token)
    expect({ method, status, ...body }).toMatchObject({ method, status: 200, ok: false, error })
  }
})

it('writes refused blocks in both places of the answer', async () => {
  const blocks = [{ type: 'header', text: { type: 'plain_text', text: 'x'.repeat(151) } }]
  expect((await call('chat.postMessage', { channel, text: 'x', blocks })).body).toEqual({
    ok: false,
    error: 'invalid_blocks',
    errors: ['must be less than 151 characters [json-pointer:/blocks/0/text/text]'],
    response_metadata: { messages: ['[ERROR] must be less than 151 characters [json-pointer:/blocks/0/text/text]'] },
  })
  expect((await call('blocks.validate', { blocks })).body).toMatchObject({
    error: 'invalid_blocks',
    errors: [
      { code: 'failed_constraint', pointer: '/blocks/0/text/text', constraint: { type: 'max_length', expected: 150 } },
    ],
  })
})

it('takes a burst of messages and then one a second, each channel for itself', async () => {
  for (const _ of [1, 2, 3]) expect(await post()).toMatchObject({ ok: true })
  const { status, headers, body } = await call('chat.postMessage', { channel, text: 'x' })
  expect({ status, body }).toEqual({ status: 429, body: { ok: false, error: 'ratelimited' } })
  expect(headers.get('retry-after')).toBe('1')
  expect((await call('chat.postMessage', { channel: dana, text: 'x' })).body).toMatchObject({ ok: true })
})

it('edits as Slack does: text alone removes the blocks and marks the message, other people’s stay', async () => {
  const blocks = [{ type: 'divider' }]
  const posted = (await post({ blocks })) as { ts: string }
  await call('chat.update', { channel, ts: posted.ts, text: 'y', blocks })
  const [message] = slack.control.messagesSeenBy(alex, channel)
  expect(message).toMatchObject({ text: 'y', blocks: [{ type: 'divider', block_id: expect.any(String) }] })
  expect(message).not.toHaveProperty('edited')
  await call('chat.update', { channel, ts: posted.ts, text: 'a < b' })
  expect(message).toMatchObject({ text: 'a &lt; b', edited: {} })
  expect(message).not.toHaveProperty('blocks')
  const { reply } = await slack.control.type(dana, channel, 'mine')
  const theirs = await call('chat.update', { channel, ts: reply!.ts, text: 'z' })
  expect(theirs.body).toMatchObject({ error: 'cant_update_message' })
})

describe('what goes wrong on purpose', () => {
  it('hits as many calls as it says, and can carry a call out without answering', async () => {
    slack.control.setFault({ method: 'auth.test', error: 'fatal_error', times: 1 })
    expect((await call('auth.test')).body).toMatchObject({ error: 'fatal_error' })
    expect((await call('auth.test')).body).toMatchObject({ ok: true })
    slack.control.setFault({ method: 'chat.postMessage', loseAnswer: true, times: 1 })
    await expect(post({ text: 'lost' })).rejects.toThrow('fetch failed')
    expect(slack.control.messagesSeenBy(dana, channel).map(({ text }) => text)).toEqual(['lost'])
  })

  it('keeps tokens out of the log of calls', async () => {
    await call('auth.test', { token: tokens.botToken })
    expect(JSON.stringify(slack.control.apiCalls())).not.toContain(tokens.botToken)
  })
})

it('is steered by other processes, but not by other sites', async () => {
  const type = (headers: Record<string, string>) =>
    fetch(`${slack.pageUrl}control/type`, {
      method: 'POST',
      headers,
      body: JSON.stringify({ userId: dana, channelId: channel, text: 'hello' }),
    })
  expect((await type({ 'content-type': 'text/plain' })).status).toBe(404)
  expect(slack.control.messagesSeenBy(dana, channel)).toEqual([])
  expect(await (await type({ 'content-type': 'application/json' })).json()).toMatchObject({ ok: true })
  expect(slack.control.messagesSeenBy(dana, channel)).toHaveLength(1)
})
