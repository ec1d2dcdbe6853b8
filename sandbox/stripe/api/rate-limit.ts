import { StripeProblem } from './problems.ts'

/** So many requests in any second, as Stripe counts them for one account and mode; the rest get 429. */
export class RateLimit {
  readonly #perSecond: number
  #recent: number[] = []

  constructor(perSecond: number) {
    this.#perSecond = perSecond
  }

  count(): void {
    const now = performance.now()
    this.#recent = this.#recent.filter((at) => now - at < 1_000)
    if (this.#recent.length >= this.#perSecond) throw rateLimited('global-rate')
    this.#recent.push(now)
  }
}

export function rateLimited(reason: string, headers: Readonly<Record<string, string>> = {}): StripeProblem {
  const message = 'Request rate limit exceeded. Learn more about rate limits here https://stripe.com/docs/rate-limits.'
  return new StripeProblem(429, message, {
    code: 'rate_limit',
    headers: { ...headers, 'stripe-rate-limited-reason': reason },
  })
}
