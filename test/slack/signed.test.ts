import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { pino } from 'pino'
import type { SlackSimulator } from '../../sandbox/slack/simulator.ts'
import { openSlackApp } from '../../src/adapters/slack/app.ts'
import { Sensitive } from '../../src/sensitive.ts'
import { freePort } from '../support/ports.ts'
import { channel, dana, openRoom, tokens } from './room.ts'

let slack: SlackSimulator
let requestUrl: string
const heard: unknown[] = []
const ends: (() => Promise<void>)[] = []

beforeEach(async () => {
  heard.length = 0
  const port = await freePort()
  requestUrl = `http://127.0.0.1:${port}/slack/events`
  slack = await openRoom({ http: { requestUrl } })
  ends.push(() => slack.close())
  const connection = {
    botToken: new Sensitive(tokens.botToken),
    apiUrl: slack.apiUrl,
    receiving: { mode: 'http', signingSecret: new Sensitive(tokens.signingSecret) },
  } as const
  const app = await openSlackApp(connection, { port, log: pino({ level: 'silent' }) }, (bolt) =>
    bolt.command('/billing', async ({ ack, context: { signature } }) => {
      await ack()
      heard.push(signature)
    }),
  )
  ends.push(() => app.close())
})
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end()
})

const type = () => slack.control.type(dana, channel, '/billing status')

describe('a signed request', () => {
  it('is handed on with its signature, the same when it comes again', async () => {
    expect(await type()).toMatchObject({ ok: true })
    expect(await slack.control.replay()).toEqual({ ok: true })
    expect(heard).toEqual([expect.stringMatching(/^v0=[0-9a-f]{64}$/), heard[0]])
    expect(await type()).toMatchObject({ ok: true })
    expect(heard[2]).not.toBe(heard[0])
  })

  it.each([
    ['a little ahead is taken', 50_000, 1],
    ['more than a minute ahead is refused', 70_000, 0],
    ['a year ahead is refused', 365 * 24 * 60 * 60_000, 0],
    ['more than five minutes old is refused', -310_000, 0],
  ])('whose time stamp is %s', async (_, ahead, times) => {
    slack.control.setClockAhead(ahead)
    expect((await type()).ok).toBe(times === 1)
    expect(heard).toHaveLength(times)
  })

  it.each([
    ['without a signature', {}],
    ['with a time stamp that is no number', { 'x-slack-request-timestamp': 'soon', 'x-slack-signature': 'v0=0' }],
    [
      'with a signature of another secret',
      {
        'x-slack-request-timestamp': String(Math.floor(Date.now() / 1000)),
        'x-slack-signature': `v0=${'0'.repeat(64)}`,
      },
    ],
  ])('%s is refused', async (_, headers) => {
    const form = { 'content-type': 'application/x-www-form-urlencoded', ...headers }
    const answer = await fetch(requestUrl, { method: 'POST', headers: form, body: 'command=%2Fbilling&text=status' })
    expect(answer.status).toBe(401)
    expect(heard).toEqual([])
  })

  it('leaves the health page as it was', async () => {
    expect((await fetch(requestUrl.replace('/slack/events', '/healthz'))).status).toBe(200)
  })
})
