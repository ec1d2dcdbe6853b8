import { pino } from 'pino'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { SlackSimulator } from '../../sandbox/slack/simulator.ts'
import { openSlackApp } from '../../src/adapters/slack/app.ts'
import { pauseBefore } from '../../src/adapters/slack/socket-connections.ts'
import { Sensitive } from '../../src/sensitive.ts'
import { freePort } from '../support/ports.ts'
import { channel, dana, openRoom, tokens } from './room.ts'

let slack: SlackSimulator
let port: number
const ends: (() => Promise<void>)[] = []

beforeEach(async () => {
  slack = await openRoom()
  ends.push(() => slack.close())
  port = await freePort()
})
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end()
})

async function open(appToken = tokens.appToken, heldBack: Promise<void> = Promise.resolve()): Promise<void> {
  const connection = {
    botToken: new Sensitive(tokens.botToken),
    apiUrl: slack.apiUrl,
    receiving: { mode: 'socket', appToken: new Sensitive(appToken) },
  } as const
  const app = await openSlackApp(connection, { port, log: pino({ level: 'silent' }) }, (bolt) =>
    bolt.command('/billing', async ({ ack }) => {
      await heldBack
      await ack()
    }),
  )
  ends.push(() => app.close())
}

const type = () => slack.control.type(dana, channel, '/billing status')
const connections = (count: number) =>
  slack.control.waitFor(() => slack.control.connections === count, 20_000, `${count} connections`)
const health = async () => (await fetch(`http://127.0.0.1:${port}/healthz`)).text()
const triesToConnect = () => slack.control.apiCalls('apps.connections.open').length

describe('a Slack that is away for a while', () => {
  it.each(['answers 503', 'cuts the connection'])(
    'and %s ends nothing when one connection is refreshed: the other takes commands, and health tells',
    async (how) => {
      await open()
      await connections(2)
      const before = triesToConnect()
      const fault = {
        method: 'apps.connections.open',
        ...(how === 'answers 503' ? { status: 503 } : { loseAnswer: true }),
      }
      const mend = slack.control.setFault(fault)
      slack.control.dropSockets('oldest')
      await slack.control.waitFor(() => triesToConnect() > before + 3, 20_000, 'four attempts')
      expect(await type()).toMatchObject({ ok: true })
      expect(await health()).toMatch(/^ok\nslack: 1 of 2 connections \(connecting to Slack: .+\)\n$/)
      mend()
      await connections(2)
      await expect.poll(health).toBe('ok\nslack: 2 of 2 connections\n')
    },
    40_000,
  )

  it('is connected to again before the SDK would begin to, when every connection is dropped', async () => {
    await open()
    await connections(2)
    const before = triesToConnect()
    slack.control.dropSockets()
    await slack.control.waitFor(() => triesToConnect() === before + 2, 4_000, 'two attempts')
    await connections(2)
    expect(triesToConnect()).toBe(before + 2)
    expect(await type()).toMatchObject({ ok: true })
  }, 20_000)

  it('is connected to when it is back, although it was away at the start', async () => {
    const mend = slack.control.setFault({ status: 503 })
    await open()
    expect(await health()).toContain('slack: 0 of 2 connections')
    mend()
    await connections(2)
    expect(await type()).toMatchObject({ ok: true })
  }, 20_000)

  it('is no excuse for a token that Slack refuses', async () => {
    await expect(open('xapp-wrong')).rejects.toMatchObject({ code: 'invalid_auth', transient: false })
  })
})

describe('a connection that Slack asks to leave', () => {
  it.each(['warning', 'refresh_requested'] as const)(
    'for a %s is replaced before it goes, and still acknowledges what came by it',
    async (reason) => {
      let goOn = () => {}
      await open(tokens.appToken, new Promise((resolve) => (goOn = resolve)))
      await connections(2)
      const typed = type()
      await slack.control.waitFor(() => slack.control.waitingForAcks === 1, 5_000, 'the command under way')
      slack.control.disconnectSockets(reason)
      await connections(4)
      goOn()
      expect(await typed).toMatchObject({ ok: true })
      await connections(2)
      expect(await type()).toMatchObject({ ok: true })
    },
    30_000,
  )
})

it.each([
  [0, 0, 0],
  [1, 500, 250],
  [2, 1_000, 500],
  [4, 4_000, 2_000],
  [40, 30_000, 15_000],
])('the pause after %i failures is at most %i ms and at least %i', (failures, most, least) => {
  expect(pauseBefore(failures, 1)).toBe(most)
  expect(pauseBefore(failures, 0)).toBe(least)
})
