import { stripeEventTypes } from '../../src/adapters/stripe/events.ts'
import type { Clock } from './clock.ts'
import { allowOnly, flagIn, randomText } from './endpoints.ts'
import type { Form, FormValue } from './api/form.ts'
import { type Page, pageOf } from './api/pages.ts'
import { invalidParam, noSuch } from './api/problems.ts'
import { asOf } from './releases.ts'

export interface SimulatedEvent {
  readonly id: string
  readonly object: 'event'
  readonly api_version: string
  readonly created: number
  readonly data: { readonly object: object; readonly previous_attributes?: object }
  readonly livemode: boolean
  /** How many endpoints of the account, whoever's, have not acknowledged the event. */
  readonly pending_webhooks: number
  readonly request: { readonly id: null; readonly idempotency_key: null }
  readonly type: string
}

interface Row {
  readonly id: string
  /** In the newest form of its object. */
  event: Omit<SimulatedEvent, 'pending_webhooks'>
  /** Endpoints that it was sent to and that have not said 2xx. */
  readonly pending: Set<string>
}

/** What a sandbox keeps that is left running. */
const KEPT_EVENTS = 20_000
/** Stripe gives access to an event for 30 days. https://docs.stripe.com/api/events */
const KEPT_SECONDS = 30 * 86_400

/**
 * The account's events. The Events API shows each in the release that it was made in, which `api_version` names: the
 * account's default of that day, whatever the default is now and whatever `Stripe-Version` the request has.
 * https://docs.stripe.com/api/events/list
 */
export class EventStore {
  readonly #rows: Row[] = [] // oldest first
  readonly #livemode: boolean
  readonly #clock: Clock
  /** The account's default release, by which events of now on are kept. */
  accountVersion: string

  constructor(livemode: boolean, clock: Clock, accountVersion: string) {
    this.#livemode = livemode
    this.#clock = clock
    this.accountVersion = accountVersion
  }

  add(type: string, data: SimulatedEvent['data'], endpointIds: readonly string[]): SimulatedEvent {
    const id = `evt_1${randomText(23)}`
    const event = {
      id,
      object: 'event' as const,
      api_version: this.accountVersion,
      created: this.#clock.seconds(),
      data,
      livemode: this.#livemode,
      request: { id: null, idempotency_key: null },
      type,
    }
    const row = { id, event, pending: new Set(endpointIds) }
    this.#rows.push(row)
    if (this.#rows.length > KEPT_EVENTS) this.#rows.shift()
    return shown(row)
  }

  /** Newest first, those that Stripe still has. */
  all(): readonly SimulatedEvent[] {
    const oldest = this.#clock.seconds() - KEPT_SECONDS
    return this.#rows
      .filter(({ event }) => event.created >= oldest)
      .map((row) => shown(row))
      .reverse()
  }

  /** As an endpoint of that release gets it; one without a release of its own gets the event's. */
  rendered(id: string, version: string | undefined): SimulatedEvent | undefined {
    const row = this.#row(id)
    return row && shown(row, version)
  }

  has(id: string): boolean {
    return this.#row(id) !== undefined
  }

  retrieve(id: string): SimulatedEvent {
    const event = this.all().find((one) => one.id === id)
    if (!event) throw noSuch('event', id, 'id')
    return event
  }

  /** Everything was made so many seconds earlier. */
  age(seconds: number): void {
    for (const row of this.#rows) row.event = { ...row.event, created: row.event.created - seconds }
  }

  forgetAll(): void {
    this.#rows.length = 0
  }

  acknowledged(id: string, endpointId: string): void {
    this.#row(id)?.pending.delete(endpointId)
  }

  /** A deleted endpoint owes nothing any more. Assumed: Stripe does not say what becomes of the count. */
  forgetEndpoint(endpointId: string): void {
    for (const row of this.#rows) row.pending.delete(endpointId)
  }

  list(query: Form): Page<SimulatedEvent> {
    allowOnly(query, [
      'created',
      'delivery_success',
      'ending_before',
      'expand',
      'limit',
      'starting_after',
      'type',
      'types',
    ])
    const wanted = [
      byCreation(query['created']),
      byType(query['type'], query['types']),
      byDelivery(query['delivery_success']),
    ]
    const rows = this.all().filter((event) => wanted.every((filter) => filter(event)))
    return pageOf(rows, query, { url: '/v1/events', what: 'event' })
  }

  #row(id: string): Row | undefined {
    return this.#rows.find((row) => row.id === id)
  }
}

function shown({ event, pending }: Row, version: string = event.api_version): SimulatedEvent {
  const { request, type, data, ...head } = event
  const rendered = { ...data, object: asOf(version, data.object) }
  return { ...head, api_version: version, data: rendered, pending_webhooks: pending.size, request, type }
}

type EventFilter = (event: SimulatedEvent) => boolean

function byCreation(value: FormValue | undefined): EventFilter {
  if (value === undefined) return () => true
  if (typeof value === 'string') {
    const at = timeIn('created', value)
    return ({ created }) => created === at
  }
  const tests: Readonly<Record<string, (created: number, bound: number) => boolean>> = {
    gt: (created, bound) => created > bound,
    gte: (created, bound) => created >= bound,
    lt: (created, bound) => created < bound,
    lte: (created, bound) => created <= bound,
  }
  const filters = Object.entries(value).map(([operator, bound]): EventFilter => {
    const test = tests[operator]
    if (!test) throw invalidParam(`created[${operator}]`, `Received unknown parameter: created[${operator}]`)
    const limit = timeIn(`created[${operator}]`, bound)
    return ({ created }) => test(created, limit)
  })
  return (event) => filters.every((filter) => filter(event))
}

function timeIn(param: string, value: FormValue): number {
  if (typeof value === 'string' && /^\d+$/.test(value)) return Number(value)
  throw invalidParam(param, `Invalid integer: ${JSON.stringify(value)}`)
}

function byType(type: FormValue | undefined, types: FormValue | undefined): EventFilter {
  if (type !== undefined && types !== undefined)
    throw invalidParam('types', 'You may only specify one of these parameters: type, types.')
  if (typeof type === 'string') {
    const prefix = type.endsWith('*') ? type.slice(0, -1) : undefined
    return (event) => (prefix === undefined ? event.type === type : event.type.startsWith(prefix))
  }
  if (types === undefined) return () => true
  if (!Array.isArray(types)) throw invalidParam('types', 'Invalid array')
  if (types.length > 20) throw invalidParam('types', 'You may specify at most 20 event types.')
  const names: readonly string[] = stripeEventTypes
  const wrong = types.findIndex((name) => !names.includes(String(name)))
  if (wrong >= 0)
    throw invalidParam(
      `types[${wrong}]`,
      `Invalid types[${wrong}]: ${JSON.stringify(types[wrong])} is not a valid event type`,
    )
  return (event) => types.includes(event.type)
}

function byDelivery(value: FormValue | undefined): EventFilter {
  if (value === undefined) return () => true
  const success = flagIn('delivery_success', value)
  return ({ pending_webhooks: pending }) => (pending === 0) === success
}
