import Stripe from 'stripe'
import { learned } from '../../outside-text/known-secrets.ts'
import type { Sensitive } from '../../sensitive.ts'
import { clockAheadMs } from '../http/clock.ts'
import { retrying } from '../http/request.ts'
import { boundedAnswer } from './body.ts'
import { rightIn, StripeTrouble, stripeTrouble } from './errors.ts'
import { STRIPE_API_VERSION } from './events.ts'
import { absentVersion, defaultVersionOf, destinationsOf } from './outlook.ts'
import type {
  CreatedEndpoint,
  EventSummary,
  MissingRight,
  NewWebhookEndpoint,
  StripeAccount,
  WebhookEndpoint,
  WebhookEndpointChange,
} from './port.ts'
import { addressOf, modeOf } from './settings.ts'

interface StripeOptions {
  /** The key: `sk_…` or a restricted `rk_…`, live or test. */
  readonly secretKey: Sensitive
  /** The address of a simulator, `http://127.0.0.1:port`; Stripe itself when unset. */
  readonly apiBase?: string
  /** The time limit of one request; a call may make three attempts. */
  readonly timeoutMs?: number
  /** The pause before the second attempt; it doubles with each further one. */
  readonly retryDelayMs?: number
}

const absentEndpoint = 'we_purser_asks_for_the_right'

const usualPage = 100
const smallPage = 10

/** The most undelivered events that are read: more say nothing more to a reader. */
const UNDELIVERED_LIMIT = 1_000

export function openStripe({
  secretKey,
  apiBase,
  timeoutMs = 20_000,
  retryDelayMs = 500,
}: StripeOptions): StripeAccount {
  // A key that is none ends the start.
  modeOf(secretKey)
  const address = addressOf(apiBase)

  /**
   * The SDK takes no AbortSignal, so each call gets a client whose `fetch` carries it. The SDK's own retries are off
   * because their pauses cannot be interrupted; the ones here can.
   */
  function sdkUnder(signal: AbortSignal, unversioned = false): Stripe {
    const abortableFetch: typeof fetch = async (input, init) => {
      const signals = init?.signal ? [init.signal, signal] : [signal]
      // fetch counts the body itself; with an undici 7 in the process (client-node's), Node 20's fetch refuses a
      // request whose length the SDK has set too.
      const headers = new Headers(init?.headers)
      headers.delete('content-length')
      if (unversioned) headers.delete('stripe-version')
      return boundedAnswer(await fetch(input, { ...init, headers, signal: AbortSignal.any(signals) }))
    }
    const httpClient = Stripe.createFetchHttpClient(abortableFetch)
    const options = {
      apiVersion: STRIPE_API_VERSION,
      httpClient,
      maxNetworkRetries: 0,
      telemetry: false,
      timeout: timeoutMs,
    }
    return new Stripe(secretKey.reveal(), { ...options, ...address })
  }

  async function call<T>(
    doing: string,
    signal: AbortSignal,
    act: (sdk: Stripe) => Promise<T>,
    { sameKey = false, unversioned = false }: { readonly sameKey?: boolean; readonly unversioned?: boolean } = {},
  ): Promise<T> {
    signal.throwIfAborted()
    const sdk = sdkUnder(signal, unversioned)
    const once = () =>
      act(sdk).catch((error: unknown) => {
        signal.throwIfAborted()
        throw stripeTrouble(doing, error, { sameKey })
      })
    const atLeastMs = (error: unknown) => (error instanceof StripeTrouble ? error.retryAfterMs : undefined)
    return retrying(once, { attempts: 3, delayMs: retryDelayMs, atLeastMs, signal })
  }

  /** Reads pages of a hundred. Where the events are so large that a page is too much, ten at a time. */
  function inPages<T>(doing: string, signal: AbortSignal, act: (sdk: Stripe, limit: number) => Promise<T>): Promise<T> {
    return call(doing, signal, (sdk) => act(sdk, usualPage)).catch((error: unknown) => {
      if (!(error instanceof StripeTrouble) || error.code !== 'stripe_answer_too_large') throw error
      return call(doing, signal, (sdk) => act(sdk, smallPage))
    })
  }

  return {
    get keyMode() {
      return modeOf(secretKey)
    },
    apiVersion: STRIPE_API_VERSION,
    async missingRights(signal) {
      const ask = (right: string, probe: (sdk: Stripe) => Promise<unknown>) =>
        call(`asking for the right ${right}`, signal, probe).then(() => undefined, refusedFor(right))
      const answers = await Promise.all([
        ask('Webhook Endpoints: Read', (sdk) => sdk.webhookEndpoints.list({ limit: 1 })),
        // There is no such endpoint: whoever may write is told so, whoever may not is told that.
        ask('Webhook Endpoints: Write', (sdk) => sdk.webhookEndpoints.update(absentEndpoint, {})),
        ask('Events: Read', (sdk) => sdk.events.list({ limit: 1 })),
      ])
      return answers.filter((answer) => answer !== undefined)
    },
    missingResendRight: (signal) =>
      // Neither is there: whoever may resend is told so.
      call('asking for the right Events: Write', signal, (sdk) =>
        sdk.rawRequest('POST', '/v1/events/evt_purser_asks_for_the_right/retry', { webhook_endpoint: absentEndpoint }),
      ).then(() => undefined, refusedFor('Events: Write', 'stripe_request_refused')),
    defaultVersion: (signal) =>
      call("reading the account's default API version", signal, defaultVersionOf, { unversioned: true }),
    takesVersion: (version, signal) =>
      call(`asking for API version ${version}`, signal, (sdk) =>
        sdk.webhookEndpoints.list({ limit: 1 }, { apiVersion: version }),
      ).then(() => undefined, absentVersion),
    destinations: (signal) => call('listing event destinations', signal, destinationsOf).catch(asRefusal),
    clockAheadMs: (signal) =>
      call("reading Stripe's clock", signal, async (sdk) => {
        const { lastResponse } = await sdk.webhookEndpoints.list({ limit: 1 })
        // The fetch client hands on a Headers object, whatever its type says.
        return clockAheadMs(new Headers(lastResponse.headers).get('date'))
      }),
    account: (signal) =>
      call('reading the Stripe account', signal, async (sdk) => {
        const account = await sdk.accounts.retrieveCurrent()
        return { id: account.id, livemode: undefined } // an account object does not tell its mode
      }),
    endpoints: (signal) =>
      call('listing webhook endpoints', signal, async (sdk) => {
        const endpoints: WebhookEndpoint[] = []
        for await (const endpoint of sdk.webhookEndpoints.list({ limit: 100 })) endpoints.push(asEndpoint(endpoint))
        return endpoints
      }),
    endpoint: (id, signal) =>
      absentAsUndefined(
        call(`reading webhook endpoint ${id}`, signal, async (sdk) =>
          asEndpoint(await sdk.webhookEndpoints.retrieve(id)),
        ),
      ),
    createEndpoint: (endpoint, signal) =>
      call(`creating the webhook endpoint for ${endpoint.url}`, signal, (sdk) => create(sdk, endpoint), {
        sameKey: true,
      }),
    updateEndpoint: (id, change, signal) =>
      call(`updating webhook endpoint ${id}`, signal, async (sdk) =>
        asEndpoint(await sdk.webhookEndpoints.update(id, updateParams(change))),
      ),
    async deleteEndpoint(id, signal) {
      await absentAsUndefined(call(`deleting webhook endpoint ${id}`, signal, (sdk) => sdk.webhookEndpoints.del(id)))
    },
    undelivered: (since, signal) =>
      inPages('listing undelivered events', signal, async (sdk, limit) => {
        const created = { gte: Math.floor(since.getTime() / 1000) }
        const events = sdk.events.list({ created, delivery_success: false, limit })
        return (await events.autoPagingToArray({ limit: UNDELIVERED_LIMIT })).map(summaryOf)
      }),
    events: ({ since, until, types, undelivered, after }, signal) =>
      inPages('listing events', signal, async (sdk, limit) => {
        const page = await sdk.events.list({
          created: {
            gte: Math.floor(since.getTime() / 1000),
            ...(until !== undefined && { lt: Math.floor(until.getTime() / 1000) }),
          },
          // Stripe knows no `*` here: a question without types is about all of them.
          ...(types.includes('*') ? {} : { types: [...types] }),
          limit,
          ...(undelivered && { delivery_success: false }),
          ...(after !== undefined && { starting_after: after }),
        })
        return { events: page.data.map(summaryOf), next: page.has_more ? page.data.at(-1)?.id : undefined }
      }),
    event: (id, signal) =>
      absentAsUndefined(
        call(`reading event ${id}`, signal, async (sdk) => {
          const event = await sdk.events.retrieve(id)
          return { ...summaryOf(event), apiVersion: event.api_version, body: JSON.stringify(event, null, 2) }
        }),
      ),
    // https://github.com/stripe/stripe-cli/blob/master/pkg/cmd/resource/events_resend.go: the API's reference lacks it.
    resendEvent: (id, endpoint, signal) =>
      call(`having event ${id} sent again to ${endpoint}`, signal, (sdk) =>
        sdk.rawRequest('POST', `/v1/events/${encodeURIComponent(id)}/retry`, { webhook_endpoint: endpoint }),
      ).then(() => ({ refused: undefined }), asRefusal),
  }
}

async function create(sdk: Stripe, endpoint: NewWebhookEndpoint): Promise<CreatedEndpoint> {
  const { url, enabledEvents, metadata, description, idempotencyKey, apiVersion = STRIPE_API_VERSION } = endpoint
  const params = {
    url,
    enabled_events: eventNames(enabledEvents),
    metadata: { ...metadata },
    description,
    // The compiler knows the versions of this SDK only; a service may want an older one.
    api_version: apiVersion as typeof STRIPE_API_VERSION,
  }
  const created = await sdk.webhookEndpoints.create(params, { idempotencyKey })
  if (!created.secret) {
    throw new StripeTrouble(
      'stripe_request_refused',
      `creating the webhook endpoint for ${url}: the answer holds no signing secret`,
      {
        hint: `delete webhook endpoint ${created.id} and try again`,
      },
    )
  }
  // The fetch client hands on a Headers object, whatever its type says.
  const replayed = new Headers(created.lastResponse.headers).get('idempotent-replayed') === 'true'
  return { endpoint: asEndpoint(created), signingSecret: learned(created.secret), replayed }
}

function updateParams({
  enabledEvents,
  disabled,
  metadata,
}: WebhookEndpointChange): Stripe.WebhookEndpointUpdateParams {
  return {
    ...(enabledEvents && { enabled_events: eventNames(enabledEvents) }),
    ...(disabled !== undefined && { disabled }),
    ...(metadata && { metadata: { ...metadata } }),
  }
}

/**
 * Types event names as the SDK wants them. Stripe, not the compiler, has the last word on them: an endpoint being
 * restored may hold ones that this SDK no longer knows.
 */
function eventNames(events: readonly string[]): Stripe.WebhookEndpointCreateParams.EnabledEvent[] {
  return [...events] as Stripe.WebhookEndpointCreateParams.EnabledEvent[]
}

function summaryOf({ id, type, created, pending_webhooks: pendingWebhooks, data }: Stripe.Event): EventSummary {
  const object = 'id' in data.object && typeof data.object.id === 'string' ? { object: data.object.id } : {}
  return { id, type, created: new Date(created * 1000), pendingWebhooks, ...object }
}

function asEndpoint(endpoint: Stripe.WebhookEndpoint): WebhookEndpoint {
  return {
    id: endpoint.id,
    url: endpoint.url,
    enabledEvents: endpoint.enabled_events,
    status: endpoint.status === 'enabled' ? 'enabled' : 'disabled',
    apiVersion: endpoint.api_version,
    livemode: endpoint.livemode,
    metadata: endpoint.metadata,
    description: endpoint.description,
    created: new Date(endpoint.created * 1000),
  }
}

/** Takes a refusal for want of a right for an answer; so is "no such endpoint", and what else tells that the right is there. */
function refusedFor(right: string, ...granted: readonly string[]): (error: unknown) => MissingRight | undefined {
  return (error) => {
    if (!(error instanceof StripeTrouble)) throw error
    if (error.code === 'stripe_not_found' || granted.includes(error.code)) return undefined
    if (error.code !== 'stripe_permission_missing') throw error
    return { right: rightIn(error.message) ?? right, answer: error.message }
  }
}

/** Takes for an answer that Stripe does not do this with this key, event or endpoint. */
function asRefusal(error: unknown): { readonly refused: string } {
  const codes = ['stripe_permission_missing', 'stripe_not_found', 'stripe_request_refused']
  if (error instanceof StripeTrouble && codes.includes(error.code)) return { refused: error.message }
  throw error
}

async function absentAsUndefined<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer
  } catch (error) {
    if (error instanceof StripeTrouble && error.code === 'stripe_not_found') return undefined
    throw error
  }
}
