import { createServer } from 'node:http'
import { App, type App as BoltApp } from '@slack/bolt'
import type { Logger } from 'pino'
import type { Sensitive } from '../../sensitive.ts'
import { boltLogger, signedReceiver } from './signed-receiver.ts'

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
 * Opens the ways by which Slack reaches Purser, and a health page on `port`. Socket Mode keeps two connections: when
 * Slack asks one to reconnect it is blind for seconds, and a click would be lost.
 */
export async function openSlackApp(
  connection: SlackConnection,
  options: { readonly port: number; readonly log: Logger },
  connect: (app: BoltApp) => void,
): Promise<SlackApp> {
  const { receiving } = connection
  if (receiving?.mode === 'http') return openHttp(connection, receiving.signingSecret, options, connect)
  const health = await openHealthPage(options.port)
  const apps: BoltApp[] = []
  for (let index = 0; receiving !== undefined && index < 2; index += 1) {
    const app = new App({
      ...common(connection, options.log),
      socketMode: true,
      appToken: receiving.appToken.reveal(),
    })
    connect(app)
    await app.start()
    apps.push(app)
  }
  return {
    close: async () => {
      await Promise.all(apps.map((app) => app.stop()))
      health.close()
    },
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
    token: botToken.reveal(),
    logger: boltLogger(log),
    // Retries are set here, or Socket Mode gives every client of a listener its own hundred.
    clientOptions: { ...(apiUrl === undefined ? {} : { slackApiUrl: apiUrl }), retryConfig: { retries: 2 } },
  }
}

function openHealthPage(port: number): Promise<{ close(): void }> {
  const server = createServer((request, response) => {
    const known = request.url === '/healthz'
    response.writeHead(known ? 200 : 404, { 'content-type': 'text/plain' }).end(known ? 'ok\n' : 'not found\n')
  })
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, () => resolve(server))
  })
}
