import { setTimeout as delay } from 'node:timers/promises'
import { type App, type Receiver, SocketModeReceiver } from '@slack/bolt'
import type { Logger } from 'pino'
import { type SlackCode, SlackRateLimited, type SlackTrouble } from './errors.ts'
import { boltLogger } from './signed-receiver.ts'
import { slackTrouble, whyNot } from './slack-trouble.ts'
import type { Sensitive } from '../../sensitive.ts'
import { timeLimit } from '../../time-limit.ts'

/*
 * Socket Mode, with a reconnect of its own. The SDK's ends the process when `apps.connections.open` fails at a reconnect (it throws
 * from a timer), waits five seconds before it connects again, and closes a connection that is to be refreshed before there is
 * another one. Here each of two places keeps one connection open for ever: a lost one is replaced at once and then with growing
 * pauses, and one that Slack asks to leave goes when its replacement stands.
 */

const places = 2
/** Slack sends its hello right after the connection. */
const helloLimitMs = 10_000
/** A connection without an answer to its pings for this long is taken to be lost; three are sent in it. */
const pingLimitMs = 3_000
/** One that lived so short a time counts as a failed attempt, or a connection that is always dropped would be one without pause. */
const shortLifeMs = 10_000
const longestPauseMs = 30_000
/** What came by a connection that is replaced is still acknowledged by it. */
const graceMs = 3_000

/** What no later attempt mends. At the start it is raised; later it may be mended in Slack, so attempts go on. */
const forGood: ReadonlySet<SlackCode> = new Set<SlackCode>([
  'invalid_auth',
  'not_authed',
  'token_revoked',
  'account_inactive',
])

interface SocketOptions {
  readonly appToken: Sensitive
  readonly apiUrl: string | undefined
  readonly log: Logger
}

/** How Slack reaches Purser now. */
export interface SocketState {
  readonly open: number
  readonly wanted: number
  /** Why the last attempt to connect failed; undefined when all connections stand. */
  readonly trouble: string | undefined
}

/** The pause before an attempt, after so many that failed in a row: none at first, then up to half a minute, each spread over its second half. */
export function pauseBefore(failures: number, random: number): number {
  if (failures === 0) return 0
  return Math.min(longestPauseMs, 500 * 2 ** (failures - 1)) * (0.5 + random / 2)
}

interface Connection {
  /** Resolves when Slack asks this connection to leave, or when it is gone. */
  readonly over: Promise<void>
  readonly openedAt: number
  leave(): void
}

/** Bolt's receiver over several Socket Mode connections. */
export class SocketConnections implements Receiver {
  readonly #options: SocketOptions
  readonly #closing = new AbortController()
  readonly #open = new Set<SocketModeReceiver>()
  #app: App | undefined
  #trouble: string | undefined

  constructor(options: SocketOptions) {
    this.#options = options
  }

  init(app: App): void {
    this.#app = app
  }

  /** Resolves when each place has connected or will try again. Raises SlackTrouble when Slack will never let this app in. */
  async start(): Promise<void> {
    await Promise.all(
      Array.from(
        { length: places },
        () => new Promise<void>((resolve, reject) => void this.#keepOpen(resolve, reject)),
      ),
    )
  }

  async stop(): Promise<void> {
    this.#closing.abort()
    for (const receiver of this.#open) void receiver.client.disconnect().catch(() => undefined)
  }

  state(): SocketState {
    const open = Math.min(this.#open.size, places)
    return { open, wanted: places, trouble: open === places ? undefined : this.#trouble }
  }

  async #keepOpen(tried: () => void, refused: (error: SlackTrouble) => void): Promise<void> {
    const { signal } = this.#closing
    let failures = 0
    let before: Connection | undefined
    while (!signal.aborted) {
      try {
        const connection = await this.#connect()
        if (failures > 0) this.#options.log.info('a connection to Slack stands again')
        before?.leave()
        before = connection
        tried()
        await connection.over
        failures = performance.now() - connection.openedAt < shortLifeMs ? failures + 1 : 0
      } catch (error) {
        const trouble = slackTrouble('connecting to Slack', error)
        if (forGood.has(trouble.code)) refused(trouble)
        failures += 1
        this.#noteFailure(trouble, failures)
        tried()
        if (trouble instanceof SlackRateLimited) await pause(trouble.retryAfterMs, signal)
      }
      await pause(pauseBefore(failures, Math.random()), signal)
    }
  }

  #noteFailure(trouble: SlackTrouble, failures: number): void {
    this.#trouble = whyNot(trouble)
    const { open, wanted } = this.state()
    const facts = { err: trouble, failures, open, wanted }
    if (open === 0) this.#options.log.error(facts, 'no connection to Slack stands: commands do not arrive, runs go on')
    else this.#options.log.warn(facts, 'connecting to Slack, trying again')
  }

  async #connect(): Promise<Connection> {
    const receiver = this.#receiver()
    const { client } = receiver
    const gone = new Promise<void>((resolve) => client.once('disconnected', () => resolve()))
    const leaving = new Promise<void>((resolve) => onAskedToLeave(client, resolve))
    const limit = timeLimit(helloLimitMs)
    const started = client.start()
    // It may fail after nobody waits for it any more.
    started.catch(() => undefined)
    try {
      await Promise.race([started, aborted(AbortSignal.any([limit, this.#closing.signal]))])
    } catch (error) {
      void client.disconnect().catch(() => undefined)
      throw error instanceof Error ? error : new Error('Slack closed the connection before its hello')
    }
    this.#open.add(receiver)
    void gone.then(() => this.#open.delete(receiver))
    return {
      over: Promise.race([gone, leaving]),
      openedAt: performance.now(),
      leave: () => void setTimeout(() => void client.disconnect().catch(() => undefined), graceMs).unref(),
    }
  }

  #receiver(): SocketModeReceiver {
    const { appToken, apiUrl, log } = this.#options
    const receiver = new SocketModeReceiver({
      appToken: appToken.reveal(),
      logger: boltLogger(log),
      autoReconnectEnabled: false,
      clientPingTimeout: pingLimitMs,
      installerOptions: {
        clientOptions: {
          ...(apiUrl === undefined ? {} : { slackApiUrl: apiUrl }),
          retryConfig: { retries: 0 },
          rejectRateLimitedCalls: true,
          fetch: (url, init) => fetch(url, { ...init, signal: timeLimit(helloLimitMs) }),
        },
      },
    })
    if (this.#app !== undefined) receiver.init(this.#app)
    return receiver
  }
}

/**
 * Calls back when Slack asks a connection to leave, in the place of the SDK, which would close it on the spot: an acknowledgement
 * that is under way would be lost, and nothing would arrive until there is another connection.
 */
function onAskedToLeave(client: SocketModeReceiver['client'], leave: () => void): void {
  const handlers = client.listeners('ws_message')
  client.removeAllListeners('ws_message')
  client.on('ws_message', (data: unknown, isBinary: unknown) => {
    if (isDisconnect(data)) return leave()
    for (const handle of handlers) handle.call(client, data, isBinary)
  })
}

function isDisconnect(data: unknown): boolean {
  // Payloads are large and many; this message is neither.
  if (typeof data !== 'string' || data.length > 2_000 || !data.includes('"disconnect"')) return false
  try {
    return (JSON.parse(data) as { readonly type?: unknown }).type === 'disconnect'
  } catch {
    return false
  }
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) return reject(signal.reason as Error)
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
  })
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => undefined)
}
