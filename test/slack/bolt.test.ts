import { App, LogLevel } from '@slack/bolt'
import { afterEach, describe, expect, it } from 'vitest'
import type { SlackSimulator } from '../../sandbox/slack/simulator.ts'
import { freePort } from '../support/ports.ts'
import { describeApp } from './plain-app.ts'
import { alex, channel, dana, openRoom, tokens } from './room.ts'

const ends: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end()
})

async function openSocketMode(): Promise<SlackSimulator> {
  const slack = await openRoom()
  ends.push(() => slack.close())
  const app = new App({
    token: tokens.botToken,
    appToken: tokens.appToken,
    socketMode: true,
    logLevel: LogLevel.ERROR,
    clientOptions: { slackApiUrl: slack.apiUrl },
  })
  describeApp(app)
  await app.start()
  ends.push(() => app.stop())
  return slack
}

async function openSignedHttp(): Promise<SlackSimulator> {
  const port = await freePort()
  const slack = await openRoom({ http: { requestUrl: `http://127.0.0.1:${port}/slack/events` } })
  ends.push(() => slack.close())
  const app = new App({
    token: tokens.botToken,
    signingSecret: tokens.signingSecret,
    logLevel: LogLevel.ERROR,
    clientOptions: { slackApiUrl: slack.apiUrl },
  })
  describeApp(app)
  await app.start({ port, host: '127.0.0.1' })
  ends.push(() => app.stop())
  return slack
}

describe.each([
  ['Socket Mode', openSocketMode],
  ['signed HTTP', openSignedHttp],
])('a plain Bolt app over %s', (_name, open) => {
  it('answers commands, buttons, dialogs and App Home', { timeout: 20_000 }, async () => {
    const { control } = await open()

    expect(await control.type(dana, channel, '/billing help')).toMatchObject({
      ok: true,
      reply: { text: 'Usage: /billing deploy VERSION', visible_to: dana },
    })
    expect(control.messagesSeenBy(alex, channel)).toEqual([])

    await control.type(dana, channel, '/billing deploy v1.2.0')
    const board = await control.waitFor(() => control.messagesSeenBy(alex, channel)[0], 3000)
    expect(control.plainText(board)).toBe('deploy v1.2.0\n[Approve]')
    expect(await control.press(alex, channel, board.ts, 'approve')).toEqual({ ok: true })
    await control.waitFor(() => board.text === 'approved by alex', 3000)
    expect(board.blocks).toBeUndefined()
    const thanks = await control.waitFor(() => control.messagesSeenBy(alex, channel)[1], 3000)
    expect(thanks).toMatchObject({ text: 'thank you', visible_to: alex })

    await control.type(dana, channel, '/billing whisper')
    await control.waitFor(() => control.messagesSeenBy(dana, channel).some(({ text }) => text === 'only you'), 3000)

    await control.type(dana, channel, '/billing rollback')
    await control.waitFor(() => control.openView(dana), 3000)
    expect(await control.submitView(dana)).toMatchObject({ result: 'errors', errors: { reason: /required/ } })
    expect(await control.submitView(dana, { reason: { text: 'because' } })).toMatchObject({
      result: 'errors',
      errors: { reason: 'Say more.' },
    })
    const done = await control.submitView(dana, { reason: { text: 'double charges' }, contact: { user: alex } })
    expect(done).toMatchObject({ result: 'updated', view: { title: { text: 'Rolling back' } } })
    expect(JSON.stringify(control.openView(dana)?.blocks)).toContain(`double charges; <@${alex}> watches`)
    await control.closeView(dana)
    expect(control.openView(dana)).toBeUndefined()

    await control.openHome(dana)
    await control.waitFor(() => control.homeOf(dana), 3000)
  })
})

describe('when the app does not answer', () => {
  it('tells the person that nothing listens', async () => {
    const slack = await openRoom()
    ends.push(() => slack.close())
    const result = await slack.control.type(dana, channel, '/billing status')
    expect(result).toMatchObject({ ok: false, error: 'dispatch_failed', reply: { visible_to: dana } })
    expect(result.reply?.text).toBe('/billing failed with the error "dispatch_failed"')
  })

  it('tells the person that an acknowledgement did not come in time', { timeout: 10_000 }, async () => {
    const slack = await openSocketMode()
    slack.control.loseAcks(1)
    expect(await slack.control.type(dana, channel, '/billing help')).toMatchObject({ error: 'operation_timeout' })
    expect(await slack.control.type(dana, channel, '/billing help')).toMatchObject({ ok: true })
  })
})
