import { BillingTraffic } from './billing.ts'
import type { Clock } from './clock.ts'
import { Deliveries, type DeliveryAttempt } from './deliveries.ts'
import { EventDestinations, type OtherDestination } from './destinations.ts'
import { EndpointStore, type SimulatedEndpoint, takes } from './endpoints.ts'
import { EventStore, type SimulatedEvent } from './events.ts'
import type { Form } from './api/form.ts'
import { IdempotencyKeys } from './api/idempotency.ts'
import type { KeyRing, Permission } from './api/keys.ts'
import { missingParam, noSuch, StripeProblem } from './api/problems.ts'
import { RateLimit } from './api/rate-limit.ts'
import { retrySchedule } from './retry-schedule.ts'

export interface AccountOptions {
  /** `sk_test_…`; a `sk_live_…` key makes a live account, which insists on https endpoints. */
  readonly secretKey: string
  readonly accountId?: string
  /** The account's name, which several sandboxes may share. */
  readonly name?: string
  readonly restrictedKeys?: Readonly<Record<string, readonly Permission[]>>
  readonly refusals?: KeyRing['refusals']
  /** The account's default release: what a request or endpoint that names none gets. Old, as those of real accounts are. */
  readonly apiVersion?: string
  /** Releases that Stripe has made since the SDK's. */
  readonly newerReleases?: readonly string[]
  readonly deliverTimeoutMs?: number
  /** How many times faster than Stripe retries deliveries; 1 200 makes an hour three seconds. */
  readonly retriesFasterBy?: number
  /** The pauses themselves, in place of Stripe's. */
  readonly retryDelaysMs?: readonly number[]
  /** Stripe allows 25 in test mode and 100 in live mode; unlimited when unset. */
  readonly requestsPerSecond?: number
}

export interface OtherTeamsEndpoint {
  readonly url: string
  readonly events: readonly string[]
  readonly apiVersion?: string
  /** Gets the events of connected accounts, and none of this one. */
  readonly connect?: boolean
  readonly description?: string
}

export interface Call {
  readonly method: string
  readonly path: string
  readonly form: Form
}

export interface Route {
  readonly method: string
  readonly path: RegExp
  readonly needs: Permission
  readonly answer: (call: Call, id: string) => object
}

/** What a test, or a person in the dashboard, does to an account beside the API. */
export interface AccountHands {
  readonly accountId: string
  /** Newest first. */
  endpoints(): readonly SimulatedEndpoint[]
  secretOf(endpointId: string): string | undefined
  /** Newest first. */
  events(): readonly SimulatedEvent[]
  /** What was posted to endpoints, oldest first. */
  deliveries(): readonly DeliveryAttempt[]
  /** Creates an event now and delivers it to whoever is subscribed. */
  emit(type: string, object?: object): SimulatedEvent
  /** 0 stops the traffic. */
  setTraffic(everyMs: number): void
  /** Makes an endpoint of somebody else's: dead ones, ones for connected accounts. Returns its id. */
  addEndpoint(endpoint: OtherTeamsEndpoint): string
  /** Makes a destination that only API v2 shows. Returns its id. */
  addDestination(destination: OtherDestination): string
  /** "Roll secret" of the dashboard. The former one is good for so long yet, a day at most. Returns the new one. */
  rollSecret(endpointId: string, formerGoodForMs?: number): string
  /** "Upgrade" of the dashboard: events of now on are kept in this release. */
  setDefaultVersion(apiVersion: string): void
  /** Has everything in the account been made so much earlier: events and endpoints. What waits for its next try waits on. */
  age(ms: number): void
  /**
   * What stands in the account now: endpoints, secrets, destinations, the default release. The function that is returned
   * puts it back and forgets every event, delivery and idempotency key.
   */
  kept(): () => void
}

const DAY_MS = 24 * 3_600_000
/** The account's id unless another one is given. */
export const usualAccountId = 'acct_1Sandbox0Purser00'

/** One Stripe account, or one sandbox of it. */
export class Account implements AccountHands {
  readonly ring: KeyRing
  readonly keys: IdempotencyKeys
  readonly limit: RateLimit
  readonly routes: readonly Route[]
  readonly newerReleases: readonly string[]
  readonly #name: string
  readonly #endpoints: EndpointStore
  readonly #events: EventStore
  readonly #deliveries: Deliveries
  readonly #destinations: EventDestinations
  readonly #traffic = new BillingTraffic()
  #timer: NodeJS.Timeout | undefined

  constructor(clock: Clock, options: AccountOptions) {
    const livemode = options.secretKey.includes('_live_')
    this.ring = {
      secretKey: options.secretKey,
      accountId: options.accountId ?? usualAccountId,
      restrictedKeys: options.restrictedKeys ?? {},
      refusals: options.refusals ?? 'today',
    }
    this.#name = options.name ?? 'ValueCanvas'
    this.keys = new IdempotencyKeys(clock)
    this.limit = new RateLimit(options.requestsPerSecond ?? Number.POSITIVE_INFINITY)
    this.newerReleases = options.newerReleases ?? []
    const others = () => this.#destinations.count()
    this.#endpoints = new EndpointStore({ livemode, clock, others, newerReleases: this.newerReleases })
    this.#destinations = new EventDestinations({
      clock,
      livemode,
      endpoints: () => this.#endpoints.all(),
      isConnect: (id) => this.#endpoints.isConnect(id),
    })
    this.#events = new EventStore(livemode, clock, options.apiVersion ?? '2020-08-27')
    this.#deliveries = new Deliveries(this.#endpoints, this.#events, {
      clock,
      livemode,
      timeoutMs: options.deliverTimeoutMs ?? 10_000,
      retryDelaysMs: options.retryDelaysMs ?? retrySchedule(livemode, options.retriesFasterBy ?? 1),
    })
    this.routes = this.#table()
  }

  get accountId(): string {
    return this.ring.accountId
  }

  get defaultVersion(): string {
    return this.#events.accountVersion
  }

  endpoints(): readonly SimulatedEndpoint[] {
    return this.#endpoints.all().map((endpoint) => ({ ...endpoint }))
  }

  secretOf(endpointId: string): string | undefined {
    return this.#endpoints.secretOf(endpointId)
  }

  events(): readonly SimulatedEvent[] {
    return this.#events.all()
  }

  deliveries(): readonly DeliveryAttempt[] {
    return this.#deliveries.attempts()
  }

  emit(type: string, object?: object): SimulatedEvent {
    return this.#emit(type, { object: object ?? this.#traffic.sample(type) })
  }

  setTraffic(everyMs: number): void {
    clearInterval(this.#timer)
    this.#timer = undefined
    if (everyMs <= 0) return
    this.#timer = setInterval(() => {
      const { type, data } = this.#traffic.next()
      this.#emit(type, data)
    }, everyMs)
  }

  addEndpoint({ url, events, apiVersion, connect, description }: OtherTeamsEndpoint): string {
    const form: Form = {
      url,
      enabled_events: [...events],
      ...(apiVersion === undefined ? {} : { api_version: apiVersion }),
      ...(connect === undefined ? {} : { connect: String(connect) }),
      ...(description === undefined ? {} : { description }),
    }
    return this.#endpoints.create(form).id
  }

  addDestination(destination: OtherDestination): string {
    return this.#destinations.add(destination)
  }

  rollSecret(endpointId: string, formerGoodForMs: number = DAY_MS): string {
    return this.#endpoints.rollSecret(endpointId, formerGoodForMs)
  }

  setDefaultVersion(apiVersion: string): void {
    this.#events.accountVersion = apiVersion
  }

  age(ms: number): void {
    const seconds = Math.round(ms / 1_000)
    this.#endpoints.age(seconds)
    this.#events.age(seconds)
  }

  kept(): () => void {
    const putBack = [this.#endpoints.kept(), this.#destinations.kept()]
    const version = this.defaultVersion
    return () => {
      this.setTraffic(0)
      this.#events.forgetAll()
      this.#deliveries.forgetAll()
      this.keys.forgetAll()
      this.setDefaultVersion(version)
      for (const put of putBack) put()
    }
  }

  /** Resolves when nothing is being posted. */
  idle(): Promise<void> {
    return this.#deliveries.idle()
  }

  async close(): Promise<void> {
    this.setTraffic(0)
    await this.#deliveries.close()
  }

  #emit(type: string, data: SimulatedEvent['data']): SimulatedEvent {
    const recipients = this.#endpoints.subscribedTo(type).map(({ id }) => id)
    const event = this.#events.add(type, data, recipients)
    for (const endpointId of recipients) this.#deliveries.start(event.id, endpointId)
    return event
  }

  #table(): readonly Route[] {
    const endpoints = this.#endpoints
    const events = this.#events
    const all = /^\/v1\/webhook_endpoints$/
    const one = /^\/v1\/webhook_endpoints\/([^/]+)$/
    const destination = /^\/v2\/core\/event_destinations\/([^/]+)$/
    const seesDestinations = 'rak_event_destination_read'
    return [
      { method: 'GET', path: /^\/v1\/account$/, needs: 'rak_account_read', answer: () => this.#shown() },
      { method: 'POST', path: all, needs: 'rak_webhook_write', answer: ({ form }) => endpoints.create(form) },
      { method: 'GET', path: all, needs: 'rak_webhook_read', answer: ({ form }) => endpoints.list(form) },
      { method: 'GET', path: one, needs: 'rak_webhook_read', answer: (_, id) => endpoints.retrieve(id) },
      { method: 'POST', path: one, needs: 'rak_webhook_write', answer: ({ form }, id) => endpoints.update(id, form) },
      { method: 'DELETE', path: one, needs: 'rak_webhook_write', answer: (_, id) => this.#removeEndpoint(id) },
      { method: 'GET', path: /^\/v1\/events$/, needs: 'rak_event_read', answer: ({ form }) => events.list(form) },
      {
        method: 'GET',
        path: /^\/v1\/events\/([^/]+)$/,
        needs: 'rak_event_read',
        answer: (_, id) => events.retrieve(id),
      },
      {
        method: 'POST',
        path: /^\/v1\/events\/([^/]+)\/retry$/,
        needs: 'rak_event_write',
        answer: ({ form }, id) => this.#resend(id, form),
      },
      {
        method: 'GET',
        path: /^\/v2\/core\/event_destinations$/,
        needs: seesDestinations,
        answer: ({ form }) => this.#destinations.list(form),
      },
      {
        method: 'GET',
        path: destination,
        needs: seesDestinations,
        answer: (_, id) => this.#destinations.retrieve(id),
      },
    ]
  }

  #shown(): object {
    return {
      id: this.ring.accountId,
      object: 'account',
      business_profile: { name: this.#name },
      country: 'US',
      default_currency: 'usd',
      email: 'billing@example.com',
      settings: { dashboard: { display_name: this.#name, timezone: 'Etc/UTC' } },
      type: 'standard',
    }
  }

  #removeEndpoint(id: string): object {
    const removed = this.#endpoints.remove(id)
    this.#events.forgetEndpoint(id)
    return removed
  }

  /**
   * What `stripe events resend --webhook-endpoint` of the Stripe CLI calls (pkg/cmd/resource/events_resend.go of
   * stripe/stripe-cli); the API's reference does not have it. It answers with the event before anything is delivered, so
   * the answer does not tell whether the endpoint took it. Assumed, on the strict side: that a disabled endpoint and one
   * that is not subscribed to the type are refused, and that an event for which nothing was pending stays at 0.
   */
  #resend(eventId: string, form: Form): object {
    const endpointId = form['webhook_endpoint']
    if (typeof endpointId !== 'string') throw missingParam('webhook_endpoint')
    const endpoint = this.#endpoints.find(endpointId)
    if (!endpoint) throw noSuch('webhook endpoint', endpointId, 'webhook_endpoint')
    const event = this.#events.retrieve(eventId)
    const refused =
      endpoint.status === 'disabled'
        ? `The webhook endpoint ${endpointId} is disabled.`
        : takes(endpoint, event.type)
          ? undefined
          : `The webhook endpoint ${endpointId} is not subscribed to ${event.type}.`
    if (refused !== undefined) throw new StripeProblem(400, refused, { param: 'webhook_endpoint' })
    this.#deliveries.resend(eventId, endpointId)
    return event
  }
}
