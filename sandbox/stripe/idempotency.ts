import { StripeProblem } from './problems.ts'

export interface Answer {
  readonly status: number
  readonly body: string
  readonly requestId: string
}

interface Kept {
  readonly fingerprint: string
  readonly answer: Answer | undefined
  readonly at: number
}

const DAY_MS = 24 * 3_600_000

/**
 * Stripe's rule: the first answer to a key is kept for a day and replayed, a server error too; a request refused for
 * its parameters keeps nothing. https://docs.stripe.com/api/idempotent_requests
 */
export class IdempotencyKeys {
  readonly #kept = new Map<string, Kept>()

  /** The kept answer, or undefined when the key is new: the caller then executes and calls `keep` or `release`. */
  claim(key: string, fingerprint: string): Answer | undefined {
    if (key.length > 255)
      throw new StripeProblem(400, 'Idempotency key must be at most 255 characters long.', {
        type: 'idempotency_error',
      })
    const kept = this.#kept.get(key)
    if (!kept || Date.now() - kept.at > DAY_MS) {
      this.#kept.set(key, { fingerprint, answer: undefined, at: Date.now() })
      return undefined
    }
    if (kept.fingerprint !== fingerprint) {
      const message = `Keys for idempotent requests can only be used with the same parameters they were first used with. Try using a key other than '${key}' if you meant to execute a different request.`
      throw new StripeProblem(400, message, { type: 'idempotency_error' })
    }
    if (kept.answer) return kept.answer
    const message = `There is currently another in-progress request using this Idempotent Key (that probably means you submitted twice, and the other request is still going through): ${key}. Please try again later.`
    throw new StripeProblem(409, message, { type: 'idempotency_error', code: 'idempotency_key_in_use' })
  }

  keep(key: string, fingerprint: string, answer: Answer): void {
    this.#kept.set(key, { fingerprint, answer, at: Date.now() })
  }

  release(key: string): void {
    this.#kept.delete(key)
  }
}
