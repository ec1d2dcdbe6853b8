import { StripeProblem } from './problems.ts'
import { rateLimited } from './rate-limit.ts'

interface Scope {
  /** `POST /v1/webhook_endpoints`: only requests of this method and path, or that begin so where it ends with a slash; all when unset. */
  readonly on?: string
  /** How many requests it hits; every one when unset. */
  readonly times?: number
}

interface AnswerFault {
  readonly does: 'answer'
  readonly status: number
  /** 429 because another request holds the object, and not because there are too many. */
  readonly code?: 'lock_timeout'
  readonly retryAfterSeconds?: number
  /** What `Stripe-Should-Retry` says in place of the usual. */
  readonly shouldRetry?: boolean
  /** Whether execution had begun, so that the answer is kept under the idempotency key. Default: for 500 only. */
  readonly saved?: boolean
  /** Whether the request took effect although the answer is an error; it is saved then. */
  readonly takesEffect?: boolean
}

export type StripeFault = Scope &
  (
    | AnswerFault
    /** Takes the request and never answers. */
    | { readonly does: 'hang' }
    /** Is at work until then, and answers as usual. */
    | { readonly does: 'wait'; readonly until: Promise<void> }
    /** Cuts the connection `before` the request takes effect or `after` it did and only the answer is lost. */
    | { readonly does: 'cut'; readonly when: 'before' | 'after' }
  )

export class Faults {
  #fault: StripeFault | undefined
  #left = 0

  set(fault: StripeFault | undefined): void {
    this.#fault = fault
    this.#left = fault?.times ?? Number.POSITIVE_INFINITY
  }

  /** The fault that hits this request, counted down. */
  hitting(request: string): StripeFault | undefined {
    if (!this.#fault || this.#left <= 0 || !isOn(request, this.#fault.on)) return undefined
    this.#left -= 1
    return this.#fault
  }
}

/** What asks for a right begins as the creation does and must not use its fault up. */
function isOn(request: string, on: string | undefined): boolean {
  return on === undefined || request === on || (on.endsWith('/') && request.startsWith(on))
}

export function isSaved({ status, saved, takesEffect }: AnswerFault): boolean {
  return saved ?? (takesEffect === true || status === 500)
}

/**
 * `Stripe-Should-Retry` is false for an answer that is saved under a key, which would only be given back again, and true for
 * a lock that is held and for what never began (as `_shouldRetry` of the SDK explains).
 */
export function faultProblem(fault: AnswerFault, { underKey }: { readonly underKey: boolean }): StripeProblem {
  const { status, code, retryAfterSeconds } = fault
  const later: Record<string, string> = {
    ...(retryAfterSeconds === undefined ? {} : { 'retry-after': String(retryAfterSeconds) }),
    ...(fault.shouldRetry === undefined ? {} : { 'stripe-should-retry': String(fault.shouldRetry) }),
  }
  if (code === 'lock_timeout') return lockTimeout(later)
  if (status === 429) return rateLimited('global-rate', later)
  const message = 'An unknown error occurred. If the problem persists, let us know at https://support.stripe.com/.'
  const usual = { 'stripe-should-retry': String(!(underKey && isSaved(fault))) }
  const headers = status >= 500 ? { ...usual, ...later } : later
  return new StripeProblem(status, message, {
    type: status >= 500 ? 'api_error' : 'invalid_request_error',
    headers,
    executed: isSaved(fault),
  })
}

/** It has no `Stripe-Rate-Limited-Reason`. https://docs.stripe.com/rate-limits#object-lock-timeouts */
function lockTimeout(later: Readonly<Record<string, string>>): StripeProblem {
  const message =
    'This object cannot be accessed right now because another API request or Stripe process is currently accessing it. If you see this error intermittently, retry the request. If you see this error frequently and are making multiple concurrent requests to a single object, make your requests serially or at a lower rate. For more details, see https://stripe.com/docs/rate-limits#object-lock-timeouts.'
  return new StripeProblem(429, message, {
    code: 'lock_timeout',
    headers: { ...later, 'stripe-should-retry': 'true' },
  })
}
