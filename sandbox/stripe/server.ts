import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { BillingTraffic } from './billing.ts'
import { Deliveries, type DeliveryAttempt } from './deliveries.ts'
import { EndpointStore, isApiVersion, randomText, type SimulatedEndpoint } from './endpoints.ts'
import { EventStore, type SimulatedEvent } from './events.ts'
import { Faults, type StripeFault } from './faults.ts'
import { decodeForm, type Form } from './form.ts'
import { type Answer, IdempotencyKeys } from './idempotency.ts'
import { admit, type KeyRing, type Permission } from './keys.ts'
import { missingParam, noSuch, StripeProblem } from './problems.ts'
import { RateLimit, rateLimited } from './rate-limit.ts'

export interface StripeSimulatorOptions {
  /** `sk_test_…`; a `sk_live_…` key makes a live account, which insists on https endpoints. */
  readonly secretKey: string
  readonly accountId?: string
  /** A billing event every so often; 0 = none. */
  readonly trafficEveryMs?: number
  readonly deliverTimeoutMs?: number
  readonly retryDelaysMs?: readonly number[]
  readonly restrictedKeys?: Readonly<Record<string, readonly Permission[]>>
  /** The account's default, used where a request or endpoint names none: old on purpose, as real accounts' are. */
  readonly apiVersion?: string
  /** Stripe allows 25 in test mode and 100 in live mode; unlimited when unset. */
  readonly requestsPerSecond?: number
  readonly port?: number
}

export interface StripeSimulator {
  /** `http://127.0.0.1:port`, for STRIPE_API_BASE. */
  readonly url: string
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
  setFault(fault: StripeFault | undefined): void
  close(): Promise<void>
}

export async function startStripe(options: StripeSimulatorOptions): Promise<StripeSimulator> {
  const world = new World(options)
  const server = createServer((request, response) => void world.serve(request, response))
  await new Promise<void>((resolve, reject) =>
    server.once('error', reject).listen(options.port ?? 0, '127.0.0.1', resolve),
  )
  world.setTraffic(options.trafficEveryMs ?? 0)
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    endpoints: () => world.endpoints.all().map((endpoint) => ({ ...endpoint })),
    secretOf: (id) => world.endpoints.secretOf(id),
    events: () => world.events.all(),
    deliveries: () => world.deliveries.attempts(),
    emit: (type, object) => world.emit(type, { object: object ?? world.traffic.sample(type) }),
    setTraffic: (everyMs) => world.setTraffic(everyMs),
    setFault: (fault) => world.faults.set(fault),
    async close() {
      world.setTraffic(0)
      const closed = new Promise((resolve) => server.close(resolve))
      server.closeAllConnections()
      await Promise.all([closed, world.deliveries.close()])
    },
  }
}

interface Call {
  readonly method: string
  readonly path: string
  readonly form: Form
}

interface Route {
  readonly method: string
  readonly path: RegExp
  readonly needs: Permission
  readonly answer: (call: Call, id: string) => object
}

/** One Stripe account. */
class World {
  readonly endpoints: EndpointStore
  readonly events: EventStore
  readonly deliveries: Deliveries
  readonly faults = new Faults()
  readonly traffic = new BillingTraffic()
  readonly #keys = new IdempotencyKeys()
  readonly #ring: KeyRing
  readonly #limit: RateLimit
  readonly #accountVersion: string
  readonly #routes: readonly Route[]
  #timer: NodeJS.Timeout | undefined

  constructor(options: StripeSimulatorOptions) {
    const livemode = options.secretKey.includes('_live_')
    const accountId = options.accountId ?? 'acct_1Sandbox0Purser00'
    this.#ring = { secretKey: options.secretKey, accountId, restrictedKeys: options.restrictedKeys ?? {} }
    this.#limit = new RateLimit(options.requestsPerSecond ?? Number.POSITIVE_INFINITY)
    this.#accountVersion = options.apiVersion ?? '2024-06-20'
    this.endpoints = new EndpointStore(livemode)
    this.events = new EventStore(livemode, this.#accountVersion)
    this.deliveries = new Deliveries(this.endpoints, this.events, {
      accountVersion: this.#accountVersion,
      timeoutMs: options.deliverTimeoutMs ?? 10_000,
      retryDelaysMs: options.retryDelaysMs ?? [500, 1_500, 4_000],
    })
    this.#routes = this.#table()
  }

  setTraffic(everyMs: number): void {
    clearInterval(this.#timer)
    this.#timer = undefined
    if (everyMs <= 0) return
    this.#timer = setInterval(() => {
      const { type, data } = this.traffic.next()
      this.emit(type, data)
    }, everyMs)
  }

  emit(type: string, data: SimulatedEvent['data']): SimulatedEvent {
    const recipients = this.endpoints.subscribedTo(type).map(({ id }) => id)
    const event = this.events.add(type, data, recipients)
    for (const endpointId of recipients) this.deliveries.start(event.id, endpointId)
    return event
  }

  async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await textOf(request).catch(() => undefined)
    if (body === undefined) return
    const { pathname, search } = new URL(request.url ?? '/', 'http://stripe')
    const method = request.method ?? 'GET'
    const fault = this.faults.hitting(`${method} ${pathname}`)
    if (fault?.does === 'hang') return
    if (fault?.does === 'cut' && fault.when === 'before') return void response.destroy()
    const call = { method, path: pathname, form: decodeForm(method === 'POST' ? body : search.slice(1)) }
    const answer = this.#answer(request, call, fault)
    if (fault?.does === 'cut') return void response.destroy()
    response.writeHead(answer.status, {
      'content-type': 'application/json',
      'request-id': answer.requestId,
      ...answer.headers,
    })
    response.end(answer.body)
  }

  #answer(
    request: IncomingMessage,
    call: Call,
    fault: StripeFault | undefined,
  ): Answer & { readonly headers: Readonly<Record<string, string>> } {
    const requestId = `req_${randomText(14)}`
    const headers: Record<string, string> = {}
    try {
      headers['stripe-version'] = this.#versionOf(request)
      const route = this.#routeOf(request, call)
      this.#limit.count()
      if (fault?.does === 'answer') throw faultProblem(fault)
      const key = call.method === 'POST' ? headerOf(request, 'idempotency-key') : undefined
      if (key === undefined) return { ...execute(route, call, requestId), headers }
      headers['idempotency-key'] = key
      const { answer, replayed } = this.#onceUnder(key, route, call, requestId)
      if (replayed) Object.assign(headers, { 'idempotent-replayed': 'true', 'original-request': answer.requestId })
      return { ...answer, requestId, headers }
    } catch (error) {
      const problem =
        error instanceof StripeProblem
          ? error
          : new StripeProblem(500, `simulator: ${String(error)}`, { type: 'api_error' })
      return {
        status: problem.status,
        body: jsonOf(problem.body(requestId)),
        requestId,
        headers: { ...headers, ...problem.headers },
      }
    }
  }

  #onceUnder(
    key: string,
    route: Route,
    call: Call,
    requestId: string,
  ): { readonly answer: Answer; readonly replayed: boolean } {
    const fingerprint = JSON.stringify([call.method, call.path, call.form])
    const kept = this.#keys.claim(key, fingerprint)
    if (kept) return { answer: kept, replayed: true }
    try {
      const answer = execute(route, call, requestId)
      this.#keys.keep(key, fingerprint, answer)
      return { answer, replayed: false }
    } catch (error) {
      this.#keys.release(key) // refused for its parameters: the key stays free
      throw error
    }
  }

  #routeOf(request: IncomingMessage, call: Call): Route {
    const route = this.#routes.find(({ method, path }) => method === call.method && path.test(call.path))
    admit(headerOf(request, 'authorization'), route?.needs ?? 'rak_account_read', this.#ring)
    if (route) return route
    const message = `Unrecognized request URL (${call.method}: ${call.path}). If you are trying to list objects, remove the trailing slash. If you are trying to retrieve an object, make sure you passed a valid (non-empty) identifier in your code. Please see https://stripe.com/docs or we can help at https://support.stripe.com/.`
    throw new StripeProblem(404, message)
  }

  #versionOf(request: IncomingMessage): string {
    const version = headerOf(request, 'stripe-version') ?? this.#accountVersion
    if (!isApiVersion(version)) throw new StripeProblem(400, `Invalid Stripe API version: ${version}`)
    return version
  }

  #table(): readonly Route[] {
    const { endpoints, events } = this
    const all = /^\/v1\/webhook_endpoints$/
    const one = /^\/v1\/webhook_endpoints\/([^/]+)$/
    const account = {
      id: this.#ring.accountId,
      object: 'account',
      country: 'US',
      default_currency: 'usd',
      email: 'billing@example.com',
      type: 'standard',
    }
    return [
      { method: 'GET', path: /^\/v1\/account$/, needs: 'rak_account_read', answer: () => account },
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
        needs: 'rak_webhook_write',
        answer: ({ form }, id) => this.#resend(id, form),
      },
    ]
  }

  #removeEndpoint(id: string): object {
    const removed = this.endpoints.remove(id)
    this.events.forgetEndpoint(id)
    return removed
  }

  /** What `stripe events resend` calls. */
  #resend(eventId: string, form: Form): object {
    const endpointId = form['webhook_endpoint']
    if (typeof endpointId !== 'string') throw missingParam('webhook_endpoint')
    if (!this.endpoints.find(endpointId)) throw noSuch('webhook endpoint', endpointId, 'webhook_endpoint')
    this.events.retrieve(eventId)
    this.events.awaits(eventId, endpointId)
    this.deliveries.start(eventId, endpointId)
    return this.events.retrieve(eventId)
  }
}

function execute(route: Route, call: Call, requestId: string): Answer {
  const id = decodeURIComponent(route.path.exec(call.path)?.[1] ?? '')
  return { status: 200, body: jsonOf(route.answer(call, id)), requestId }
}

function faultProblem({ status, retryAfterSeconds }: StripeFault & { readonly does: 'answer' }): StripeProblem {
  const headers: Record<string, string> =
    retryAfterSeconds === undefined ? {} : { 'retry-after': String(retryAfterSeconds) }
  if (status === 429) return rateLimited('global-rate', headers)
  const message = 'An unknown error occurred. If the problem persists, let us know at https://support.stripe.com/.'
  return new StripeProblem(status, message, { type: status >= 500 ? 'api_error' : 'invalid_request_error', headers })
}

function headerOf(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name]
  return Array.isArray(value) ? value[0] : value
}

/** Indented, as Stripe answers. */
function jsonOf(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString()
}
