import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { App, type Receiver } from '@slack/bolt'
import { z } from 'zod'
import { teamId } from '../../sandbox/slack/workspace.ts'
import type { CommandContext } from '../../src/commands/command-context.ts'
import { homeFacts, homeOf } from '../../src/commands/home.ts'
import { connect } from '../../src/commands/slack-app.ts'

/*
 * What people do in Slack, as payloads that reach a real Bolt app; and what they are told, by the ways that Slack has for
 * it: response_url, views, the answer to a dialog.
 */

/** One thing that somebody does. */
export interface Act {
  readonly name: string
  readonly body: Readonly<Record<string, unknown>>
}

export interface Doer {
  readonly user: string
  /** The workspace that the payload names. */
  readonly team?: string
}

let count = 0
const unique = (prefix: string) => `${prefix}${Date.now()}.${(count += 1)}`

function who({ user, team = teamId }: Doer) {
  return {
    user: { id: user, username: user, name: user, team_id: team },
    team: { id: team, domain: 'example' },
    enterprise: null,
    is_enterprise_install: false,
    api_app_id: 'A0PURSER',
    token: 'sandbox',
    trigger_id: unique('trigger.'),
  }
}

export const types = ({ user, team = teamId }: Doer, channel: string, text: string): Act => ({
  name: `/billing ${text}`,
  body: {
    token: 'sandbox',
    team_id: team,
    team_domain: 'example',
    channel_id: channel,
    channel_name: 'x',
    user_id: user,
    user_name: user,
    command: '/billing',
    text,
    api_app_id: 'A0PURSER',
    is_enterprise_install: 'false',
    trigger_id: unique('trigger.'),
  },
})

export const presses = (doer: Doer, channel: string, actionId: string, value: string): Act => ({
  name: `button ${actionId}`,
  body: {
    type: 'block_actions',
    ...who(doer),
    ...(channel === '' ? {} : { channel: { id: channel, name: 'x' } }),
    container: { type: 'message', message_ts: '1.000001', channel_id: channel },
    actions: [{ type: 'button', action_id: actionId, block_id: 'b', action_ts: '1.0', value }],
  },
})

export const pressesInHome = (doer: Doer, actionId: string, value: string): Act => ({
  name: `home ${actionId}`,
  body: {
    type: 'block_actions',
    ...who(doer),
    container: { type: 'view', view_id: 'V1' },
    view: { id: 'V1', type: 'home', app_installed_team_id: teamId },
    actions: [{ type: 'button', action_id: actionId, block_id: 'b', action_ts: '1.0', value }],
  },
})

export const submits = (
  doer: Doer,
  callbackId: string,
  metadata: object,
  values: Readonly<Record<string, Readonly<Record<string, unknown>>>>,
): Act => ({
  name: `dialog ${callbackId}`,
  body: {
    type: 'view_submission',
    ...who(doer),
    response_urls: [],
    view: {
      id: 'V1',
      type: 'modal',
      callback_id: callbackId,
      private_metadata: JSON.stringify(metadata),
      app_installed_team_id: teamId,
      state: {
        values: Object.fromEntries(Object.entries(values).map(([input, value]) => [input, { [input]: value }])),
      },
    },
  },
})

export const opensHome = ({ user, team = teamId }: Doer): Act => ({
  name: 'App Home',
  body: {
    type: 'event_callback',
    token: 'sandbox',
    team_id: team,
    api_app_id: 'A0PURSER',
    event_id: unique('Ev'),
    event_time: 1,
    event: { type: 'app_home_opened', user, tab: 'home', channel: 'D1', event_ts: '1.0' },
    authorizations: [{ team_id: team, user_id: 'U0PURSER', is_bot: true, is_enterprise_install: false }],
  },
})

export interface FrontDoor {
  /** What somebody was told by it, as one text for each answer. */
  does(act: Act, signature?: string): Promise<readonly string[]>
  /** App Home, each time it was drawn since the last act. */
  readonly homes: readonly string[]
  close(): Promise<void>
}

/** A dialog is put in the place of the one that was confirmed, or its fields are told what is wrong with them. */
const Acknowledged = z.union([
  z.object({ response_action: z.literal('errors'), errors: z.unknown() }),
  z.object({ view: z.unknown() }),
])

/** Purser's listeners on a Bolt app, which are handed payloads as a receiver hands them. */
export async function openFrontDoor(context: CommandContext): Promise<FrontDoor> {
  const heard: string[] = []
  const homes: string[] = []
  const slack = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const isAnswer = /response|views\./.test(request.url ?? '')
      if (isAnswer) heard.push(decodeURIComponent(Buffer.concat(chunks).toString('utf8').replaceAll('+', ' ')))
      const body = { ok: true, user_id: 'U0PURSER', bot_id: 'B0PURSER', team_id: teamId, view: { id: 'V2' } }
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body))
    })
  })
  // A connection that is closed while it is used again would be a request twice.
  slack.keepAliveTimeout = 300_000
  await new Promise<void>((resolve) => slack.listen(0, '127.0.0.1', resolve))
  const origin = `http://127.0.0.1:${String((slack.address() as AddressInfo).port)}`
  const receiver: Receiver = { init: () => undefined, start: async () => undefined, stop: async () => undefined }
  const app = new App({
    token: 'xoxb-test',
    receiver,
    clientOptions: { slackApiUrl: `${origin}/api/` },
    // Or the app of a test that has ended asks on.
    tokenVerificationEnabled: false,
  })
  const failures: unknown[] = []
  app.error(async (error) => void failures.push(error))
  connect(app, '/billing', context, {
    opened: async (user) => void homes.push(JSON.stringify(await homeOf(user, await homeFacts(context), context))),
  })
  return {
    homes,
    does: async ({ body }, signature) => {
      heard.length = 0
      homes.length = 0
      await app.processEvent({
        body: { ...body, response_url: `${origin}/response` },
        ack: async (answer?: unknown) => {
          const { data } = Acknowledged.safeParse(answer)
          if (data !== undefined) heard.push(JSON.stringify('errors' in data ? data.errors : data.view))
        },
        customProperties: { signature },
      })
      if (failures.length > 0) throw failures[0]
      return [...heard]
    },
    close: async () => {
      slack.closeAllConnections()
      await new Promise((resolve) => slack.close(resolve))
    },
  }
}
