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
}

export interface NewWebhookEndpoint {
  readonly url: string
  readonly enabledEvents: readonly string[]
  readonly metadata: Readonly<Record<string, string>>
  readonly description: string
  /** Made of run and step: a repeat within 24 h returns the same endpoint *and its secret* again. */
  readonly idempotencyKey: string
}

export interface WebhookEndpointChange {
  readonly enabledEvents?: readonly string[]
  readonly disabled?: boolean
  readonly metadata?: Readonly<Record<string, string>>
}

/** The billing provider's account. Errors are StripeTrouble (request id, type, what to do; `transient` for network, 429, 5xx). */
export interface StripeAccount {
  /** The mode that the key's prefix promises. */
  readonly keyMode: 'live' | 'test'
  account(signal: AbortSignal): Promise<{ readonly id: string; readonly livemode: boolean | undefined }>
  endpoints(signal: AbortSignal): Promise<readonly WebhookEndpoint[]>
  endpoint(id: string, signal: AbortSignal): Promise<WebhookEndpoint | undefined>
  /** The signing secret appears in this answer only. The API version is pinned by the adapter. */
  createEndpoint(
    endpoint: NewWebhookEndpoint,
    signal: AbortSignal,
  ): Promise<{ readonly endpoint: WebhookEndpoint; readonly signingSecret: Sensitive }>
  updateEndpoint(id: string, change: WebhookEndpointChange, signal: AbortSignal): Promise<WebhookEndpoint>
  /** Missing is fine. */
  deleteEndpoint(id: string, signal: AbortSignal): Promise<void>
  /** Events created since then that at least one endpoint has not acknowledged. */
  undelivered(since: Date, signal: AbortSignal): Promise<readonly { readonly id: string; readonly type: string }[]>
}

/** Speaks to the service's webhook URL as Stripe would. */
export interface WebhookProbe {
  /** Posts a correctly signed, harmless event; resolves with the HTTP status and the time it took. */
  signed(url: string, secret: Sensitive, signal: AbortSignal): Promise<ProbeAnswer>
  /** Posts `{"test": true}` unsigned, as the runbook's curl does: a healthy service refuses it with 400. */
  unsigned(url: string, signal: AbortSignal): Promise<ProbeAnswer>
}

export interface ProbeAnswer {
  readonly status: number
  readonly milliseconds: number
  /** First 200 characters of the body. */
  readonly body: string
}
