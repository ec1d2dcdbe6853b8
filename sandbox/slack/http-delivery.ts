import { createHmac } from 'node:crypto'
import { type Ack, ackTimeoutMs, type Delivery, type EnvelopeType } from './delivery.ts'
import type { Json } from './model.ts'

interface HttpDeliveryOptions {
  readonly requestUrl: string
  readonly signingSecret: string
  /** How far the clock that signs is ahead; none when left out. */
  readonly aheadMs?: () => number
}

interface SignedRequest {
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** Signed HTTP delivery: https://docs.slack.dev/authentication/verifying-requests-from-slack */
export function httpDelivery(options: HttpDeliveryOptions): Delivery {
  let last: SignedRequest | undefined
  return {
    send(type, payload, retry): Promise<Ack> {
      const { contentType, body } = written(type, payload)
      const timestamp = String(Math.floor((Date.now() + (options.aheadMs?.() ?? 0)) / 1000))
      const signature = createHmac('sha256', options.signingSecret).update(`v0:${timestamp}:${body}`).digest('hex')
      last = {
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
      }
      return posted(options.requestUrl, last)
    },
    replay() {
      if (last === undefined) throw new Error('nothing was sent yet')
      return posted(options.requestUrl, last)
    },
  }
}

async function posted(url: string, { headers, body }: SignedRequest): Promise<Ack> {
  try {
    const signal = AbortSignal.timeout(ackTimeoutMs)
    const response = await fetch(url, { method: 'POST', headers, body, redirect: 'error', signal })
    const answer = await response.text()
    return response.ok ? { ok: true, body: parsed(answer) } : { ok: false, error: 'dispatch_failed' }
  } catch (error) {
    const late = error instanceof Error && error.name === 'TimeoutError'
    return { ok: false, error: late ? 'operation_timeout' : 'dispatch_failed' }
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
