import Stripe from 'stripe'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { startStripe, type StripeSimulator, type StripeSimulatorOptions } from '../../sandbox/stripe/server.ts'
import { type Receiver, startReceiver } from './receiver.ts'

const secretKey = 'sk_test_simulator'
const url = 'https://api.valuecanvas.com/api/billing/webhooks/stripe'
const cleanUp: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of cleanUp.splice(0).reverse()) await close()
})

async function account(
  options: Partial<StripeSimulatorOptions> = {},
): Promise<{ readonly simulator: StripeSimulator; readonly sdk: Stripe }> {
  const simulator = await startStripe({ secretKey, retryDelaysMs: [20, 20], ...options })
  cleanUp.push(() => simulator.close())
  return { simulator, sdk: sdkFor(simulator, options.secretKey ?? secretKey) }
}

function sdkFor(simulator: StripeSimulator, key: string): Stripe {
  const { hostname, port } = new URL(simulator.url)
  return new Stripe(key, { host: hostname, port, protocol: 'http', maxNetworkRetries: 0 })
}

async function receiver(): Promise<Receiver> {
  const opened = await startReceiver()
  cleanUp.push(() => opened.close())
  return opened
}

const failureOf = (call: PromiseLike<unknown>) =>
  Promise.resolve(call).then(
    () => undefined,
    (error: unknown) => error,
  )

describe('webhook endpoints, through the official SDK', () => {
  it('show their secret once and never again', async () => {
    const { sdk, simulator } = await account()
    const made = await sdk.webhookEndpoints.create({ url, enabled_events: ['invoice.paid'] })
    expect(made.secret).toBe(simulator.secretOf(made.id))
    expect(made.lastResponse.requestId).toMatch(/^req_/)
    expect(await sdk.webhookEndpoints.retrieve(made.id)).not.toHaveProperty('secret')
    expect(await sdk.webhookEndpoints.update(made.id, { disabled: true })).not.toHaveProperty('secret')
    expect((await sdk.webhookEndpoints.list()).data[0]).not.toHaveProperty('secret')
  })

  it('answer mistakes as Stripe does', async () => {
    const { sdk } = await account()
    const wildcard = 'invoice.*' as 'invoice.paid'
    expect(await failureOf(sdk.webhookEndpoints.create({ url, enabled_events: [wildcard] }))).toMatchObject({
      type: 'StripeInvalidRequestError',
      statusCode: 400,
      param: 'enabled_events[0]',
      message: expect.stringMatching(/^Invalid enabled_events\[0\]: must be one of \*, account\./),
    })
    expect(
      await failureOf(sdk.webhookEndpoints.create({ url: 'api.valuecanvas.com', enabled_events: ['*'] })),
    ).toMatchObject({ code: 'url_invalid' })
    expect(await failureOf(sdk.webhookEndpoints.retrieve('we_nobody'))).toMatchObject({
      statusCode: 404,
      code: 'resource_missing',
    })
    const made = await sdk.webhookEndpoints.create({ url, enabled_events: ['*'] })
    const pinned: object = { api_version: '2025-01-27.acacia' }
    expect(await failureOf(sdk.webhookEndpoints.update(made.id, pinned))).toMatchObject({
      code: 'parameter_unknown',
      param: 'api_version',
    })
    expect(await failureOf(sdk.charges.list())).toMatchObject({
      statusCode: 404,
      message: expect.stringContaining('Unrecognized request URL (GET: /v1/charges)'),
    })
  })

  it('are sixteen at most, and https in live mode', async () => {
    const { sdk } = await account()
    for (let number = 0; number < 16; number += 1)
      await sdk.webhookEndpoints.create({ url: `${url}?v=${number}`, enabled_events: ['*'] })
    expect(await failureOf(sdk.webhookEndpoints.create({ url, enabled_events: ['*'] }))).toMatchObject({
      message: expect.stringContaining('maximum of 16 test webhook endpoints'),
    })
    const live = await account({ secretKey: 'sk_live_simulator' })
    expect(
      await failureOf(live.sdk.webhookEndpoints.create({ url: 'http://127.0.0.1/hook', enabled_events: ['*'] })),
    ).toMatchObject({ code: 'url_invalid' })
    expect((await live.sdk.webhookEndpoints.create({ url, enabled_events: ['*'] })).livemode).toBe(true)
  })

  it('merge metadata and unset what is set to nothing', async () => {
    const { sdk } = await account()
    const made = await sdk.webhookEndpoints.create({
      url,
      enabled_events: ['*'],
      metadata: { a: '1', 'b c': 'd & e = [f]' },
    })
    expect(made.metadata).toEqual({ a: '1', 'b c': 'd & e = [f]' })
    expect((await sdk.webhookEndpoints.update(made.id, { metadata: { a: '', g: '2' } })).metadata).toEqual({
      'b c': 'd & e = [f]',
      g: '2',
    })
    expect((await sdk.webhookEndpoints.update(made.id, { metadata: '' })).metadata).toEqual({})
  })

  it('are paged without gaps', async () => {
    const { sdk } = await account()
    for (let number = 0; number < 5; number += 1)
      await sdk.webhookEndpoints.create({ url: `${url}?v=${number}`, enabled_events: ['*'] })
    const seen = await sdk.webhookEndpoints.list({ limit: 2 }).autoPagingToArray({ limit: 100 })
    expect(seen.map((endpoint) => endpoint.url.at(-1))).toEqual(['4', '3', '2', '1', '0'])
  })
})

describe('idempotency keys', () => {
  it('replay the saved answer with its secret, marked as a replay', async () => {
    const { sdk, simulator } = await account()
    const create = () =>
      sdk.webhookEndpoints.create({ url, enabled_events: ['invoice.paid'] }, { idempotencyKey: '42:webhook' })
    const first = await create()
    const replay = await create()
    expect(replay).toEqual(first)
    expect(replay.lastResponse.headers).toMatchObject({
      'idempotent-replayed': 'true',
      'original-request': first.lastResponse.requestId,
    })
    expect(simulator.endpoints()).toHaveLength(1)
  })

  it('work once for other parameters, and not at all for refused ones', async () => {
    const { sdk } = await account()
    const create = (to: string) =>
      sdk.webhookEndpoints.create({ url: to, enabled_events: ['invoice.paid'] }, { idempotencyKey: 'k' })
    expect(await failureOf(create('nonsense'))).toMatchObject({ code: 'url_invalid' })
    await create(url)
    expect(await failureOf(create(`${url}?v=2`))).toMatchObject({
      type: 'StripeIdempotencyError',
      message: expect.stringContaining("other than 'k'"),
    })
  })
})

describe('keys', () => {
  it('are needed, must be right, and a restricted one is told what it lacks', async () => {
    const { simulator } = await account({ restrictedKeys: { rk_test_reader: ['rak_webhook_read'] } })
    expect(await (await fetch(`${simulator.url}/v1/account`)).json()).toMatchObject({
      error: { message: expect.stringContaining('You did not provide an API key') },
    })
    expect(await failureOf(sdkFor(simulator, 'sk_test_other9876').accounts.retrieveCurrent())).toMatchObject({
      type: 'StripeAuthenticationError',
      message: 'Invalid API Key provided: sk_test_*****9876',
    })
    const reader = sdkFor(simulator, 'rk_test_reader')
    expect((await reader.webhookEndpoints.list()).data).toEqual([])
    expect(await failureOf(reader.webhookEndpoints.create({ url, enabled_events: ['*'] }))).toMatchObject({
      type: 'StripePermissionError',
      message: expect.stringContaining('rak_webhook_write'),
    })
  })
})

describe('delivery', () => {
  let hook: Receiver
  beforeEach(async () => {
    hook = await receiver()
  })

  it('signs every event so that the SDK accepts it, for that endpoint only', async () => {
    const { sdk, simulator } = await account()
    const endpoint = await sdk.webhookEndpoints.create({
      url: hook.url,
      enabled_events: ['invoice.paid'],
      api_version: '2026-10-28.endive',
    })
    const emitted = simulator.emit('invoice.paid')
    simulator.emit('charge.failed') // not subscribed
    await vi.waitFor(() => expect(simulator.events().map((event) => event.pending_webhooks)).toEqual([0, 0]))
    expect(hook.received).toHaveLength(1)
    const { body = '', headers = {} } = hook.received[0] ?? {}
    const signature = String(headers['stripe-signature'])
    const event = Stripe.webhooks.constructEvent(body, signature, endpoint.secret ?? '')
    expect(event).toMatchObject({
      id: emitted.id,
      type: 'invoice.paid',
      api_version: '2026-10-28.endive',
      pending_webhooks: 1,
      livemode: false,
    })
    expect(() => Stripe.webhooks.constructEvent(body, signature, 'whsec_other')).toThrow(/No signatures found/)
    expect(() =>
      Stripe.webhooks.constructEvent(body.replace('paid', 'void'), signature, endpoint.secret ?? ''),
    ).toThrow(/No signatures found/)
  })

  it('is tried again until the endpoint says 2xx, and counts as pending meanwhile', async () => {
    const { sdk, simulator } = await account({ retryDelaysMs: Array.from({ length: 200 }, () => 10) })
    await sdk.webhookEndpoints.create({ url: hook.url, enabled_events: ['*'] })
    hook.status = 500
    const { id } = simulator.emit('invoice.payment_failed')
    await vi.waitFor(() => expect(hook.received.length).toBeGreaterThan(1))
    const undelivered = await sdk.events.list({ delivery_success: false })
    expect(undelivered.data).toMatchObject([{ id, pending_webhooks: 1 }])
    hook.status = 200
    await vi.waitFor(async () => expect((await sdk.events.list({ delivery_success: false })).data).toEqual([]))
  })

  it('counts a redirect as a failure and gives up after the last attempt', async () => {
    const { sdk, simulator } = await account()
    await sdk.webhookEndpoints.create({ url: hook.url, enabled_events: ['*'] })
    hook.status = 302
    simulator.emit('invoice.paid')
    await vi.waitFor(() => expect(simulator.deliveries().map(({ outcome }) => outcome)).toEqual([302, 302, 302]))
    expect(simulator.events()[0]?.pending_webhooks).toBe(1)
  })

  it('leaves out disabled endpoints, whose missed events are resent by hand', async () => {
    const { sdk, simulator } = await account()
    const endpoint = await sdk.webhookEndpoints.create({ url: hook.url, enabled_events: ['*'] })
    await sdk.webhookEndpoints.update(endpoint.id, { disabled: true })
    const missed = simulator.emit('invoice.paid')
    expect(missed.pending_webhooks).toBe(0)
    await sdk.webhookEndpoints.update(endpoint.id, { disabled: false })
    await sdk.rawRequest('POST', `/v1/events/${missed.id}/retry`, { webhook_endpoint: endpoint.id })
    await vi.waitFor(() => expect(simulator.deliveries()).toMatchObject([{ eventId: missed.id, outcome: 200 }]))
  })

  it('carries the traffic of a business in which payments fail and recover', async () => {
    const { sdk, simulator } = await account()
    await sdk.webhookEndpoints.create({ url: hook.url, enabled_events: ['*'] })
    simulator.setTraffic(1)
    const seen = () => new Set(hook.received.map(({ body }) => (JSON.parse(body) as { type: string }).type))
    const kinds = [
      'invoice.paid',
      'invoice.payment_failed',
      'customer.subscription.updated',
      'charge.succeeded',
      'charge.failed',
    ]
    await vi.waitFor(() => expect([...seen()]).toEqual(expect.arrayContaining(kinds)), { timeout: 10_000 })
    simulator.setTraffic(0)
    const emitted = simulator.events().length
    await vi.waitFor(() => expect(hook.received.length).toBe(emitted))
  })
})

describe('the list of events', () => {
  it('is filtered by type, types and time, newest first', async () => {
    const { sdk, simulator } = await account()
    for (const type of ['invoice.paid', 'charge.failed', 'invoice.voided', 'invoiceitem.created']) simulator.emit(type)
    const types = async (params: Stripe.EventListParams) => (await sdk.events.list(params)).data.map(({ type }) => type)
    expect(await types({ type: 'invoice.*' })).toEqual(['invoice.voided', 'invoice.paid'])
    expect(await types({ types: ['charge.failed', 'invoice.paid'] })).toEqual(['charge.failed', 'invoice.paid'])
    const now = Math.floor(Date.now() / 1000)
    expect(await types({ created: { gte: now + 60 } })).toEqual([])
    expect(await types({ created: { gte: now - 60, lt: now + 60 }, limit: 1 })).toEqual(['invoiceitem.created'])
    expect(await failureOf(sdk.events.list({ types: Array.from({ length: 21 }, () => 'invoice.paid') }))).toMatchObject(
      { param: 'types' },
    )
    const [newest] = simulator.events()
    expect(await sdk.events.retrieve(newest?.id ?? '')).toMatchObject({ type: 'invoiceitem.created' })
  })
})
