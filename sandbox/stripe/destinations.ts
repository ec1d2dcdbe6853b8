import type { Clock } from './clock.ts'
import { allowOnly, randomText, type SimulatedEndpoint } from './endpoints.ts'
import type { Form } from './api/form.ts'
import { invalidParam, noSuch } from './api/problems.ts'

/** A destination that only API v2 shows. */
export interface OtherDestination {
  readonly type: 'webhook_endpoint' | 'amazon_eventbridge'
  readonly payload: 'thin' | 'snapshot'
  readonly name: string
  readonly events: readonly string[]
}

interface DestinationsOptions {
  readonly clock: Clock
  readonly livemode: boolean
  readonly endpoints: () => readonly SimulatedEndpoint[]
  readonly isConnect: (id: string) => boolean
}

type Destination = Readonly<Record<string, unknown>> & { readonly id: string }

/**
 * `/v2/core/event_destinations`, to be read: it "includes existing webhook endpoints" beside thin ones and EventBridge
 * (https://docs.stripe.com/changelog/acacia/2024-10-28/event-destinations-api). Only here is it seen that an endpoint
 * gets the events of connected accounts. Nothing is delivered to what only API v2 shows.
 */
export class EventDestinations {
  readonly #others: Destination[] = []
  readonly #options: DestinationsOptions

  constructor(options: DestinationsOptions) {
    this.#options = options
  }

  /** What stands now; the function that is returned puts it back. */
  kept(): () => void {
    const others = [...this.#others]
    return () => void this.#others.splice(0, Number.POSITIVE_INFINITY, ...others)
  }

  count(): number {
    return this.#others.length
  }

  add({ type, payload, name, events }: OtherDestination): string {
    const id = `ed_test_${randomText(24)}`
    const { clock, livemode } = this.#options
    const created = new Date(clock.now()).toISOString()
    const eventbridge = {
      aws_account_id: '123456789012',
      aws_event_source_arn: 'arn:aws:events:us-east-1::event-source/aws.partner/stripe.com/ed_test',
      aws_event_source_status: 'active',
    }
    this.#others.push({
      id,
      object: 'v2.core.event_destination',
      ...(type === 'amazon_eventbridge' ? { amazon_eventbridge: eventbridge } : {}),
      created,
      description: '',
      enabled_events: events,
      event_payload: payload,
      events_from: ['@self'],
      livemode,
      metadata: {},
      name,
      status: 'enabled',
      type,
      updated: created,
    })
    return id
  }

  list(query: Form): object {
    allowOnly(query, ['limit', 'page', 'include'])
    const limit = Number(query['limit'] ?? 20)
    const start = Number(query['page'] ?? 0)
    if (!Number.isInteger(limit) || limit < 1 || limit > 100) throw invalidParam('limit', 'Invalid limit')
    const all = this.#all()
    const at = (from: number) => `/v2/core/event_destinations?limit=${limit}&page=${from}`
    return {
      data: all.slice(start, start + limit),
      next_page_url: start + limit < all.length ? at(start + limit) : null,
      previous_page_url: start > 0 ? at(Math.max(0, start - limit)) : null,
    }
  }

  retrieve(id: string): object {
    const found = this.#all().find((destination) => destination.id === id)
    if (!found) throw noSuch('event destination', id, 'id')
    return found
  }

  #all(): readonly Destination[] {
    return [...this.#options.endpoints().map((endpoint) => this.#shown(endpoint)), ...this.#others]
  }

  #shown(endpoint: SimulatedEndpoint): Destination {
    const { id, api_version: version, created, description, enabled_events, livemode, metadata, status } = endpoint
    const at = new Date(created * 1_000).toISOString()
    return {
      id,
      object: 'v2.core.event_destination',
      created: at,
      description: description ?? '',
      enabled_events,
      event_payload: 'snapshot',
      events_from: [this.#options.isConnect(id) ? '@accounts' : '@self'],
      livemode,
      metadata,
      name: description ?? '',
      ...(version === null ? {} : { snapshot_api_version: version }),
      status,
      type: 'webhook_endpoint',
      updated: at,
    }
  }
}
