import { randomBytes } from 'node:crypto'
import { stripeEventTypes } from '../../src/adapters/stripe/events.ts'
import type { Form, FormValue } from './form.ts'
import { type Page, pageOf } from './pages.ts'
import { invalidParam, missingParam, noSuch, StripeProblem, unknownParam } from './problems.ts'

export interface SimulatedEndpoint {
  readonly id: string
  readonly object: 'webhook_endpoint'
  readonly api_version: string | null
  readonly application: null
  readonly created: number
  description: string | null
  enabled_events: readonly string[]
  readonly livemode: boolean
  metadata: Readonly<Record<string, string>>
  status: 'enabled' | 'disabled'
  url: string
}

const ENDPOINT_LIMIT = 16
/** Types that `*` leaves out; Stripe wants them named. */
const explicitSelectionOnly = new Set(['issuing_authorization.request'])

/** The account's webhook endpoints and their secrets. */
export class EndpointStore {
  readonly #endpoints = new Map<string, SimulatedEndpoint>()
  readonly #secrets = new Map<string, string>()
  readonly #livemode: boolean

  constructor(livemode: boolean) {
    this.#livemode = livemode
  }

  all(): readonly SimulatedEndpoint[] {
    return [...this.#endpoints.values()].reverse()
  }

  secretOf(id: string): string | undefined {
    return this.#secrets.get(id)
  }

  find(id: string): SimulatedEndpoint | undefined {
    return this.#endpoints.get(id)
  }

  /** Enabled and subscribed to the type, oldest first. */
  subscribedTo(type: string): readonly SimulatedEndpoint[] {
    return [...this.#endpoints.values()].filter(({ status, enabled_events: events }) => {
      return (
        status === 'enabled' && (events.includes(type) || (events.includes('*') && !explicitSelectionOnly.has(type)))
      )
    })
  }

  /** The only answer that holds `secret`. */
  create(form: Form): SimulatedEndpoint & { readonly secret: string } {
    allowOnly(form, ['url', 'enabled_events', 'api_version', 'connect', 'description', 'metadata', 'expand'])
    if (form['url'] === undefined) throw missingParam('url')
    if (form['enabled_events'] === undefined) throw missingParam('enabled_events')
    const endpoint: SimulatedEndpoint = {
      id: `we_1${randomText(23)}`,
      object: 'webhook_endpoint',
      api_version: versionIn(form['api_version']),
      application: null,
      created: Math.floor(Date.now() / 1000),
      description: textIn('description', form['description']) || null,
      enabled_events: eventsIn(form['enabled_events']),
      livemode: this.#livemode,
      metadata: mergedMetadata({}, form['metadata']),
      status: 'enabled',
      url: this.#urlIn(form['url']),
    }
    if (this.#endpoints.size >= ENDPOINT_LIMIT) {
      const mode = this.#livemode ? 'live' : 'test'
      throw new StripeProblem(400, `You have reached the maximum of ${ENDPOINT_LIMIT} ${mode} webhook endpoints.`)
    }
    const secret = `whsec_${randomText(32)}`
    this.#endpoints.set(endpoint.id, endpoint)
    this.#secrets.set(endpoint.id, secret)
    return { ...endpoint, secret }
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
    return { id, object: 'webhook_endpoint', deleted: true }
  }

  list(query: Form): Page<SimulatedEndpoint> {
    allowOnly(query, ['limit', 'starting_after', 'ending_before', 'expand'])
    return pageOf(this.all(), query, { url: '/v1/webhook_endpoints', what: 'webhook endpoint' })
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
    if (this.#livemode && !url.startsWith('https:')) {
      throw new StripeProblem(400, 'Invalid URL: Live mode webhook endpoints must use HTTPS.', {
        code: 'url_invalid',
        param: 'url',
      })
    }
    return url
  }
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

function versionIn(value: FormValue | undefined): string | null {
  if (value === undefined || value === '') return null
  if (typeof value === 'string' && isApiVersion(value)) return value
  throw invalidParam('api_version', `Invalid api_version: must be a Stripe API version`)
}

export function isApiVersion(text: string): boolean {
  return /^20\d\d-\d\d-\d\d(\.[a-z]+)?$/.test(text)
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
