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
  options: Partial<StripeSimulatorOptions> & { readonly pauses?: "Stripe's" } = {},
): Promise<{ readonly simulator: StripeSimulator; readonly sdk: Stripe }> {
  const { pauses, ...given } = options
  const quick = pauses === "Stripe's" ? {} : { retryDelaysMs: [20, 20] }
  const simulator = await startStripe({ secretKey, ...quick, ...given })
  cleanUp.push(() => simulator.close())
  return { simulator, sdk: sdkFor(simulator, options.secretKey ?? secretKey) }
}

const stripesTime = { pauses: "Stripe's" } as const

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

describe('what is saved under an idempotency key', () => {
  const create = (sdk: Stripe, key: string, to = url) =>
    sdk.webhookEndpoints.create({ url: to, enabled_events: ['invoice.paid'] }, { idempotencyKey: key })
  const on = 'POST /v1/webhook_endpoints'

  it('includes a 500, for a day, whether or not the request took effect', async () => {
    for (const takesEffect of [false, true]) {
      const { sdk, simulator } = await account()
      simulator.setFault({ does: 'answer', status: 500, takesEffect, on, times: 1 })
      const first = (await failureOf(create(sdk, 'k'))) as Stripe.errors.StripeError
      const again = (await failureOf(create(sdk, 'k'))) as Stripe.errors.StripeError
      expect([first.statusCode, again.statusCode]).toEqual([500, 500])
      expect([first, again].map(({ headers }) => headers?.['stripe-should-retry'])).toEqual(['false', 'false'])
      expect(again.headers).toMatchObject({ 'idempotent-replayed': 'true', 'original-request': first.requestId })
      expect(simulator.endpoints()).toHaveLength(takesEffect ? 1 : 0)
      await simulator.letPass(24 * 3_600_000 + 1)
      await create(sdk, 'k')
      expect(simulator.endpoints()).toHaveLength(takesEffect ? 2 : 1)
    }
  })

  it('leaves out what never began: 429, 503, a refused parameter', async () => {
    const { sdk, simulator } = await account()
    for (const status of [429, 503]) {
      simulator.setFault({ does: 'answer', status, on, times: 1 })
      expect(await failureOf(create(sdk, 'k'))).toMatchObject({ statusCode: status })
    }
    expect(await failureOf(create(sdk, 'k', 'nonsense'))).toMatchObject({ statusCode: 400 })
    expect((await create(sdk, 'k')).lastResponse.headers).not.toHaveProperty('idempotent-replayed')
  })

  it('includes that the account was full, though there is room meanwhile', async () => {
    const { sdk, simulator } = await account()
    const ids = Array.from({ length: 16 }, () => simulator.addEndpoint({ url, events: ['*'] }))
    expect(await failureOf(create(sdk, 'k'))).toMatchObject({ message: expect.stringContaining('maximum of 16') })
    await sdk.webhookEndpoints.del(ids[0] ?? '')
    expect(await failureOf(create(sdk, 'k'))).toMatchObject({ message: expect.stringContaining('maximum of 16') })
    await create(sdk, 'another key')
  })

  it('is an endpoint that may have been deleted since', async () => {
    const { sdk, simulator } = await account()
    const first = await create(sdk, 'k')
    await sdk.webhookEndpoints.del(first.id)
    expect(await create(sdk, 'k')).toMatchObject({ id: first.id, secret: first.secret })
    expect(simulator.endpoints()).toEqual([])
  })

  it('is waited for: a second request under the same key meanwhile is refused with 409', async () => {
    const { sdk, simulator } = await account()
    let finish = () => {}
    simulator.setFault({ does: 'wait', until: new Promise((resolve) => (finish = resolve)), on, times: 1 })
    const first = create(sdk, 'k')
    const second = await vi.waitFor(async () => {
      const failure = (await failureOf(create(sdk, 'k'))) as Stripe.errors.StripeError
      expect(failure).toMatchObject({ statusCode: 409, code: 'idempotency_key_in_use' })
      return failure
    })
    expect(second.headers).toMatchObject({ 'stripe-should-retry': 'true' })
    finish()
    const { id } = await first
    expect(await create(sdk, 'k')).toMatchObject({ id })
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
      message: expect.stringContaining("Enabling Webhook Endpoints Write ('webhook_write') permissions on this key"),
    })
  })

  it('are refused by right and name, in the words of today or in those before', async () => {
    const rights = { restrictedKeys: { rk_test_events: ['rak_event_read'] } } as const
    const today = await account(rights)
    const former = await account({ ...rights, refusals: 'former' })
    const wordsOf = async ({ simulator }: typeof today) => {
      const reader = sdkFor(simulator, 'rk_test_events')
      const { id } = simulator.emit('invoice.paid')
      expect((await reader.events.list()).data).toHaveLength(1)
      const calls = [
        reader.webhookEndpoints.list(),
        reader.webhookEndpoints.del('we_1'),
        reader.rawRequest('POST', `/v1/events/${id}/retry`, { webhook_endpoint: 'we_1' }),
        reader.accounts.retrieveCurrent(),
        reader.v2.core.eventDestinations.list(),
      ]
      const failures = (await Promise.all(calls.map(failureOf))) as Stripe.errors.StripeError[]
      expect(failures.every(({ statusCode }) => statusCode === 403)).toBe(true)
      return failures.map(({ message }) => message)
    }
    const names = ['webhook_read', 'webhook_write', 'event_write', 'connected_account_read', 'event_destination_read']
    expect((await wordsOf(today)).map((words) => /\('(\w+)'\)/.exec(words)?.[1])).toEqual(names)
    expect(await wordsOf(former)).toEqual(
      ['webhook_read', 'webhook_write', 'event_write', 'account_read', 'event_destination_read'].map(
        (name) =>
          `The provided key 'rk_test_**ents' does not have the required permissions for this endpoint on account ` +
          `'acct_1Sandbox0Purser00'. Having the 'rak_${name}' permission would allow this request to continue.`,
      ),
    )
  })

  it('of several sandboxes of one name look alike, and lead to accounts of their own', async () => {
    const other = { secretKey: 'sk_test_simulatos', accountId: 'acct_1OtherSandbox0000' }
    const { simulator, sdk } = await account({ sandboxes: [other] })
    const beside = sdkFor(simulator, other.secretKey)
    const [one, two] = await Promise.all([sdk.accounts.retrieveCurrent(), beside.accounts.retrieveCurrent()])
    expect(one.settings?.dashboard.display_name).toBe(two.settings?.dashboard.display_name)
    expect([one.id, two.id]).toEqual([simulator.accountId, other.accountId])
    await beside.webhookEndpoints.create({ url, enabled_events: ['*'] })
    expect(simulator.endpoints()).toEqual([])
    expect(simulator.sandbox(other.accountId).endpoints()).toHaveLength(1)
    simulator.emit('invoice.paid')
    expect((await beside.events.list()).data).toEqual([])
  })
})

describe('releases', () => {
  it('keep an event as the account had it, and deliver it as the endpoint has it', async () => {
    const { sdk, simulator } = await account({ apiVersion: '2019-05-16' })
    const [old, now] = [await receiver(), await receiver()]
    simulator.addEndpoint({ url: old.url, events: ['invoice.paid'] })
    simulator.addEndpoint({ url: now.url, events: ['invoice.paid'], apiVersion: '2026-10-28.endive' })
    const { id } = simulator.emit('invoice.paid')
    const former = { subscription: 'sub_sandbox01', billing: 'charge_automatically' }
    const kept = await sdk.events.retrieve(id)
    expect(kept).toMatchObject({ api_version: '2019-05-16', data: { object: former } })
    expect(kept.data.object).not.toHaveProperty('parent')
    expect((await sdk.events.list()).data).toMatchObject([{ id, api_version: '2019-05-16', data: kept.data }])
    await vi.waitFor(() => expect([old.received.length, now.received.length]).toEqual([1, 1]))
    const read = ({ received }: Receiver) => JSON.parse(received[0]?.body ?? '') as Stripe.Event
    expect(read(old)).toMatchObject({ id, api_version: '2019-05-16', data: { object: former } })
    expect(read(now)).toMatchObject({
      id,
      api_version: '2026-10-28.endive',
      data: { object: { parent: { subscription_details: { subscription: 'sub_sandbox01' } } } },
    })
    expect(read(now).data.object).not.toHaveProperty('subscription')
  })

  it('of the account can be upgraded, and what was made before stays as it was', async () => {
    const { sdk, simulator } = await account()
    simulator.emit('charge.succeeded')
    simulator.setDefaultVersion('2026-10-28.endive')
    simulator.emit('charge.succeeded')
    const events = (await sdk.events.list()).data
    expect(events.map((event) => event.api_version)).toEqual(['2026-10-28.endive', '2020-08-27'])
    expect(events.map(({ data }) => 'refunds' in data.object)).toEqual([false, true])
  })

  it('of a subscription tell the period where their readers look for it', async () => {
    const { sdk, simulator } = await account({ apiVersion: '2025-02-24.acacia' })
    simulator.emit('customer.subscription.updated')
    simulator.setDefaultVersion('2025-03-31.basil')
    simulator.emit('customer.subscription.updated')
    const places = (await sdk.events.list()).data.map(({ data }) => {
      const { items, ...subscription } = data.object as Stripe.Subscription
      return ['current_period_end' in subscription, 'current_period_end' in (items.data[0] ?? {})]
    })
    expect(places).toEqual([
      [false, true],
      [true, false],
    ])
  })
})

describe('when requests are held up', () => {
  it('tells by headers and codes what a repeat is good for', async () => {
    const { simulator } = await account()
    const ask = () => fetch(`${simulator.url}/v1/account`, { headers: { authorization: `Bearer ${secretKey}` } })
    const answers = []
    for (const fault of [
      { status: 429, code: 'lock_timeout' },
      { status: 429, retryAfterSeconds: 3 },
      { status: 503 },
      { status: 500 },
    ] as const) {
      simulator.setFault({ does: 'answer', times: 1, ...fault })
      const { status, headers, ...response } = await ask().then(async (answer) => ({
        status: answer.status,
        headers: answer.headers,
        body: (await answer.json()) as { readonly error: { readonly code?: string } },
      }))
      const header = (name: string) => headers.get(name)
      const told = [header('stripe-should-retry'), header('retry-after'), header('stripe-rate-limited-reason')]
      answers.push([status, response.body.error.code, ...told])
    }
    expect(answers).toEqual([
      [429, 'lock_timeout', 'true', null, null],
      [429, 'rate_limit', null, '3', 'global-rate'],
      [503, undefined, 'true', null, null],
      [500, undefined, 'true', null, null],
    ])
    expect((await ask()).status).toBe(200)
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

const hour = 3_600_000

describe('retries', () => {
  let hook: Receiver
  beforeEach(async () => {
    hook = await receiver()
    hook.status = 500
  })
  const tries = (simulator: StripeSimulator) => simulator.deliveries().length

  it('end after three within hours in a sandbox, and what was not taken stays pending', async () => {
    const { simulator } = await account({ ...stripesTime })
    simulator.addEndpoint({ url: hook.url, events: ['*'] })
    simulator.emit('invoice.paid')
    await simulator.letPass(0)
    expect(tries(simulator)).toBe(1)
    await simulator.letPass(4 * hour)
    expect(tries(simulator)).toBe(4)
    await simulator.letPass(100 * hour)
    expect(tries(simulator)).toBe(4)
    expect(simulator.events()[0]?.pending_webhooks).toBe(1)
  })

  it('go on in live mode with growing pauses, and end within three days', async () => {
    const { simulator } = await account({ ...stripesTime, secretKey: 'sk_live_simulator' })
    // Live endpoints want https, so this one is reached by nobody.
    const id = simulator.addEndpoint({ url: `https://127.0.0.1:${new URL(hook.url).port}/hook`, events: ['*'] })
    simulator.emit('invoice.paid')
    await simulator.letPass(12 * hour)
    const before = tries(simulator)
    await simulator.letPass(60 * hour)
    expect(tries(simulator)).toBeGreaterThan(before)
    const at = simulator.deliveries().map((delivery) => delivery.at.getTime())
    const pauses = at.slice(1).map((time, index) => Math.round((time - (at[index] ?? 0)) / 60_000))
    expect(pauses).toEqual([...pauses].sort((a, b) => a - b))
    expect((at.at(-1) ?? 0) - (at[0] ?? 0)).toBeLessThanOrEqual(72 * hour)
    const all = tries(simulator)
    await simulator.letPass(100 * hour)
    expect(tries(simulator)).toBe(all)
    expect(simulator.endpoints()[0]?.id).toBe(id)
  })

  it.each(['disabled', 'deleted'] as const)('end when one is due while the endpoint is %s', async (how) => {
    const { sdk, simulator } = await account(stripesTime)
    const id = simulator.addEndpoint({ url: hook.url, events: ['*'] })
    const { id: event } = simulator.emit('invoice.paid')
    await simulator.letPass(0)
    if (how === 'deleted') await sdk.webhookEndpoints.del(id)
    else await sdk.webhookEndpoints.update(id, { disabled: true })
    simulator.emit('invoice.paid') // not for an endpoint that is off
    await simulator.letPass(hour / 2)
    if (how === 'disabled') await sdk.webhookEndpoints.update(id, { disabled: false })
    hook.status = 200
    await simulator.letPass(100 * hour)
    expect(simulator.deliveries().map(({ eventId }) => eventId)).toEqual([event])
  })

  it('go on when the endpoint is enabled again before one is due', async () => {
    const { sdk, simulator } = await account(stripesTime)
    const id = simulator.addEndpoint({ url: hook.url, events: ['*'] })
    simulator.emit('invoice.paid')
    await simulator.letPass(0)
    await sdk.webhookEndpoints.update(id, { disabled: true })
    await sdk.webhookEndpoints.update(id, { disabled: false })
    hook.status = 200
    await simulator.letPass(hour)
    expect(simulator.deliveries().map(({ outcome }) => outcome)).toEqual([500, 200])
  })

  it('are not ended by resending, which is answered before it is delivered and tried once', async () => {
    const { sdk, simulator } = await account(stripesTime)
    const id = simulator.addEndpoint({ url: hook.url, events: ['*'] })
    const { id: event } = simulator.emit('invoice.paid')
    await simulator.letPass(0)
    const resend = () => sdk.rawRequest('POST', `/v1/events/${event}/retry`, { webhook_endpoint: id })
    await resend()
    await simulator.letPass(0)
    hook.status = 200
    expect(await resend()).toMatchObject({ id: event, pending_webhooks: 1 })
    await simulator.letPass(0)
    expect(simulator.events()[0]?.pending_webhooks).toBe(0)
    await simulator.letPass(hour)
    expect(simulator.deliveries().map(({ outcome, resent }) => [outcome, resent])).toEqual([
      [500, false],
      [500, true],
      [200, true],
      [200, false],
    ])
  })

  it('are quicker by a factor where somebody watches', async () => {
    const { simulator } = await account({ ...stripesTime, retriesFasterBy: 100_000 })
    simulator.addEndpoint({ url: hook.url, events: ['*'] })
    simulator.emit('invoice.paid')
    await vi.waitFor(() => expect(tries(simulator)).toBe(4))
  })
})

describe('several endpoints of an account', () => {
  it('each get their deliveries; an event is undelivered while any of them owes it', async () => {
    const [ours, dead] = [await receiver(), await receiver()]
    dead.status = 410
    const { sdk, simulator } = await account()
    simulator.addEndpoint({ url: ours.url, events: ['invoice.paid', 'charge.failed'] })
    const theirs = simulator.addEndpoint({ url: dead.url, events: ['invoice.paid'], description: "another team's" })
    const [paid, failed] = [simulator.emit('invoice.paid'), simulator.emit('charge.failed')]
    expect([paid.pending_webhooks, failed.pending_webhooks]).toEqual([2, 1])
    await vi.waitFor(() => expect(simulator.deliveries()).toHaveLength(5))
    expect(ours.received).toHaveLength(2)
    const listed = async (delivery_success: boolean) =>
      (await sdk.events.list({ delivery_success })).data.map((event) => [event.id, event.pending_webhooks])
    expect(await listed(false)).toEqual([[paid.id, 1]])
    expect(await listed(true)).toEqual([[failed.id, 0]])
    await sdk.webhookEndpoints.del(theirs)
    expect(await listed(false)).toEqual([])
  })

  it('may be for connected accounts, thin or EventBridge: API v2 shows what they are, the limit counts them', async () => {
    const hook = await receiver()
    const { sdk, simulator } = await account()
    const own = simulator.addEndpoint({ url: hook.url, events: ['*'], apiVersion: '2026-10-28.endive' })
    const connect = simulator.addEndpoint({ url: hook.url, events: ['*'], connect: true })
    const events = ['v1.billing.meter.error_report_triggered']
    simulator.addDestination({ type: 'webhook_endpoint', payload: 'thin', name: 'thin', events })
    simulator.addDestination({ type: 'amazon_eventbridge', payload: 'snapshot', name: 'bus', events: ['*'] })
    const shown = []
    for await (const one of sdk.v2.core.eventDestinations.list({ limit: 3 }))
      shown.push([one.id.slice(0, 3), one.type, one.event_payload, one.events_from?.[0], one.snapshot_api_version])
    expect(shown).toEqual([
      ['we_', 'webhook_endpoint', 'snapshot', '@accounts', undefined],
      ['we_', 'webhook_endpoint', 'snapshot', '@self', '2026-10-28.endive'],
      ['ed_', 'webhook_endpoint', 'thin', '@self', undefined],
      ['ed_', 'amazon_eventbridge', 'snapshot', '@self', undefined],
    ])
    expect((await sdk.webhookEndpoints.list()).data.map(({ id }) => id)).toEqual([connect, own])
    expect(simulator.emit('invoice.paid').pending_webhooks).toBe(1)
    for (let count = 4; count < 16; count += 1) await sdk.webhookEndpoints.create({ url, enabled_events: ['*'] })
    expect(await failureOf(sdk.webhookEndpoints.create({ url, enabled_events: ['*'] }))).toMatchObject({
      message: expect.stringContaining('maximum of 16'),
    })
  })
})

describe('a signing secret that is rolled in the dashboard', () => {
  it('signs beside the former one for as long as that one is good', async () => {
    const hook = await receiver()
    const { simulator } = await account()
    const id = simulator.addEndpoint({ url: hook.url, events: ['*'] })
    const former = simulator.secretOf(id) ?? ''
    const current = simulator.rollSecret(id, 2 * hour)
    expect(simulator.secretOf(id)).toBe(current)
    const believed = async () => {
      simulator.emit('invoice.paid')
      await simulator.letPass(0)
      const { body = '', headers = {} } = hook.received.at(-1) ?? {}
      const signature = String(headers['stripe-signature'])
      const good = (secret: string) => {
        try {
          return Stripe.webhooks.constructEvent(body, signature, secret) !== undefined
        } catch {
          return false
        }
      }
      return { former: good(former), current: good(current), signatures: signature.split('v1=').length - 1 }
    }
    expect(await believed()).toEqual({ former: true, current: true, signatures: 2 })
    await simulator.letPass(2 * hour)
    expect(await believed()).toEqual({ former: false, current: true, signatures: 1 })
    simulator.rollSecret(id, 0)
    expect(await believed()).toEqual({ former: false, current: false, signatures: 1 })
    expect(() => simulator.rollSecret(id, 25 * hour)).toThrow('a day at most')
  })
})

describe('the list of events', () => {
  it('reaches back 30 days', async () => {
    const { sdk, simulator } = await account()
    const { id } = simulator.emit('invoice.paid')
    await simulator.letPass(31 * 24 * hour)
    const fresh = simulator.emit('invoice.paid')
    expect((await sdk.events.list()).data.map((event) => event.id)).toEqual([fresh.id])
    expect(await failureOf(sdk.events.retrieve(id))).toMatchObject({ code: 'resource_missing' })
  })

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
