import { createServer } from 'node:http'
import { App, type App as BoltApp } from '@slack/bolt'
import type { Logger } from 'pino'
import type { Sensitive } from '../../sensitive.ts'
import { boltLogger, signedReceiver } from './signed-receiver.ts'
import { SocketConnections, type SocketState } from './socket-connections.ts'
import { SlackTrouble } from './errors.ts'
import { slackCalls } from './web-client.ts'

interface SlackConnection {
  readonly botToken: Sensitive
  readonly apiUrl: string | undefined
  readonly receiving:
    | { readonly mode: 'socket'; readonly appToken: Sensitive }
    | { readonly mode: 'http'; readonly signingSecret: Sensitive }
    | undefined
}

interface SlackApp {
  close(): Promise<void>
}

/**
 * Opens the ways by which Slack reaches Purser, and a health page on `port`. A Slack that is away ends nothing: what cannot be
 * opened now is tried again. Raises SlackTrouble when Slack refuses a token.
 */
export async function openSlackApp(
  connection: SlackConnection,
  options: { readonly port: number; readonly log: Logger },
  connect: (app: BoltApp) => void,
): Promise<SlackApp> {
  const { receiving } = connection
  if (receiving !== undefined) await checkBotToken(connection, options.log)
  if (receiving?.mode === 'http') return openHttp(connection, receiving.signingSecret, options, connect)
  const sockets =
    receiving === undefined
      ? undefined
      : new SocketConnections({ appToken: receiving.appToken, apiUrl: connection.apiUrl, log: options.log })
  const health = await openHealthPage(options.port, () => healthText(sockets?.state()))
  try {
    if (sockets !== undefined) {
      const app = new App({ ...common(connection, options.log), receiver: sockets })
      connect(app)
      await app.start()
    }
  } catch (error) {
    health.close()
    throw error
  }
  return {
    close: async () => {
      await sockets?.stop()
      health.close()
    },
  }
}

const tokenLimitMs = 10_000

/** Bolt would ask this by itself, and end the process when Slack does not answer. */
async function checkBotToken({ botToken, apiUrl }: SlackConnection, log: Logger): Promise<void> {
  const call = slackCalls({ token: botToken, ...(apiUrl === undefined ? {} : { apiUrl }) })
  try {
    await call('checking SLACK_BOT_TOKEN', AbortSignal.timeout(tokenLimitMs), (client) => client.auth.test())
  } catch (error) {
    if (error instanceof SlackTrouble && !error.transient) throw error
    log.warn({ err: error }, 'Slack does not answer at the start: Purser goes on and tries again')
  }
}

async function openHttp(
  connection: SlackConnection,
  signingSecret: Sensitive,
  options: { readonly port: number; readonly log: Logger },
  connect: (app: BoltApp) => void,
): Promise<SlackApp> {
  const app = new App({ ...common(connection, options.log), receiver: signedReceiver(signingSecret, options.log) })
  connect(app)
  await app.start(options.port)
  return {
    close: async () => {
      await app.stop()
    },
  }
}

function common({ botToken, apiUrl }: SlackConnection, log: Logger) {
  return {
    // Known without asking Slack, so that nothing that arrives waits for an answer of Slack.
    authorize: async () => ({ botToken: botToken.reveal() }),
    logger: boltLogger(log),
    clientOptions: { ...(apiUrl === undefined ? {} : { slackApiUrl: apiUrl }), retryConfig: { retries: 2 } },
  }
}

/** Purser is well without Slack, as runs go on: whoever watches the page learns that commands do not arrive. */
function healthText(state: SocketState | undefined): string {
  if (state === undefined) return 'ok\n'
  const { open, wanted, trouble } = state
  return `ok\nslack: ${open} of ${wanted} connections${trouble === undefined ? '' : ` (${trouble})`}\n`
}

function openHealthPage(port: number, text: () => string): Promise<{ close(): void }> {
  const server = createServer((request, response) => {
    const known = request.url === '/healthz'
    response.writeHead(known ? 200 : 404, { 'content-type': 'text/plain' }).end(known ? text() : 'not found\n')
  })
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, () => resolve(server))
  })
}
