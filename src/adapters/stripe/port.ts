import type { Sensitive } from '../../sensitive.ts'

export interface WebhookEndpoint {
  readonly id: string
  readonly url: string
  readonly enabledEvents: readonly string[]
  readonly status: 'enabled' | 'disabled'
  readonly apiVersion: string | null
  readonly livemode: boolean
  readonly metadata: Readonly<Record<string, string>>
  readonly description: string | null
  readonly created: Date
}

export interface NewWebhookEndpoint {
  readonly url: string
  readonly enabledEvents: readonly string[]
  readonly metadata: Readonly<Record<string, string>>
  readonly description: string
  /** The API version, fixed for the endpoint's life; the adapter's by default. */
  readonly apiVersion?: string
  /** The key, made of run and step: a repeat within 24 h returns the same endpoint *and its secret* again. */
  readonly idempotencyKey: string
}

export interface WebhookEndpointChange {
  readonly enabledEvents?: readonly string[]
  readonly disabled?: boolean
  readonly metadata?: Readonly<Record<string, string>>
}

export interface MissingRight {
  /** The right as the dashboard names it: "Webhook Endpoints: Write". */
  readonly right: string
  /** Stripe's own words. */
  readonly answer: string
}

/** What Stripe tells about an event without its content. */
export interface EventSummary {
  readonly id: string
  readonly type: string
  readonly created: Date
  /** The number of endpoints that have not acknowledged it (yet). */
  readonly pendingWebhooks: number
}

interface EventQuestion {
  /** The time from which on is asked: Stripe keeps events for 30 days. */
  readonly since: Date
  readonly types: readonly string[]
  /** Whether only events are wanted that at least one endpoint has not acknowledged. */
  readonly undelivered: boolean
  /** The place at which the page before ended. */
  readonly after?: string
}

interface EventPage {
  /** The events, at most 100, the newest first. */
  readonly events: readonly EventSummary[]
  /** The value that is handed back as `after`; undefined when there is no more. */
  readonly next: string | undefined
}

/** An event as Stripe keeps it: its content never changes, and stays in the API version of the day it was made. */
export interface StoredEvent extends EventSummary {
  readonly apiVersion: string | null
  /** The event as JSON that can be posted. It tells of customers: never into a log, a message or the state database. */
  readonly body: string
}

/**
 * The billing provider's account. Errors are StripeTrouble (request id, type, what to do; `transient` for network, 429,
 * 5xx).
 */
export interface StripeAccount {
  /** The mode that the key's prefix promises. */
  readonly keyMode: 'live' | 'test'
  /** The API version in which endpoints that Purser makes get their events. */
  readonly apiVersion: string
  /**
   * Returns the rights that the key lacks of those that a deploy uses: webhook endpoints (read, write) and events
   * (read). It asks by calls that change nothing. Empty for an unrestricted key.
   */
  missingRights(signal: AbortSignal): Promise<readonly MissingRight[]>
  /**
   * Tells how far Stripe's clock is ahead of this machine's, to a second or so; undefined when its answer does not
   * tell.
   */
  clockAheadMs(signal: AbortSignal): Promise<number | undefined>
  account(signal: AbortSignal): Promise<{ readonly id: string; readonly livemode: boolean | undefined }>
  endpoints(signal: AbortSignal): Promise<readonly WebhookEndpoint[]>
  endpoint(id: string, signal: AbortSignal): Promise<WebhookEndpoint | undefined>
  /** Creates an endpoint. Its signing secret appears in this answer only. The API version is pinned by the adapter. */
  createEndpoint(
    endpoint: NewWebhookEndpoint,
    signal: AbortSignal,
  ): Promise<{ readonly endpoint: WebhookEndpoint; readonly signingSecret: Sensitive }>
  updateEndpoint(id: string, change: WebhookEndpointChange, signal: AbortSignal): Promise<WebhookEndpoint>
  /** Deletes an endpoint; a missing one is fine. */
  deleteEndpoint(id: string, signal: AbortSignal): Promise<void>
  /** Lists events created since then that at least one endpoint has not acknowledged. */
  undelivered(since: Date, signal: AbortSignal): Promise<readonly EventSummary[]>
  /** Asks for one page of events; Stripe takes at most 20 types in one question. */
  events(question: EventQuestion, signal: AbortSignal): Promise<EventPage>
  /** Reads an event with its content; undefined when Stripe does not have it any more. */
  event(id: string, signal: AbortSignal): Promise<StoredEvent | undefined>
}

/** Speaks to the service's webhook URL as Stripe would. */
export interface WebhookProbe {
  /** Posts a correctly signed, harmless event; resolves with the HTTP status and the time it took. */
  signed(url: string, secret: Sensitive, signal: AbortSignal): Promise<ProbeAnswer>
  /** Posts an event of Stripe's as Stripe would: the body as it is, signed now. */
  deliver(url: string, body: string, secret: Sensitive, signal: AbortSignal): Promise<ProbeAnswer>
  /** Posts `{"test": true}` unsigned, as the runbook's curl does: a healthy service refuses it with 400. */
  unsigned(url: string, signal: AbortSignal): Promise<ProbeAnswer>
}

export interface ProbeAnswer {
  readonly status: number
  readonly milliseconds: number
  /** The first 200 characters of the body. */
  readonly body: string
  /** The address to which a 3xx points, without its query. */
  readonly location?: string
  /** How far the answerer's clock is ahead of this machine's, to a second or so. */
  readonly clockAheadMs?: number
}
