import { randomBytes } from 'node:crypto'
import { stripeEventTypes } from '../../src/adapters/stripe/events.ts'
import type { Clock } from './clock.ts'
import type { Form, FormValue } from './api/form.ts'
import { type Page, pageOf } from './api/pages.ts'
import { invalidParam, missingParam, noSuch, StripeProblem, unknownParam } from './api/problems.ts'
import { isApiVersion } from './releases.ts'

export interface SimulatedEndpoint {
  readonly id: string
  readonly object: 'webhook_endpoint'
  readonly api_version: string | null
  readonly application: null
  created: number
  description: string | null
  enabled_events: readonly string[]
  readonly livemode: boolean
  metadata: Readonly<Record<string, string>>
  status: 'enabled' | 'disabled'
  url: string
}

interface SigningSecret {
  readonly value: string
  /** Until when a secret that was rolled is still used; Infinity for the current one. */
  readonly until: number
}

interface StoreOptions {
  readonly livemode: boolean
  readonly clock: Clock
  /** The number of event destinations that are no webhook endpoints: they count against the same limit. */
  readonly others: () => number
  readonly newerReleases: readonly string[]
}

/** Endpoints and other destinations together, in each mode. https://docs.stripe.com/webhooks#register-webhook */
const ENDPOINT_LIMIT = 16
const DAY_MS = 24 * 3_600_000
/** Types that `*` leaves out; Stripe wants them named. */
const explicitSelectionOnly = new Set(['issuing_authorization.request'])

/** The account's webhook endpoints and their secrets. */
export class EndpointStore {
  readonly #endpoints = new Map<string, SimulatedEndpoint>()
  readonly #secrets = new Map<string, readonly SigningSecret[]>()
  /** Endpoints that get the events of connected accounts, and none of this one. */
  readonly #connect = new Set<string>()
  readonly #options: StoreOptions

  constructor(options: StoreOptions) {
    this.#options = options
  }

  all(): readonly SimulatedEndpoint[] {
    return [...this.#endpoints.values()].reverse()
  }

  isConnect(id: string): boolean {
    return this.#connect.has(id)
  }

  /** The current one. */
  secretOf(id: string): string | undefined {
    return this.#secrets.get(id)?.[0]?.value
  }

  /** Those that deliveries are signed with now, the current one first. */
  secretsOf(id: string): readonly string[] {
    const now = this.#options.clock.now()
    return (this.#secrets.get(id) ?? []).filter(({ until }) => until > now).map(({ value }) => value)
  }

  /**
   * What "Roll secret" in the dashboard does; the API has no such call. The former secret ends at once or up to 24 hours
   * later, and until then each delivery has a signature for each. https://docs.stripe.com/webhooks#roll-endpoint-secrets
   */
  rollSecret(id: string, oldValidForMs: number): string {
    this.#existing(id)
    if (oldValidForMs < 0 || oldValidForMs > DAY_MS) throw new RangeError('a former secret is good for a day at most')
    const until = this.#options.clock.now() + oldValidForMs
    const former = (this.#secrets.get(id) ?? []).map((one) => ({ ...one, until: Math.min(one.until, until) }))
    const value = `whsec_${randomText(32)}`
    this.#secrets.set(id, [{ value, until: Number.POSITIVE_INFINITY }, ...former])
    return value
  }

  find(id: string): SimulatedEndpoint | undefined {
    return this.#endpoints.get(id)
  }

  /** Enabled and subscribed to the type, oldest first. */
  subscribedTo(type: string): readonly SimulatedEndpoint[] {
    return [...this.#endpoints.values()].filter(
      (endpoint) => endpoint.status === 'enabled' && !this.isConnect(endpoint.id) && takes(endpoint, type),
    )
  }

  /** The only answer that holds `secret`. */
  create(form: Form): SimulatedEndpoint & { readonly secret: string } {
    allowOnly(form, ['url', 'enabled_events', 'api_version', 'connect', 'description', 'metadata', 'expand'])
    if (form['url'] === undefined) throw missingParam('url')
    if (form['enabled_events'] === undefined) throw missingParam('enabled_events')
    const endpoint: SimulatedEndpoint = {
      id: `we_1${randomText(23)}`,
      object: 'webhook_endpoint',
      api_version: versionIn(form['api_version'], this.#options.newerReleases),
      application: null,
      created: this.#options.clock.seconds(),
      description: textIn('description', form['description']) || null,
      enabled_events: eventsIn(form['enabled_events']),
      livemode: this.#options.livemode,
      metadata: mergedMetadata({}, form['metadata']),
      status: 'enabled',
      url: this.#urlIn(form['url']),
    }
    const connect = form['connect'] !== undefined && flagIn('connect', form['connect'])
    if (this.#endpoints.size + this.#options.others() >= ENDPOINT_LIMIT) {
      const mode = this.#options.livemode ? 'live' : 'test'
      const message = `You have reached the maximum of ${ENDPOINT_LIMIT} ${mode} webhook endpoints.`
      // Nothing is wrong with the parameters, so the endpoint had begun to execute: its answer is kept. Assumed.
      throw new StripeProblem(400, message, { executed: true })
    }
    const value = `whsec_${randomText(32)}`
    this.#endpoints.set(endpoint.id, endpoint)
    this.#secrets.set(endpoint.id, [{ value, until: Number.POSITIVE_INFINITY }])
    if (connect) this.#connect.add(endpoint.id)
    return { ...endpoint, secret: value }
  }

  update(id: string, form: Form): SimulatedEndpoint {
    const endpoint = this.#existing(id)
    allowOnly(form, ['url', 'enabled_events', 'disabled', 'description', 'metadata', 'expand'])
    const changed: SimulatedEndpoint = { ...endpoint }
    if (form['url'] !== undefined) changed.url = this.#urlIn(form['url'])
    if (form['enabled_events'] !== undefined) changed.enabled_events = eventsIn(form['enabled_events'])
    if (form['disabled'] !== undefined) changed.status = flagIn('disabled', form['disabled']) ? 'disabled' : 'enabled'
    if (form['description'] !== undefined) changed.description = textIn('description', form['description']) || null
    if (form['metadata'] !== undefined) changed.metadata = mergedMetadata(endpoint.metadata, form['metadata'])
    Object.assign(endpoint, changed) // all or nothing: a refused parameter has thrown before
    return { ...endpoint }
  }

  retrieve(id: string): SimulatedEndpoint {
    return { ...this.#existing(id) }
  }

  remove(id: string): { readonly id: string; readonly object: string; readonly deleted: true } {
    this.#existing(id)
    this.#endpoints.delete(id)
    this.#secrets.delete(id)
    this.#connect.delete(id)
    return { id, object: 'webhook_endpoint', deleted: true }
  }

  list(query: Form): Page<SimulatedEndpoint> {
    allowOnly(query, ['limit', 'starting_after', 'ending_before', 'expand'])
    return pageOf(this.all(), query, { url: '/v1/webhook_endpoints', what: 'webhook endpoint' })
  }

  /** Everything was made so many seconds earlier, and secrets rolled. */
  age(seconds: number): void {
    for (const endpoint of this.#endpoints.values()) endpoint.created -= seconds
    for (const [id, held] of this.#secrets)
      this.#secrets.set(
        id,
        held.map((secret) => ({ ...secret, until: secret.until - seconds * 1_000 })),
      )
  }

  /** What stands now; the function that is returned puts it back. */
  kept(): () => void {
    const endpoints = this.all()
      .toReversed()
      .map((endpoint) => ({ ...endpoint }))
    const secrets = [...this.#secrets]
    const connect = [...this.#connect]
    return () => {
      this.#endpoints.clear()
      this.#secrets.clear()
      this.#connect.clear()
      for (const endpoint of endpoints) this.#endpoints.set(endpoint.id, { ...endpoint })
      for (const [id, held] of secrets) this.#secrets.set(id, held)
      for (const id of connect) this.#connect.add(id)
    }
  }

  #existing(id: string): SimulatedEndpoint {
    const endpoint = this.#endpoints.get(id)
    if (!endpoint) throw noSuch('webhook endpoint', id, 'webhook_endpoint')
    return endpoint
  }

  #urlIn(value: FormValue): string {
    const url = textIn('url', value)
    if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
      const message = 'Invalid URL: An explicit scheme (such as https) must be provided.'
      throw new StripeProblem(400, message, { code: 'url_invalid', param: 'url' })
    }
    if (this.#options.livemode && !url.startsWith('https:')) {
      throw new StripeProblem(400, 'Invalid URL: Live mode webhook endpoints must use HTTPS.', {
        code: 'url_invalid',
        param: 'url',
      })
    }
    return url
  }
}

/** Whether the endpoint is subscribed to the type, enabled or not. */
export function takes({ enabled_events: events }: SimulatedEndpoint, type: string): boolean {
  return events.includes(type) || (events.includes('*') && !explicitSelectionOnly.has(type))
}

export function allowOnly(form: Form, names: readonly string[]): void {
  const stranger = Object.keys(form).find((name) => !names.includes(name))
  if (stranger !== undefined) throw unknownParam(stranger)
}

export function randomText(length: number): string {
  return randomBytes(length * 2)
    .toString('base64')
    .replace(/[^A-Za-z0-9]/g, '')
    .slice(0, length)
}

function textIn(param: string, value: FormValue | undefined): string {
  if (value === undefined || typeof value === 'string') return value ?? ''
  throw invalidParam(param, `Invalid string: ${JSON.stringify(value)}`)
}

export function flagIn(param: string, value: FormValue): boolean {
  if (value === 'true') return true
  if (value === 'false') return false
  throw invalidParam(param, `Invalid boolean: ${JSON.stringify(value)}`)
}

function eventsIn(value: FormValue): readonly string[] {
  if (!Array.isArray(value)) throw invalidParam('enabled_events', 'Invalid array')
  const allowed = ['*', ...stripeEventTypes]
  const wrong = value.findIndex((name) => typeof name !== 'string' || !allowed.includes(name))
  if (wrong >= 0) {
    throw invalidParam(
      `enabled_events[${wrong}]`,
      `Invalid enabled_events[${wrong}]: must be one of ${allowed.slice(0, -1).join(', ')}, or ${allowed.at(-1)}`,
    )
  }
  return value.map(String)
}

function versionIn(value: FormValue | undefined, newer: readonly string[]): string | null {
  if (value === undefined || value === '') return null
  if (typeof value === 'string' && isApiVersion(value, newer)) return value
  throw invalidParam('api_version', `Invalid api_version: must be a Stripe API version`)
}

/** Keys are merged; an empty value unsets its key, an empty `metadata` all of them. */
function mergedMetadata(
  old: Readonly<Record<string, string>>,
  change: FormValue | undefined,
): Readonly<Record<string, string>> {
  if (change === undefined) return old
  if (change === '') return {}
  if (typeof change === 'string' || Array.isArray(change)) throw invalidParam('metadata', 'Invalid hash')
  const merged = {
    ...old,
    ...Object.fromEntries(Object.entries(change).map(([key, value]) => [key, textIn(`metadata[${key}]`, value)])),
  }
  return Object.fromEntries(Object.entries(merged).filter(([, value]) => value !== ''))
}
