import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { type Bot, startBot } from '../../sandbox/bot.ts'
import { channels, onCallGroup, people } from '../../sandbox/people.ts'
import { type SlackSimulator, startSlack } from '../../sandbox/slack/simulator.ts'
import { installedApp } from '../../sandbox/slack-app.ts'
import { freePort } from '../../test/support/ports.ts'

export type Mode = 'socket' | 'http'

/** A workspace of its own with an app in it: Purser or the rival. */
export interface Workspace {
  readonly slack: SlackSimulator
  /** What the app is told of it. */
  readonly environment: Readonly<Record<string, string>>
  readonly bot: Bot
  close(): Promise<void>
}

/** Beyond what one person may look up in a minute somebody else has to ask. */
const crowd = Array.from({ length: 400 }, (_, at) => ({ id: `U1${at}`, name: `u${at}`, realName: `Person ${at}` }))
const tokens = { botToken: 'xoxb-bench', appToken: 'xapp-1-bench', signingSecret: 'signed-by-the-bench' }
const rival = [process.execPath, join(import.meta.dirname, 'bare-bolt.mjs')] as const
let asked = 0

/** Without Slack's own limits, which are not what is measured. Without `purser` the app is the rival. */
export async function openWorkspace(
  mode: Mode,
  logFile: string,
  purser?: Readonly<Record<string, string>>,
): Promise<Workspace> {
  const port = mode === 'http' ? await freePort() : 0
  const slack = await startSlack({
    users: [...Object.values(people), ...crowd],
    channels: Object.values(channels),
    userGroups: [onCallGroup],
    command: '/billing',
    rateLimits: false,
    ...tokens,
    ...(await installedApp()),
    ...(mode === 'http' ? { http: { requestUrl: `http://127.0.0.1:${port}/slack/events` } } : {}),
  })
  const environment = {
    ...purser,
    SLACK_MODE: mode,
    SLACK_API_URL: slack.apiUrl,
    SLACK_BOT_TOKEN: tokens.botToken,
    SLACK_APP_TOKEN: tokens.appToken,
    SLACK_SIGNING_SECRET: tokens.signingSecret,
    PORT: String(port),
  }
  const bot = purser === undefined ? startBot(environment, logFile, rival) : startBot(environment, logFile)
  // It hands nothing over: whatever it has under way is of no use to anybody.
  let closing: Promise<void> | undefined
  const end = async () => {
    bot.kill('SIGKILL')
    await bot.exited
    await slack.close()
  }
  const close = () => (closing ??= end())
  await bot.ready.catch(async (error: unknown) => {
    await close()
    throw error
  })
  return { slack, environment, bot, close }
}

/** How long `/billing status` waited for its acknowledgement, in milliseconds. Raises when there was none. */
export async function acknowledged({ slack: { control } }: Workspace): Promise<number> {
  const { id } = crowd[(asked += 1) % crowd.length] ?? people.sam
  const began = performance.now()
  const { ok, error } = await control.type(id, channels.deploys.id, '/billing status')
  if (!ok) throw new Error(`/billing status was not acknowledged: ${error ?? ''}`)
  return performance.now() - began
}

/** So many commands a second to each workspace, both at the same moments, whether or not the ones before have been answered. */
export async function inVolleys(
  perSecond: number,
  rounds: number,
  rival: Workspace,
  ours: Workspace,
): Promise<{ readonly rival: readonly number[]; readonly ours: readonly number[] }> {
  const [theirs, own]: [Promise<number>[], Promise<number>[]] = [[], []]
  const began = performance.now()
  for (let round = 0; round < rounds; round += 1) {
    await pause(Math.max(0, began + (round * 1_000) / perSecond - performance.now()))
    theirs.push(acknowledged(rival))
    own.push(acknowledged(ours))
  }
  return { rival: await Promise.all(theirs), ours: await Promise.all(own) }
}

/** From the typing to the first message of the run, in milliseconds. */
export async function firstBoard({ slack: { control } }: Workspace, text: string): Promise<number> {
  const [user, channel] = [people.dana.id, channels.deploys.id]
  const before = new Set(control.messagesSeenBy(user, channel).map(({ ts }) => ts))
  const began = performance.now()
  const { ok, error } = await control.type(user, channel, `/billing ${text}`)
  if (!ok) throw new Error(`/billing ${text} was not acknowledged: ${error ?? ''}`)
  const posted = () =>
    control.messagesSeenBy(user, channel).find((one) => !before.has(one.ts) && /planning/i.test(JSON.stringify(one)))
  await control.waitFor(posted, 30_000, `the board of ${text}`)
  return performance.now() - began
}
