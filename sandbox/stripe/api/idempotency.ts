import type { Clock } from '../clock.ts'
import { StripeProblem } from './problems.ts'

export interface Answer {
  readonly status: number
  readonly body: string
  readonly requestId: string
  readonly headers?: Readonly<Record<string, string>>
}

interface Kept {
  readonly fingerprint: string
  readonly answer: Answer | undefined
  readonly at: number
}

const DAY_MS = 24 * 3_600_000

/**
 * Stripe saves status and body of the first request with a key once its execution has begun, and gives them back to every
 * later one, 500 errors included. A request that is refused for its parameters, or because another one under the same key
 * is executing, saves nothing. Keys are kept for a day at least. https://docs.stripe.com/api/idempotent_requests
 */
export class IdempotencyKeys {
  readonly #kept = new Map<string, Kept>()
  readonly #clock: Clock

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** The kept answer, or undefined when the key is new: the caller then executes and calls `keep` or `release`. */
  claim(key: string, fingerprint: string): Answer | undefined {
    if (key.length > 255)
      throw new StripeProblem(400, 'Idempotency key must be at most 255 characters long.', {
        type: 'idempotency_error',
      })
    const kept = this.#kept.get(key)
    if (!kept || this.#clock.now() - kept.at > DAY_MS) {
      this.#kept.set(key, { fingerprint, answer: undefined, at: this.#clock.now() })
      return undefined
    }
    if (kept.fingerprint !== fingerprint) {
      const message = `Keys for idempotent requests can only be used with the same parameters they were first used with. Try using a key other than '${key}' if you meant to execute a different request.`
      throw new StripeProblem(400, message, { type: 'idempotency_error' })
    }
    if (kept.answer) return kept.answer
    const message = `There is currently another in-progress request using this Idempotent Key (that probably means you submitted twice, and the other request is still going through): ${key}. Please try again later.`
    throw new StripeProblem(409, message, {
      type: 'idempotency_error',
      code: 'idempotency_key_in_use',
      headers: { 'stripe-should-retry': 'true' },
    })
  }

  keep(key: string, fingerprint: string, answer: Answer): void {
    this.#kept.set(key, { fingerprint, answer, at: this.#clock.now() })
  }

  forgetAll(): void {
    this.#kept.clear()
  }

  release(key: string): void {
    this.#kept.delete(key)
  }
}
