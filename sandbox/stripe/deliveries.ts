import { createHmac, randomBytes } from 'node:crypto'
import { setMaxListeners } from 'node:events'
import type { Clock } from './clock.ts'
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
  /** The release in which the event was sent. */
  readonly apiVersion: string
  /** Whether somebody asked for it, beside Stripe's own tries. */
  readonly resent: boolean
}

interface DeliveryOptions {
  readonly clock: Clock
  readonly livemode: boolean
  /** Per attempt. */
  readonly timeoutMs: number
  /** Pauses between attempts. */
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
  readonly #posting = new Set<Promise<unknown>>()
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

  forgetAll(): void {
    this.#attempts.length = 0
  }

  start(eventId: string, endpointId: string): void {
    this.#watch(this.#deliver(eventId, endpointId))
  }

  /**
   * Sends an event because somebody asked for it. It does not end Stripe's own retries, which go on until one of them is
   * answered with 2xx (https://docs.stripe.com/webhooks#retries). That it is tried once is assumed.
   */
  resend(eventId: string, endpointId: string): void {
    this.#watch(this.#attempt(eventId, endpointId, true).then(() => undefined))
  }

  /** Resolves when nothing is being posted: what is left waits for its next try. */
  async idle(): Promise<void> {
    // Whoever was just woken posts in one of the next turns of the event loop.
    await new Promise((resolve) => setImmediate(resolve))
    while (this.#posting.size > 0) {
      await Promise.all(this.#posting)
      await new Promise((resolve) => setImmediate(resolve))
    }
  }

  async close(): Promise<void> {
    this.#closing.abort()
    await Promise.all(this.#underWay)
  }

  #watch(work: Promise<void>): void {
    const delivery = work.catch(() => undefined) // only closing rejects
    this.#underWay.add(delivery)
    void delivery.then(() => this.#underWay.delete(delivery))
  }

  /**
   * A retry that is due while the endpoint is disabled or deleted ends the retries of that event. Where the endpoint is
   * enabled again before, they go on. https://docs.stripe.com/webhooks#retries
   */
  async #deliver(eventId: string, endpointId: string): Promise<void> {
    for (const pause of [0, ...this.#options.retryDelaysMs]) {
      if (pause > 0) await this.#options.clock.wait(pause, this.#closing.signal)
      if (this.#endpoints.find(endpointId)?.status !== 'enabled' || !this.#events.has(eventId)) return
      if (await this.#attempt(eventId, endpointId, false)) return
    }
  }

  async #attempt(eventId: string, endpointId: string, resent: boolean): Promise<boolean> {
    const endpoint = this.#endpoints.find(endpointId)
    const secrets = this.#endpoints.secretsOf(endpointId)
    const event = this.#events.rendered(eventId, endpoint?.api_version ?? undefined)
    if (!event || !endpoint || secrets.length === 0) return false
    const posting = this.#post(endpoint.url, JSON.stringify(event, null, 2), secrets)
    this.#posting.add(posting)
    const outcome = await posting.finally(() => this.#posting.delete(posting))
    const { type, api_version: apiVersion } = event
    const at = new Date(this.#options.clock.now())
    this.#attempts.push({ eventId, type, endpointId, url: endpoint.url, outcome, at, apiVersion, resent })
    if (this.#attempts.length > KEPT_ATTEMPTS) this.#attempts.shift()
    const taken = typeof outcome === 'number' && outcome >= 200 && outcome < 300
    if (taken) this.#events.acknowledged(eventId, endpointId)
    return taken
  }

  async #post(url: string, body: string, secrets: readonly string[]): Promise<number | string> {
    const { url: bare, authorization } = credentialsIn(url)
    const headers = {
      ...authorization,
      'content-type': 'application/json; charset=utf-8',
      'user-agent': 'Stripe/1.0 (+https://stripe.com/docs/webhooks)',
      'cache-control': 'no-cache',
      'stripe-signature': this.#signatureOf(body, secrets),
    }
    const signal = AbortSignal.any([this.#closing.signal, AbortSignal.timeout(this.#options.timeoutMs)])
    try {
      const response = await fetch(bare, { method: 'POST', headers, body, redirect: 'manual', signal })
      await response.body?.cancel()
      return response.status
    } catch (error) {
      this.#closing.signal.throwIfAborted()
      return error instanceof Error && error.name === 'TimeoutError' ? 'timed out' : 'connection failed'
    }
  }

  /**
   * One `v1` for each secret that is still good, and in test mode a `v0` that fits nothing.
   * https://docs.stripe.com/webhooks/signature
   */
  #signatureOf(body: string, secrets: readonly string[]): string {
    // Always the machine's time: receivers compare it with theirs.
    const timestamp = Math.floor(Date.now() / 1000)
    const v1 = secrets.map((secret) => {
      return `v1=${createHmac('sha256', secret).update(`${timestamp}.${body}`).digest('hex')}`
    })
    const v0 = this.#options.livemode ? [] : [`v0=${randomBytes(32).toString('hex')}`]
    return [`t=${timestamp}`, ...v1, ...v0].join(',')
  }
}

/** A name and a password in the URL go along as a header. */
function credentialsIn(text: string): {
  readonly url: string
  readonly authorization: Readonly<Record<string, string>>
} {
  const url = new URL(text)
  if (url.username === '' && url.password === '') return { url: text, authorization: {} }
  const pair = [url.username, url.password].map(decodeURIComponent).join(':')
  Object.assign(url, { username: '', password: '' })
  return { url: url.href, authorization: { authorization: `Basic ${Buffer.from(pair).toString('base64')}` } }
}
