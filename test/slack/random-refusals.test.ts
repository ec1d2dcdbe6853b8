import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { openChat } from '../../src/adapters/slack/client.ts'
import { SlackTrouble } from '../../src/adapters/slack/errors.ts'
import type { OutgoingMessage } from '../../src/adapters/slack/port.ts'
import { Sensitive } from '../../src/sensitive.ts'
import { refusalsFrom } from '../../sandbox/slack/random-refusals.ts'
import type { SlackSimulator } from '../../sandbox/slack/simulator.ts'
import { channel, openRoom, tokens } from './room.ts'

let slack: SlackSimulator
beforeAll(async () => {
  slack = await openRoom({ rateLimits: false })
})
afterEach(() => slack.control.clearFaults())
afterAll(() => slack.close())

const words = { type: 'plain_text' as const, text: 'Deploy' }
const rich: OutgoingMessage = { text: 'Deploy', blocks: [{ type: 'header', text: words }] }
const plain: OutgoingMessage = { text: 'Deploy' }

/** What became of each of these posts: `taken`, or Slack's error. */
async function posted(messages: readonly OutgoingMessage[]): Promise<readonly string[]> {
  const chat = openChat({ token: new Sensitive(tokens.botToken), apiUrl: slack.apiUrl })
  const said: string[] = []
  for (const message of messages) {
    said.push(
      await chat.post(channel, message, {}, AbortSignal.timeout(10_000)).then(
        () => 'taken',
        (error: unknown) => (error instanceof SlackTrouble ? error.code : String(error)),
      ),
    )
  }
  return said
}

const hundred = Array.from({ length: 100 }, (_, index) => (index % 2 === 0 ? rich : plain))

describe('refusals at random', () => {
  it('are the same for the same seed, and others for another', async () => {
    const said: (readonly string[])[] = []
    for (const seed of [7, 7, 8]) {
      slack.control.refuseAtRandom({ seed, rate: 0.5 })
      said.push(await posted(hundred))
    }
    expect(said[1]).toEqual(said[0])
    expect(said[2]).not.toEqual(said[0])
  })

  it('come about as often as they should, with errors for good and errors that pass', async () => {
    slack.control.refuseAtRandom({ seed: 3, rate: 0.4 })
    const said = await posted(hundred)
    const refused = said.filter((one) => one !== 'taken')
    expect(refused.length).toBeGreaterThan(25)
    expect(refused.length).toBeLessThan(55)
    expect(new Set(refused)).toEqual(
      new Set([
        'invalid_blocks',
        'msg_blocks_too_long',
        'ratelimited',
        'internal_error',
        'service_unavailable',
        'slack_http_error',
      ]),
    )
  })

  it('never say of blocks what has none, nor of a short text that it is too long', async () => {
    slack.control.refuseAtRandom({ seed: 3, rate: 0.9 })
    const said = await posted(hundred.map(() => plain))
    expect(said.filter((one) => /blocks|too_long/.test(one))).toEqual([])
  })

  it('end when the faults are taken back', async () => {
    slack.control.refuseAtRandom({ seed: 3, rate: 0.9 })
    slack.control.clearFaults()
    expect(new Set(await posted(hundred.slice(0, 20)))).toEqual(new Set(['taken']))
  })
})

it.each(['', '7', '7:1', '7:1.5', '-1:0.3', 'x:0.3'])('refuses %j as a setting', (text) => {
  expect(() => refusalsFrom(text)).toThrow(/SEED:RATE/)
})

it('reads a seed and a rate', () => {
  expect(refusalsFrom('7:0.3')).toEqual({ seed: 7, rate: 0.3 })
})
