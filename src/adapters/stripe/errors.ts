import { excerpt } from '../../outside-text/excerpt.ts'
import Stripe from 'stripe'
import { type ErrorFacts, PurserError } from '../../errors.ts'
import { networkReason } from '../http/request.ts'
import { largestAnswer, TooLarge } from './body.ts'

const stripeCodes = [
  'stripe_key_malformed',
  'stripe_key_rejected',
  'stripe_permission_missing',
  'stripe_not_found',
  'stripe_request_refused',
  'stripe_endpoint_limit',
  'stripe_idempotency_conflict',
  'stripe_rate_limited',
  'stripe_unreachable',
  'stripe_server_error',
  'stripe_answer_kept',
  'stripe_answer_too_large',
] as const
type StripeCode = (typeof stripeCodes)[number]

interface StripeFacts extends ErrorFacts {
  readonly requestId?: string | undefined
  readonly type?: string | undefined
  readonly status?: number | undefined
  readonly retryAfterMs?: number | undefined
}

export class StripeTrouble extends PurserError {
  readonly code: StripeCode
  /** The id `req_…` of the request, which Stripe's support and the dashboard's log ask for. */
  readonly requestId: string | undefined
  /** The SDK's name of the error: `StripePermissionError` and the like. */
  readonly type: string | undefined
  readonly status: number | undefined
  readonly retryAfterMs: number | undefined

  constructor(code: StripeCode, message: string, facts: StripeFacts = {}) {
    super(message, facts)
    this.code = code
    this.requestId = facts.requestId
    this.type = facts.type
    this.status = facts.status
    this.retryAfterMs = facts.retryAfterMs
  }
}

/**
 * Explains an error of the SDK. `doing` is what was being done, in lower case; `sameKey` says that every repeat would carry
 * the same idempotency key. The error is not kept as `cause`: it
 * carries the answer's headers and body, and whatever prints causes would print them.
 */
export function stripeTrouble(doing: string, error: unknown, { sameKey = false } = {}): StripeTrouble {
  if (error instanceof StripeTrouble) return error
  if (!(error instanceof Stripe.errors.StripeError)) {
    return new StripeTrouble('stripe_request_refused', `${doing}: ${masked(String(error))}`, { cause: error })
  }
  if (error instanceof Stripe.errors.StripeConnectionError) return unreachable(doing, error)
  const { code, hint, transient } = sameKey && isKept(error) ? keptAnswer : asAdvised(error, classify(error))
  // The right comes first: Stripe's own words are long, and may be cut.
  const right = code === 'stripe_permission_missing' ? rightIn(error.message) : undefined
  const lacks = right === undefined ? '' : `the key lacks ${right}. `
  return new StripeTrouble(code, `${doing}: ${lacks}${masked(error.message)}`, {
    hint,
    transient,
    evidence: evidenceOf(error),
    requestId: error.requestId || undefined,
    type: error.type,
    status: error.statusCode,
    retryAfterMs: retryAfter(error),
  })
}

const keptAnswer: Classified = {
  code: 'stripe_answer_kept',
  hint: 'Stripe gives this answer to every repeat of the same request for a day. Retry phase asks in a new one.',
  transient: false,
}

/**
 * Tells whether a server error is the saved answer to an idempotency key. Stripe saves errors 500 too and marks what it
 * gives back (https://docs.stripe.com/api/idempotent_requests), and it says by `Stripe-Should-Retry` that a repeat would be
 * in vain (https://docs.stripe.com/error-low-level).
 */
function isKept({ statusCode = 0, headers = {} }: Stripe.errors.StripeError): boolean {
  if (statusCode < 500) return false
  const inVain = headers['idempotency-key'] !== undefined && headers['stripe-should-retry'] === 'false'
  return inVain || headers['idempotent-replayed'] === 'true'
}

/**
 * Follows `Stripe-Should-Retry`, which knows better than the status (https://docs.stripe.com/error-low-level and `_shouldRetry`
 * of the SDK). A "false" to a request under an idempotency key is about that key: a repeat here carries another one, unless
 * the caller has chosen it.
 */
function asAdvised({ headers = {} }: Stripe.errors.StripeError, classified: Classified): Classified {
  const advice = headers['stripe-should-retry']
  if (advice === 'true') return { ...classified, transient: true }
  if (advice !== 'false' || !classified.transient || headers['idempotency-key'] !== undefined) return classified
  const hint = 'Stripe says that the same request will fail again. Check status.stripe.com, then retry by hand.'
  return { ...classified, hint, transient: false }
}

function tooLarge(doing: string): StripeTrouble {
  return new StripeTrouble(
    'stripe_answer_too_large',
    `${doing}: the answer has more than ${largestAnswer / 1024 / 1024} MiB`,
    { hint: 'Check STRIPE_API_BASE: an answer of Stripe is far smaller.' },
  )
}

function unreachable(doing: string, error: Stripe.errors.StripeConnectionError): StripeTrouble {
  const inner: unknown = error.detail
  if (inner instanceof TooLarge) return tooLarge(doing)
  const why = /timeout/i.test(error.message)
    ? 'no answer from Stripe in time'
    : `no answer from Stripe: ${networkReason(inner ?? error)}`
  return new StripeTrouble('stripe_unreachable', `${doing}: ${why}`, {
    hint: 'Check that Purser reaches api.stripe.com (or STRIPE_API_BASE), and status.stripe.com. Retrying is safe.',
    transient: true,
    type: error.type,
  })
}

interface Classified {
  readonly code: StripeCode
  readonly hint: string
  readonly transient: boolean
}

function classify(error: Stripe.errors.StripeError): Classified {
  const { errors } = Stripe
  // Its status is 429, and 409 in older words: it comes before what else has one of them.
  if (error.code === 'lock_timeout') {
    return {
      code: 'stripe_rate_limited',
      hint: 'Another request holds the same object. Retry in a moment.',
      transient: true,
    }
  }
  if (error.statusCode === 409 || error.code === 'idempotency_key_in_use') {
    return {
      code: 'stripe_idempotency_conflict',
      hint: 'The same request is still running. Retry in a moment.',
      transient: true,
    }
  }
  if (error instanceof errors.StripeAuthenticationError) {
    return {
      code: 'stripe_key_rejected',
      hint: 'put a valid secret key of this account into the environment and restart Purser',
      transient: false,
    }
  }
  if (error instanceof errors.StripePermissionError) {
    return {
      code: 'stripe_permission_missing',
      hint: `Give the restricted key the right ${rightIn(error.message) ?? 'that Stripe names'} (Stripe dashboard, API keys). All rights are in docs/stripe.md.`,
      transient: false,
    }
  }
  if (error instanceof errors.StripeIdempotencyError) {
    const hint = "The key was used with other parameters. Check for the earlier attempt's endpoint before you retry."
    return { code: 'stripe_idempotency_conflict', hint, transient: false }
  }
  if (error instanceof errors.StripeRateLimitError) {
    return {
      code: 'stripe_rate_limited',
      hint: "Wait a moment. Something else may be using up the account's request rate.",
      transient: true,
    }
  }
  if (error instanceof errors.StripeInvalidRequestError) return refusal(error)
  return { code: 'stripe_server_error', hint: 'Check status.stripe.com. Retrying is safe.', transient: true }
}

/** The rights as the dashboard names them, by the names in Stripe's refusals. */
const rights: Readonly<Record<string, string>> = {
  webhook_read: 'Webhook Endpoints: Read',
  webhook_write: 'Webhook Endpoints: Write',
  event_read: 'Events: Read',
  event_write: 'Events: Write',
  event_destination_read: 'Event Destinations: Read',
  account_read: 'Accounts: Read',
  connected_account_read: 'Accounts: Read',
}

/**
 * Returns the right that Stripe says would have allowed the request. Two wordings are met: "Having the
 * 'rak_webhook_write' permission would allow …", and since 2026 "Enabling Webhook Endpoints Write ('webhook_write')
 * permissions on this key would allow …".
 */
export function rightIn(message: string): string | undefined {
  const name = /\brak_(\w+)/.exec(message)?.[1] ?? /\('(\w+)'\)\W* permissions/.exec(message)?.[1]
  if (name === undefined) return undefined
  return rights[name] ?? /\bEnabling "?([\w ]+?)"? \('/.exec(message)?.[1] ?? name
}

function refusal(error: Stripe.errors.StripeError): Classified {
  if (error.code === 'resource_missing' || error.statusCode === 404) {
    return {
      code: 'stripe_not_found',
      hint: 'It may have been deleted, or the key belongs to a different account or mode.',
      transient: false,
    }
  }
  if (/maximum of \d+ .*webhook endpoints/i.test(error.message)) {
    const hint = 'delete webhook endpoints that nobody uses in the Stripe dashboard (Developers > Webhooks)'
    return { code: 'stripe_endpoint_limit', hint, transient: false }
  }
  const hint = error.param
    ? `look at the value of ${error.param}`
    : 'look the request id up in the Stripe dashboard (Developers > Logs)'
  return { code: 'stripe_request_refused', hint, transient: false }
}

function evidenceOf(error: Stripe.errors.StripeError): readonly string[] {
  const facts = [`HTTP ${error.statusCode ?? '?'} ${error.rawType ?? error.type}`]
  if (error.code) facts.push(`code ${error.code}`)
  if (error.param) facts.push(`param ${error.param}`)
  const limited = error.headers?.['stripe-rate-limited-reason']
  if (limited !== undefined) facts.push(`rate limited: ${limited}`)
  const pauseMs = retryAfter(error)
  if (pauseMs !== undefined) facts.push(`retry after ${Math.ceil(pauseMs / 1_000)} s`)
  if (error.requestId) facts.push(`request ${error.requestId}`)
  return facts
}

/** Reads the wait that Stripe asks for: seconds, or a date where something on the way writes one. */
function retryAfter(error: Stripe.errors.StripeError): number | undefined {
  const text = error.headers?.['retry-after'] ?? ''
  const pauseMs = /^\d/.test(text) ? Number(text) * 1_000 : Date.parse(text) - Date.now()
  return Number.isFinite(pauseMs) && pauseMs > 0 ? pauseMs : undefined
}

/**
 * Masks the key, which Stripe repeats half starred or dotted out: even that half stays here. The long lists of allowed
 * values go, too.
 */
function masked(text: string): string {
  const safe = text.replace(/\b(sk|rk|pk)_(live|test)_[\w*.…]+/g, '$1_$2_…').replace(/\bwhsec_\w+/g, 'whsec_…')
  return excerpt(safe, 400)
}
