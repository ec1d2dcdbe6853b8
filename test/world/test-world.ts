import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Bot, startBot } from '../../sandbox/bot.ts'
import { channels, people, type PersonName } from '../../sandbox/people.ts'
import type { Outcome } from '../../sandbox/outcomes.ts'
import { play } from '../../sandbox/play.ts'
import type { Message } from '../../sandbox/slack/model.ts'
import { startWorld, type World, type WorldOptions } from '../../sandbox/world.ts'
import { auditCommand } from '../../src/start/audit-command.ts'
import { ask, asker } from '../support/postgres.ts'

/** The whole sandbox with Purser in it, for tests that speak to it as people do. */
export interface TestWorld {
  readonly sandbox: World
  readonly bots: Bot[]
  /** Plays lines as `npm run sandbox -- --play` does. */
  plays(script: string): Promise<readonly Outcome[]>
  /** Plays commands that must all succeed; raises what was said of the first that did not. */
  succeeds(script: string): Promise<void>
  types(who: PersonName, text: string): Promise<void>
  /** Presses a button of the newest board that has it. */
  presses(who: PersonName, action: string): Promise<void>
  /** Rejects what waits, through the dialog that asks why. */
  rejects(who: PersonName, reason?: string): Promise<void>
  /** What commands have printed and pods have logged, of every run: the report has it, and the thread when something failed. */
  printed(): Promise<string>
  /** What this person sees in #billing-deploys, newest last, as plain text. */
  seenBy(who: PersonName): readonly string[]
  /** Everything in the threads of #billing-deploys. */
  threads(): string
  /** Newest message that only this person sees. */
  toldOnly(who: PersonName): string | undefined
  waitFor(what: string, find: () => boolean, timeoutMs?: number): Promise<void>
  /** Rows of Purser's state database. */
  state(sql: string): Promise<Record<string, unknown>[]>
  /** Rows of the service's database. */
  service(sql: string): Promise<Record<string, unknown>[]>
  /** What `npm run audit -- verify` says, and how it ends; it is given every audit head that the threads have. */
  audit(): Promise<{ readonly code: number; readonly lines: readonly string[] }>
  /** Everything that the bots have logged so far. */
  logs(): string
  startBot(name: string, environment?: Readonly<Record<string, string>>): Promise<Bot>
  close(): Promise<void>
}

export interface TestWorldOptions {
  readonly redisUrl?: string | undefined
  readonly monitorSeconds?: number
  readonly slackMode?: 'socket' | 'http'
  readonly imageBuild?: NonNullable<WorldOptions['imageBuild']>
  readonly retriesFasterBy?: number
  readonly restrictedKeys?: NonNullable<WorldOptions['restrictedKeys']>
  readonly stripeSandboxes?: NonNullable<WorldOptions['stripeSandboxes']>
}

/** The time within which a board has to show a button that is about to be pressed. */
const buttonMs = 20_000

export async function startTestWorld(options: TestWorldOptions = {}): Promise<TestWorld> {
  const directory = await mkdtemp(join(tmpdir(), 'purser-sandbox-'))
  const sandbox = await startWorld({
    monitorSeconds: 5,
    slackRefuses: process.env['SANDBOX_SLACK_REFUSES'],
    ...options,
    directory: join(directory, 'world'),
    slackPort: 0,
  })
  const { control } = sandbox.slack
  const channel = channels.deploys.id
  const stateDatabase = asker(sandbox.stateDatabaseUrl)
  const bots: Bot[] = []
  const logs: string[] = []

  const seen = (who: PersonName): readonly Message[] => control.messagesSeenBy(people[who].id, channel)
  const world: TestWorld = {
    sandbox,
    bots,
    plays: (script) => play(sandbox, script, () => undefined),
    succeeds: async (script) => {
      const failed = (await world.plays(script)).find(({ ok }) => !ok)
      if (failed !== undefined) throw new Error(`${failed.line}: ${failed.why}`)
    },
    types: async (who, text) => {
      await control.type(people[who].id, channel, text)
    },
    presses: async (who, action) => {
      // What the state database says may be a moment ahead of the board.
      const board = await control.waitFor(
        () => seen(who).findLast((message) => JSON.stringify(message.blocks ?? []).includes(`"${action}"`)),
        buttonMs,
        `a button ${action} for ${who}`,
      )
      await control.press(people[who].id, channel, board.ts, action)
    },
    rejects: async (who, reason = 'not now') => {
      const { id } = people[who]
      await world.presses(who, 'reject')
      await world.waitFor('the reject dialog', () => control.openView(id)?.['callback_id'] === 'reject_dialog', 45_000)
      await control.submitView(id, { reason: { reason } })
    },
    printed: async () => {
      const [row] = await world.state(
        `select coalesce(string_agg(post::text, E'\\n'), '') as text from purser.posts where post ->> 'kind' = 'output'`,
      )
      return String(row?.['text'])
    },
    seenBy: (who) => seen(who).map((message) => control.plainText(message)),
    threads: () =>
      seen('dana')
        .flatMap((message) => control.threadSeenBy(people.dana.id, channel, message.ts))
        .map((message) => control.plainText(message))
        .join('\n'),
    toldOnly: (who) => {
      const message = seen(who).findLast((it) => it.is_ephemeral === true)
      return message === undefined ? undefined : control.plainText(message)
    },
    waitFor: async (what, find, timeoutMs = 180_000) => {
      await control.waitFor(() => find() || undefined, timeoutMs, what)
    },
    state: (sql) => stateDatabase.ask(sql),
    service: (sql) => ask(sandbox.serviceDatabaseUrl, sql),
    audit: async () => {
      const heads = [...world.threads().matchAll(/\b\d+:[0-9a-f]{64}\b/g)].map(([head]) => head)
      const lines: string[] = []
      const code = await auditCommand(['verify', ...heads], sandbox.environment, (line) => lines.push(line))
      return { code, lines }
    },
    logs: () => logs.map((file) => readFileSync(file, 'utf8')).join(''),
    startBot: async (name, environment = {}) => {
      const log = join(directory, `${name}.log`)
      logs.push(log)
      const bot = startBot({ ...sandbox.environment, PURSER_INSTANCE: name, ...environment }, log)
      bots.push(bot)
      await bot.ready
      return bot
    },
    close: async () => {
      await Promise.all(bots.map((bot) => bot.stop()))
      await stateDatabase.close()
      const said = world.logs()
      await sandbox.close()
      await rm(directory, { recursive: true, force: true })
      // Node warns beside the log when too many listen to one signal, which is a leak or looks like one.
      const [warning] = /^.*MaxListenersExceededWarning[^]{0,1500}/m.exec(said) ?? []
      if (warning !== undefined) throw new Error(`a bot was warned: ${warning}`)
    },
  }
  return world
}
