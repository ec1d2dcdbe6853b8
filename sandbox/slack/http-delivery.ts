import { createHmac } from 'node:crypto'
import { type Ack, ackTimeoutMs, type Delivery, type EnvelopeType } from './delivery.ts'
import type { Json } from './model.ts'

interface HttpDeliveryOptions {
  readonly requestUrl: string
  readonly signingSecret: string
}

/** Signed HTTP delivery: https://docs.slack.dev/authentication/verifying-requests-from-slack */
export function httpDelivery(options: HttpDeliveryOptions): Delivery {
  return {
    async send(type, payload, retry): Promise<Ack> {
      const { contentType, body } = written(type, payload)
      const timestamp = String(Math.floor(Date.now() / 1000))
      const signature = createHmac('sha256', options.signingSecret).update(`v0:${timestamp}:${body}`).digest('hex')
      try {
        const response = await fetch(options.requestUrl, {
          method: 'POST',
          headers: {
            'content-type': contentType,
            'x-slack-request-timestamp': timestamp,
            'x-slack-signature': `v0=${signature}`,
            'user-agent': 'Slackbot 1.0 (+https://api.slack.com/robots)',
            ...(retry === undefined
              ? {}
              : { 'x-slack-retry-num': String(retry.attempt), 'x-slack-retry-reason': retry.reason }),
          },
          body,
          redirect: 'error',
          signal: AbortSignal.timeout(ackTimeoutMs),
        })
        const answer = await response.text()
        return response.ok ? { ok: true, body: parsed(answer) } : { ok: false, error: 'dispatch_failed' }
      } catch (error) {
        const late = error instanceof Error && error.name === 'TimeoutError'
        return { ok: false, error: late ? 'operation_timeout' : 'dispatch_failed' }
      }
    },
  }
}

function written(type: EnvelopeType, payload: Json): { contentType: string; body: string } {
  if (type === 'events_api') return { contentType: 'application/json', body: JSON.stringify(payload) }
  const fields =
    type === 'interactive'
      ? { payload: JSON.stringify(payload) }
      : Object.fromEntries(Object.entries(payload).map(([key, value]) => [key, String(value)]))
  return { contentType: 'application/x-www-form-urlencoded', body: new URLSearchParams(fields).toString() }
}

/** A body that is not JSON is a plain text answer. */
function parsed(body: string): Json | undefined {
  if (body === '') return undefined
  try {
    const value: unknown = JSON.parse(body)
    return typeof value === 'object' && value !== null ? (value as Json) : { text: body }
  } catch {
    return { text: body }
  }
}
