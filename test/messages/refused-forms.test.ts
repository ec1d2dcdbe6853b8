import type { ActionsBlock, Block, HeaderBlock, KnownBlock } from '@slack/types'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { SlackSimulator } from '../../sandbox/slack/simulator.ts'
import { openChat } from '../../src/adapters/slack/client.ts'
import { type Chat, type PostedMessage, SlackTrouble } from '../../src/adapters/slack/port.ts'
import { offer } from '../../src/jobs/offer.ts'
import { ladder, rungs } from '../../src/messages/blocks/ladder.ts'
import type { Message } from '../../src/messages/blocks/message.ts'
import { Sensitive } from '../../src/sensitive.ts'
import { channel, dana, openRoom, tokens } from '../slack/room.ts'
import { pictures } from './pictures.ts'

// Every message of the gallery goes through the simulator, which refuses it on each rung of its ladder in turn.

/** What Slack says of the form of a message, for good. */
const errors = ['invalid_blocks', 'invalid_blocks_format', 'msg_blocks_too_long', 'msg_too_long', 'slack_knows_another']
const messages = pictures.flatMap((picture) => (picture.kind === 'message' ? [picture] : []))

let slack: SlackSimulator
let chat: Chat
beforeAll(async () => {
  slack = await openRoom({ rateLimits: false })
  chat = openChat({ token: new Sensitive(tokens.botToken), apiUrl: slack.apiUrl })
})
afterEach(() => slack.control.clearFaults())
afterAll(() => slack.close())

const signal = () => AbortSignal.timeout(10_000)
const ignored = async () => undefined

async function post(message: Message): Promise<{ readonly sent: PostedMessage; readonly rung: number }> {
  return offer(message, 0, (form) => chat.post(channel, form, {}, signal()), ignored)
}

/** Everything a reader sees of it, marks and line breaks aside. */
function seen({ ts }: PostedMessage): string {
  const message = slack.control.messagesSeenBy(dana, channel).find((one) => one.ts === ts)
  if (message === undefined) throw new Error(`nobody sees ${ts}`)
  return bare(slack.control.plainText(message))
}

function bare(text: string): string {
  return text.replaceAll(/[*_`~]|:[a-z_]+:/g, '').replaceAll(/\s+/g, ' ')
}

/** What a reader must be told whatever is refused: the header, or else how the text begins. */
function headline({ text, blocks = [] }: Message): string {
  const header = blocks.find((block): block is HeaderBlock => block.type === 'header')?.text.text
  const words = slack.control.plainText({ type: 'message', channel, ts: '1', user: dana, text: header ?? text })
  return header === undefined ? (bare(words).split(/[,:.] /)[0] ?? '') : bare(words)
}

function buttons(blocks: readonly (KnownBlock | Block)[] = []): readonly string[] {
  return blocks
    .filter((block): block is ActionsBlock => block.type === 'actions')
    .flatMap(({ elements }) => elements)
    .flatMap((element) => (element.type === 'button' ? [`[${bare(element.text.text)}]`] : []))
}

describe.each(errors)('a message that Slack refuses with %s', (error) => {
  it.each(messages)(
    'arrives on whatever rung it is taken, with its headline and its buttons: $name',
    async ({ message }) => {
      const steps = ladder(message)
      for (const [refused, step] of steps.entries()) {
        slack.control.clearFaults()
        if (refused > 0) slack.control.setFault({ method: 'chat.postMessage', error, times: refused })
        const { sent, rung } = await post(message)
        expect(rungs[rung]).toBe(step.rung)
        const text = seen(sent)
        expect([step.rung, text]).toEqual([step.rung, expect.stringContaining(headline(message))])
        if (step.rung === 'text_alone') continue
        for (const label of buttons(message.blocks)) expect(text).toContain(label)
      }
    },
  )

  it('replaces what stood there when it is an edit', async () => {
    const { message } = messages.find(({ name }) => name === 'board-waiting') ?? {}
    if (message === undefined) throw new Error('the gallery has no board that waits')
    for (const [refused, step] of ladder(message).entries()) {
      const before = await chat.post(channel, { text: 'Planning' }, {}, signal())
      if (refused > 0) slack.control.setFault({ method: 'chat.update', error, times: refused })
      await offer(message, 0, (form) => chat.update(before, form, signal()), ignored)
      expect([step.rung, seen(before)]).toEqual([step.rung, expect.stringContaining(headline(message))])
    }
  })
})

it('whatever Slack refuses at random, every message arrives once what passes has passed', async () => {
  slack.control.refuseAtRandom({ seed: 42, rate: 0.4 })
  for (const { message } of messages) expect(seen(await postedAtLast(message))).toContain(headline(message))
})

/** Purser comes back later to what passes by itself. */
async function postedAtLast(message: Message): Promise<PostedMessage> {
  for (;;) {
    try {
      return (await post(message)).sent
    } catch (failure) {
      if (!(failure instanceof SlackTrouble) || !failure.transient) throw failure
    }
  }
}
