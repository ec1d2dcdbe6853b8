import { createHmac } from 'node:crypto'
import { setMaxListeners } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import type { EndpointStore } from './endpoints.ts'
import type { EventStore } from './events.ts'

export interface DeliveryAttempt {
  readonly eventId: string
  readonly type: string
  readonly endpointId: string
  readonly url: string
  /** HTTP status, or why there was none. */
  readonly outcome: number | string
  readonly at: Date
}

interface DeliveryOptions {
  readonly accountVersion: string
  /** Per attempt. */
  readonly timeoutMs: number
  /** Pauses between attempts; Stripe's take hours. */
  readonly retryDelaysMs: readonly number[]
}

const KEPT_ATTEMPTS = 2_000

/** Posts events to endpoints, signed; tries again until a 2xx comes or the attempts are used up. */
export class Deliveries {
  readonly #endpoints: EndpointStore
  readonly #events: EventStore
  readonly #options: DeliveryOptions
  readonly #closing = new AbortController()
  readonly #underWay = new Set<Promise<void>>()
  readonly #attempts: DeliveryAttempt[] = []

  constructor(endpoints: EndpointStore, events: EventStore, options: DeliveryOptions) {
    this.#endpoints = endpoints
    this.#events = events
    this.#options = options
    setMaxListeners(0, this.#closing.signal) // one for each delivery that waits for its next try
  }

  attempts(): readonly DeliveryAttempt[] {
    return [...this.#attempts]
  }

  start(eventId: string, endpointId: string): void {
    const delivery = this.#deliver(eventId, endpointId).catch(() => undefined) // only closing rejects
    this.#underWay.add(delivery)
    void delivery.then(() => this.#underWay.delete(delivery))
  }

  async close(): Promise<void> {
    this.#closing.abort()
    await Promise.all(this.#underWay)
  }

  async #deliver(eventId: string, endpointId: string): Promise<void> {
    for (const pause of [0, ...this.#options.retryDelaysMs]) {
      if (pause > 0) await delay(pause, undefined, { signal: this.#closing.signal })
      // A retry that is due while the endpoint is disabled or deleted ends this event's retries.
      if (this.#endpoints.find(endpointId)?.status !== 'enabled') return
      if (await this.#attempt(eventId, endpointId)) return this.#events.acknowledged(eventId, endpointId)
    }
  }

  async #attempt(eventId: string, endpointId: string): Promise<boolean> {
    const event = this.#events.find(eventId)
    const endpoint = this.#endpoints.find(endpointId)
    const secret = this.#endpoints.secretOf(endpointId)
    if (!event || !endpoint || !secret) return false
    const body = JSON.stringify(
      { ...event, api_version: endpoint.api_version ?? this.#options.accountVersion },
      null,
      2,
    )
    const outcome = await this.#post(endpoint.url, body, secret)
    this.#attempts.push({ eventId, type: event.type, endpointId, url: endpoint.url, outcome, at: new Date() })
    if (this.#attempts.length > KEPT_ATTEMPTS) this.#attempts.shift()
    return typeof outcome === 'number' && outcome >= 200 && outcome < 300
  }

  async #post(url: string, body: string, secret: string): Promise<number | string> {
    const headers = {
      'content-type': 'application/json; charset=utf-8',
      'user-agent': 'Stripe/1.0 (+https://stripe.com/docs/webhooks)',
      'cache-control': 'no-cache',
      'stripe-signature': signatureOf(body, secret),
    }
    const signal = AbortSignal.any([this.#closing.signal, AbortSignal.timeout(this.#options.timeoutMs)])
    try {
      const response = await fetch(url, { method: 'POST', headers, body, redirect: 'manual', signal })
      await response.body?.cancel()
      return response.status
    } catch (error) {
      this.#closing.signal.throwIfAborted()
      return error instanceof Error && error.name === 'TimeoutError' ? 'timed out' : 'connection failed'
    }
  }
}

/** https://docs.stripe.com/webhooks#verify-manually */
function signatureOf(body: string, secret: string): string {
  const timestamp = Math.floor(Date.now() / 1000)
  const digest = createHmac('sha256', secret).update(`${timestamp}.${body}`).digest('hex')
  return `t=${timestamp},v1=${digest}`
}
