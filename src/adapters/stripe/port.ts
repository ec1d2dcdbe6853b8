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
  /** A repeat with the same key and content within 24 h returns the same endpoint *and its secret* again. */
  readonly idempotencyKey: string
}

export interface CreatedEndpoint {
  readonly endpoint: WebhookEndpoint
  readonly signingSecret: Sensitive
  readonly replayed: boolean
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

/** A destination of events of whatever sort: those beside webhook endpoints count against the same limit. */
export interface EventDestination {
  readonly id: string
  readonly name: string
  /** As people name it: "EventBridge", "thin events", "webhook endpoint". */
  readonly sort: string
  readonly status: 'enabled' | 'disabled'
}

/** What Stripe does not do for this key, in its own words. */
export interface Refusal {
  readonly refused: string
}

/** What Stripe tells about an event without its content. */
export interface EventSummary {
  readonly id: string
  readonly type: string
  readonly created: Date
  /** The number of endpoints that have not acknowledged it (yet). */
  readonly pendingWebhooks: number
  /** The id of the object that it tells of (`data.object.id`); missing for an object that has none, as a preview of an invoice. */
  readonly object?: string
}

interface EventQuestion {
  /** The time from which on is asked: Stripe keeps events for 30 days. */
  readonly since: Date
  /** The time before which is asked. */
  readonly until?: Date
  /** The types, at most 20; `*` alone is all of them. */
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
   * Tells that the key lacks the right by which Stripe sends a missed event again; undefined when it has it. Asks by a
   * call that changes nothing.
   */
  missingResendRight(signal: AbortSignal): Promise<MissingRight | undefined>
  /**
   * Tells the account's default API version of now: what events are kept in, and what an endpoint without a version of
   * its own gets. Undefined when Stripe does not tell.
   */
  defaultVersion(signal: AbortSignal): Promise<string | undefined>
  /** Asks whether Stripe has an API version. */
  takesVersion(version: string, signal: AbortSignal): Promise<Refusal | undefined>
  /** Lists what gets events beside webhook endpoints: thin ones, EventBridge. Many keys are not allowed to see it. */
  destinations(signal: AbortSignal): Promise<readonly EventDestination[] | Refusal>
  /**
   * Tells how far Stripe's clock is ahead of this machine's, to a second or so; undefined when its answer does not
   * tell.
   */
  clockAheadMs(signal: AbortSignal): Promise<number | undefined>
  account(signal: AbortSignal): Promise<{ readonly id: string; readonly livemode: boolean | undefined }>
  endpoints(signal: AbortSignal): Promise<readonly WebhookEndpoint[]>
  endpoint(id: string, signal: AbortSignal): Promise<WebhookEndpoint | undefined>
  /**
   * Creates an endpoint. Its signing secret appears in this answer only. `replayed` says that it is the saved answer to an
   * earlier request: the endpoint may have been deleted since. Raises StripeTrouble; `stripe_answer_kept` comes again
   * for every repeat under the same key.
   */
  createEndpoint(endpoint: NewWebhookEndpoint, signal: AbortSignal): Promise<CreatedEndpoint>
  updateEndpoint(id: string, change: WebhookEndpointChange, signal: AbortSignal): Promise<WebhookEndpoint>
  /** Deletes an endpoint; a missing one is fine. */
  deleteEndpoint(id: string, signal: AbortSignal): Promise<void>
  /** Lists events created since then that at least one endpoint has not acknowledged. */
  undelivered(since: Date, signal: AbortSignal): Promise<readonly EventSummary[]>
  /** Asks for one page of events; Stripe takes at most 20 types in one question. */
  events(question: EventQuestion, signal: AbortSignal): Promise<EventPage>
  /** Reads an event with its content; undefined when Stripe does not have it any more. */
  event(id: string, signal: AbortSignal): Promise<StoredEvent | undefined>
  /**
   * Asks Stripe to deliver an event to an endpoint again, in the endpoint's API version, as `stripe events resend` of its
   * CLI does. Its answer does not tell whether the endpoint took it. Gives Stripe's reason when it refuses.
   */
  resendEvent(id: string, endpoint: string, signal: AbortSignal): Promise<{ readonly refused: string | undefined }>
}

/** What Purser's own test events carry, so that nobody takes them for events: they are left out of every count of errors and of events. */
export const probeMarks = {
  /** The beginning of their ids. Real ones go on with a time, which never spells this. */
  idPrefix: 'evt_1PurserProbe',
  userAgent: 'Purser webhook probe',
  header: 'x-purser-probe',
} as const

/** What makes a test event look like a delivery of one endpoint. */
export interface ProbeEvent {
  /** Who asks, such as "run 42 of billing in production": all test events of one asker are one event, told by its id. */
  readonly asker: string
  readonly type: string
  /** The API version of the endpoint; null where nobody knows the account's default. */
  readonly apiVersion: string | null
  readonly livemode: boolean
}

/** Speaks to the service's webhook URL as Stripe would. */
export interface WebhookProbe {
  /** Posts a harmless event, signed with this secret; resolves with the HTTP status and the time it took. */
  signed(url: string, event: ProbeEvent, secret: Sensitive, signal: AbortSignal): Promise<ProbeAnswer>
  /** Posts an event of Stripe's as Stripe would: the body as it is, signed now. */
  deliver(url: string, body: string, secret: Sensitive, signal: AbortSignal): Promise<ProbeAnswer>
  /** Posts the same harmless event without a signature: a healthy service refuses it with 400. */
  unsigned(url: string, event: ProbeEvent, signal: AbortSignal): Promise<ProbeAnswer>
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
