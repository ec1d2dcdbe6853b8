import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openChat } from '../../src/adapters/slack/client.ts'
import { openDirectory } from '../../src/adapters/slack/directory.ts'
import { SlackRateLimited } from '../../src/adapters/slack/errors.ts'
import { Sensitive } from '../../src/sensitive.ts'
import type { SlackSimulator } from '../../sandbox/slack/simulator.ts'
import { chatContract } from '../contract/slack.ts'
import { approvers, channel, dana, openRoom, tokens } from './room.ts'

let slack: SlackSimulator
const signal = AbortSignal.timeout(60_000)
const open = () => openChat({ token: new Sensitive(tokens.botToken), apiUrl: slack.apiUrl, requestTimeoutMs: 2000 })

beforeAll(async () => {
  slack = await openRoom({ rateLimits: { messageBurst: 50 } })
})
afterAll(() => slack.close())

chatContract('the sandbox', async () => ({
  chat: open(),
  directory: openDirectory({ token: new Sensitive(tokens.botToken), apiUrl: slack.apiUrl }),
  channel,
  group: approvers,
  person: dana,
}))

const { TEST_SLACK_API_URL: apiUrl, TEST_SLACK_BOT_TOKEN: token, TEST_SLACK_CHANNEL: realChannel } = process.env
if (apiUrl !== undefined && token !== undefined && realChannel !== undefined) {
  chatContract(apiUrl, async () => ({
    chat: openChat({ token: new Sensitive(token), apiUrl }),
    directory: openDirectory({ token: new Sensitive(token), apiUrl }),
    channel: realChannel,
    group: undefined,
    person: undefined,
  }))
}

describe('when Slack is in trouble', () => {
  it('tells how long to wait and does not wait itself', async () => {
    const undo = slack.control.setFault({ method: 'chat.postMessage', retryAfter: 7 })
    const error = await open()
      .post(channel, { text: 'x' }, {}, signal)
      .catch((caught: unknown) => caught)
    undo()
    expect(error).toBeInstanceOf(SlackRateLimited)
    expect(error).toMatchObject({ code: 'ratelimited', retryAfterMs: 7000, transient: true })
  })

  it('calls an outage transient and asks only once', async () => {
    const before = slack.control.apiCalls('chat.postMessage').length
    const undo = slack.control.setFault({ method: 'chat.postMessage', status: 503 })
    await expect(open().post(channel, { text: 'x' }, {}, signal)).rejects.toMatchObject({
      code: 'slack_http_error',
      transient: true,
    })
    undo()
    expect(slack.control.apiCalls('chat.postMessage').length).toBe(before + 1)
  })

  it('gives up on an answer that does not come, and at once when cancelled', async () => {
    const undo = slack.control.setFault({ method: 'chat.update', delayMs: 60_000 })
    const posted = await open().post(channel, { text: 'x' }, {}, signal)
    const hasty = openChat({ token: new Sensitive(tokens.botToken), apiUrl: slack.apiUrl, requestTimeoutMs: 50 })
    await expect(hasty.update(posted, { text: 'y' }, signal)).rejects.toMatchObject({
      code: 'slack_unreachable',
      message: expect.stringContaining('no answer in time'),
      transient: true,
    })
    const cancel = new AbortController()
    const update = open().update(posted, { text: 'z' }, cancel.signal)
    cancel.abort(new Error('cancelled by dana'))
    await expect(update).rejects.toThrow('cancelled by dana')
    undo()
  })

  it('never shows the token', async () => {
    const chat = openChat({ token: new Sensitive('xoxb-wrong-secret'), apiUrl: slack.apiUrl })
    const error = await chat.post(channel, { text: 'x' }, {}, signal).catch((caught: unknown) => caught)
    expect(error).toMatchObject({ code: 'invalid_auth', hint: expect.stringContaining('SLACK_BOT_TOKEN') })
    expect(`${String(error)} ${JSON.stringify(error)}`).not.toContain('wrong-secret')
  })
})
