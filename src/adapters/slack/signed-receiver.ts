import type { IncomingMessage } from 'node:http'
import { HTTPReceiver, type Logger as BoltLogger, LogLevel } from '@slack/bolt'
import type { Logger } from 'pino'
import type { Sensitive } from '../../sensitive.ts'

/** A clock may be off by so much. Bolt refuses what is more than five minutes old; what is to come it would take for ever. */
const mostAheadSeconds = 60

/**
 * Takes Slack's signed requests, and hands each signature on: whoever answers can then see that a request comes again. A time
 * stamp from the future is refused before anything is read, or a request could be kept and sent when it is forgotten.
 */
export function signedReceiver(signingSecret: Sensitive, log: Logger): HTTPReceiver {
  const receiver = new HTTPReceiver({
    signingSecret: signingSecret.reveal(),
    logger: boltLogger(log),
    customPropertiesExtractor: ({ headers }) => ({ signature: headers['x-slack-signature'] }),
    customRoutes: [
      {
        path: '/healthz',
        method: ['GET'],
        handler: (_request, response) => {
          response.writeHead(200, { 'content-type': 'text/plain' }).end('ok\n')
        },
      },
    ],
  })
  const { requestListener } = receiver
  receiver.requestListener = (request, response) => {
    if (!isAhead(request, Date.now())) return requestListener(request, response)
    log.warn('a request of Slack has a time stamp from the future: refused')
    response.writeHead(401).end()
  }
  return receiver
}

/** Also true for a time stamp that is no number. Without one Bolt refuses what needs it. */
function isAhead({ headers }: IncomingMessage, nowMs: number): boolean {
  const stamp = headers['x-slack-request-timestamp']
  return stamp !== undefined && !(Number(stamp) <= nowMs / 1000 + mostAheadSeconds)
}

/** Bolt's words go to our log, one level lower: what matters is logged by our own code. */
export function boltLogger(log: Logger): BoltLogger {
  const line = (parts: unknown[]) => parts.map(String).join(' ')
  return {
    debug: (...parts) => log.trace(line(parts)),
    info: (...parts) => log.debug(line(parts)),
    warn: (...parts) => log.warn(line(parts)),
    error: (...parts) => log.error(line(parts)),
    setLevel: () => undefined,
    getLevel: () => LogLevel.INFO,
    setName: () => undefined,
  }
}
