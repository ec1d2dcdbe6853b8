import type { Tier } from './methods/method.ts'

export interface RateLimits {
  /** Calls a minute by tier, per method. */
  readonly perMinute: Readonly<Record<1 | 2 | 3 | 4, number>>
  readonly messagesPerSecond: number
  /** How many messages a channel takes at once before one a second holds. */
  readonly messageBurst: number
}

/** https://docs.slack.dev/apis/web-api/rate-limits; Slack allows "short bursts" of messages without a number. */
export const slackLimits: RateLimits = {
  perMinute: { 1: 1, 2: 20, 3: 50, 4: 100 },
  messagesPerSecond: 1,
  messageBurst: 10,
}

interface Bucket {
  tokens: number
  at: number
}

export class RateLimiter {
  readonly #limits: RateLimits
  readonly #buckets = new Map<string, Bucket>()

  constructor(limits: RateLimits) {
    this.#limits = limits
  }

  /** Takes one call; when it is one too many, the whole seconds to wait. */
  take(method: string, tier: Tier, channel: string): number | undefined {
    if (tier === 'special') return undefined
    if (tier === 'message') {
      return this.#draw(`${method} ${channel}`, this.#limits.messageBurst, this.#limits.messagesPerSecond)
    }
    const perMinute = this.#limits.perMinute[tier]
    return this.#draw(method, perMinute, perMinute / 60)
  }

  #draw(key: string, capacity: number, perSecond: number): number | undefined {
    const now = Date.now()
    const bucket = this.#buckets.get(key) ?? { tokens: capacity, at: now }
    bucket.tokens = Math.min(capacity, bucket.tokens + ((now - bucket.at) / 1000) * perSecond)
    bucket.at = now
    this.#buckets.set(key, bucket)
    if (bucket.tokens < 1) return Math.max(1, Math.ceil((1 - bucket.tokens) / perSecond))
    bucket.tokens -= 1
    return undefined
  }
}
