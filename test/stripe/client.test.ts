import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { startStripe, type StripeSimulator } from '../../sandbox/stripe/server.ts'
import { openStripe } from '../../src/adapters/stripe/client.ts'
import { StripeTrouble } from '../../src/adapters/stripe/errors.ts'
import { STRIPE_API_VERSION } from '../../src/adapters/stripe/events.ts'
import type { NewWebhookEndpoint } from '../../src/adapters/stripe/port.ts'
import { Sensitive } from '../../src/sensitive.ts'
import { startReceiver } from './receiver.ts'

const secretKey = new Sensitive('sk_test_adapter')
const signal = AbortSignal.timeout(30_000)
const endpoint: NewWebhookEndpoint = {
  url: 'https://api.valuecanvas.com/api/billing/webhooks/stripe',
  enabledEvents: ['invoice.paid'],
  metadata: { managed_by: 'purser' },
  description: 'Purser',
  idempotencyKey: '42:webhook',
}

let simulator: StripeSimulator
beforeEach(async () => {
  simulator = await startStripe({
    secretKey: secretKey.reveal(),
    retryDelaysMs: [],
    restrictedKeys: { rk_test_events: ['rak_event_read'], rk_test_all: ['rak_event_read', 'rak_webhook_write'] },
  })
})
afterEach(() => simulator.close())

const open = (options: { readonly key?: string; readonly timeoutMs?: number } = {}) =>
  openStripe({
    secretKey: options.key === undefined ? secretKey : new Sensitive(options.key),
    apiBase: simulator.url,
    retryDelayMs: 5,
    timeoutMs: options.timeoutMs ?? 5_000,
  })
const failureOf = (call: Promise<unknown>) =>
  call.then(
    () => undefined,
    (error: unknown) => error,
  )

describe('when Stripe or the way to it is in trouble', () => {
  it('creates one endpoint and still learns its secret when the answer was lost on the way', async () => {
    simulator.setFault({ does: 'cut', when: 'after', on: 'POST /v1/webhook_endpoints', times: 1 })
    const created = await open().createEndpoint(endpoint, signal)
    expect(simulator.endpoints()).toHaveLength(1)
    expect(created.signingSecret.reveal()).toBe(simulator.secretOf(created.endpoint.id))
  })

  it.each([429, 500, 503])('tries again after HTTP %i, and says that later may help when it stays', async (status) => {
    simulator.setFault({ does: 'answer', status, times: 2 })
    expect(await open().endpoints(signal)).toEqual([])
    simulator.setFault({ does: 'answer', status })
    const error = await failureOf(open().endpoints(signal))
    expect(error).toBeInstanceOf(StripeTrouble)
    expect(error).toMatchObject({
      transient: true,
      status,
      requestId: expect.stringMatching(/^req_/),
      hint: expect.any(String),
    })
  })

  it('does not wait longer than its limit', async () => {
    simulator.setFault({ does: 'hang' })
    const error = await failureOf(open({ timeoutMs: 50 }).account(signal))
    expect(error).toMatchObject({
      code: 'stripe_unreachable',
      transient: true,
      message: expect.stringContaining('in time'),
    })
  })

  it('ends a request under way, and a pause between attempts, when the run is cancelled', async () => {
    const cancelled = async (stripe: ReturnType<typeof openStripe>) => {
      const cancel = new AbortController()
      const waiting = failureOf(stripe.account(cancel.signal))
      await new Promise((resolve) => setImmediate(resolve))
      cancel.abort(new Error('cancelled by Dana'))
      expect(await waiting).toMatchObject({ message: 'cancelled by Dana' })
    }
    simulator.setFault({ does: 'hang' })
    await cancelled(open())
    simulator.setFault({ does: 'answer', status: 500 })
    await cancelled(openStripe({ secretKey, apiBase: simulator.url, retryDelayMs: 25_000 }))
  })

  it('says where it could not connect', async () => {
    await simulator.close()
    const error = await failureOf(open().account(signal))
    expect(error).toMatchObject({
      code: 'stripe_unreachable',
      transient: true,
      message: expect.stringContaining('connection refused'),
    })
  })
})

describe('what Stripe keeps under an idempotency key', () => {
  it.each([
    ['without an effect', false],
    ['although it took effect', true],
  ])('is told when it is an error %s: a repeat is in vain and is not tried', async (_, takesEffect) => {
    simulator.setFault({ does: 'answer', status: 500, takesEffect, on: 'POST /v1/webhook_endpoints', times: 1 })
    const kept = { code: 'stripe_answer_kept', status: 500, transient: false }
    expect(await failureOf(open().createEndpoint(endpoint, signal))).toMatchObject(kept)
    expect(await failureOf(open().createEndpoint(endpoint, signal))).toMatchObject(kept)
    expect(simulator.endpoints()).toHaveLength(takesEffect ? 1 : 0)
    const other = await open().createEndpoint({ ...endpoint, idempotencyKey: 'another' }, signal)
    expect(other.replayed).toBe(false)
  })

  it('is of no concern to a change that carries another key each time', async () => {
    const { endpoint: made } = await open().createEndpoint(endpoint, signal)
    simulator.setFault({ does: 'answer', status: 500, on: 'POST /v1/webhook_endpoints/', times: 2 })
    expect(await open().updateEndpoint(made.id, { disabled: true }, signal)).toMatchObject({ status: 'disabled' })
  })

  it('is marked when it is an endpoint, which may be there no more', async () => {
    const { endpoint: first, replayed } = await open().createEndpoint(endpoint, signal)
    expect(replayed).toBe(false)
    await open().deleteEndpoint(first.id, signal)
    const again = await open().createEndpoint(endpoint, signal)
    expect(again).toMatchObject({ endpoint: { id: first.id }, replayed: true })
    expect(await open().endpoint(first.id, signal)).toBeUndefined()
  })
})

it('waits for a lock that another request holds, and says so when it stays', async () => {
  simulator.setFault({ does: 'answer', status: 429, code: 'lock_timeout', times: 2 })
  expect(await open().endpoints(signal)).toEqual([])
  simulator.setFault({ does: 'answer', status: 429, code: 'lock_timeout' })
  expect(await failureOf(open().endpoints(signal))).toMatchObject({
    code: 'stripe_rate_limited',
    transient: true,
    hint: expect.stringContaining('Another request holds the same object'),
  })
})

describe('what Stripe says of trying again', () => {
  it.each([
    ['is not tried again when Stripe says that it is in vain', { status: 500, shouldRetry: false }, 1, false],
    ['is tried again when Stripe says so, whatever the status', { status: 400, shouldRetry: true }, 3, true],
    ['is not tried within the call when Stripe wants a longer pause', { status: 429, retryAfterSeconds: 120 }, 1, true],
    ['is tried again for a lock, in the status of older words too', { status: 409, code: 'lock_timeout' }, 3, true],
  ] as const)('%s', async (_, fault, tries, transient) => {
    simulator.setFault({ does: 'answer', ...fault, times: tries })
    const error = await failureOf(open().endpoints(signal))
    expect(error).toMatchObject({ transient })
    // So many tries have used the fault up, and not one less.
    expect(await open().endpoints(signal)).toEqual([])
    if ('retryAfterSeconds' in fault) expect((error as StripeTrouble).evidence).toContain('retry after 120 s')
  })
})

describe('what can be known of an account before anything is made', () => {
  it('is its default API version, also where it has no events', async () => {
    const stripe = open()
    expect(await stripe.defaultVersion(signal)).toBe('2020-08-27')
    simulator.setDefaultVersion('2025-02-24.acacia')
    expect(await stripe.defaultVersion(signal)).toBe('2025-02-24.acacia')
    expect(simulator.events()).toEqual([])
  })

  it('is whether Stripe has a version that is newer than the SDK', async () => {
    await simulator.close()
    simulator = await startStripe({ secretKey: secretKey.reveal(), newerReleases: ['2027-01-27.endive'] })
    const stripe = open()
    expect(await stripe.takesVersion('2027-01-27.endive', signal)).toBeUndefined()
    expect(await stripe.takesVersion('2098-01-01.zebra', signal)).toEqual({
      refused: expect.stringContaining('Invalid Stripe API version: 2098-01-01.zebra'),
    })
    simulator.setFault({ does: 'answer', status: 500 })
    expect(await failureOf(stripe.takesVersion('2027-01-27.endive', signal))).toBeInstanceOf(StripeTrouble)
  })

  it('is what takes room beside webhook endpoints, where the key is allowed to see it', async () => {
    const id = simulator.addEndpoint({ url: endpoint.url, events: ['invoice.paid'] })
    simulator.addDestination({ type: 'amazon_eventbridge', payload: 'snapshot', name: 'audit', events: ['*'] })
    for (let number = 1; number <= 12; number += 1)
      simulator.addDestination({ type: 'webhook_endpoint', payload: 'thin', name: `thin ${number}`, events: [] })
    const seen = await open().destinations(signal)
    expect(seen).toHaveLength(14)
    expect(seen).toContainEqual({ id, sort: 'webhook endpoint', name: '', status: 'enabled' })
    expect(seen).toContainEqual(expect.objectContaining({ sort: 'EventBridge', name: 'audit' }))
    expect(seen).toContainEqual(expect.objectContaining({ sort: 'thin events', name: 'thin 12' }))
    expect(await open({ key: 'rk_test_all' }).destinations(signal)).toEqual({
      refused: expect.stringContaining('event_destination_read'),
    })
  })

  it('is whether Stripe sends an event again for this key', async () => {
    expect(await open().missingResendRight(signal)).toBeUndefined()
    expect(await open({ key: 'rk_test_all' }).missingResendRight(signal)).toEqual({
      right: 'Events: Write',
      answer: expect.stringContaining('event_write'),
    })
    expect(simulator.deliveries()).toEqual([])
  })
})

describe('having an event sent again', () => {
  it('is done by Stripe in the API version of the endpoint, and refused with its reason', async () => {
    const hook = await startReceiver()
    const stripe = open()
    const { endpoint: made } = await stripe.createEndpoint({ ...endpoint, url: hook.url }, signal)
    await stripe.updateEndpoint(made.id, { disabled: true }, signal)
    const missed = simulator.emit('invoice.paid')
    const refusals = [
      await stripe.resendEvent(missed.id, made.id, signal),
      await stripe.resendEvent('evt_1None', made.id, signal),
      await open({ key: 'rk_test_all' }).resendEvent(missed.id, made.id, signal),
    ].map(({ refused }) => refused)
    expect(refusals).toEqual([
      expect.stringContaining('is disabled'),
      expect.stringContaining('No such event'),
      expect.stringContaining("Events Write ('event_write')"),
    ])
    await stripe.updateEndpoint(made.id, { disabled: false }, signal)
    expect(await stripe.resendEvent(missed.id, made.id, signal)).toEqual({ refused: undefined })
    await vi.waitFor(() => expect(hook.received).toHaveLength(1))
    const { id, api_version: version } = JSON.parse(hook.received[0]?.body ?? '') as Record<string, unknown>
    expect([id, version, missed.api_version]).toEqual([missed.id, STRIPE_API_VERSION, '2020-08-27'])
    await hook.close()
  })
})

describe('when the request is at fault', () => {
  it.each(['today', 'former'] as const)(
    'names the right that a restricted key lacks, in words of %s',
    async (words) => {
      await simulator.close()
      const restrictedKeys = { rk_test_events: ['rak_event_read'] } as const
      simulator = await startStripe({ secretKey: secretKey.reveal(), restrictedKeys, refusals: words })
      const stripe = open({ key: 'rk_test_events' })
      const error = await failureOf(stripe.createEndpoint(endpoint, signal))
      expect(error).toMatchObject({
        code: 'stripe_permission_missing',
        transient: false,
        hint: expect.stringContaining('the right Webhook Endpoints: Write ('),
      })
      expect((error as StripeTrouble).message).not.toContain('ents')
      expect((await stripe.missingRights(signal)).map(({ right }) => right)).toEqual([
        'Webhook Endpoints: Read',
        'Webhook Endpoints: Write',
      ])
    },
  )

  it('waits when it asks too often, as Stripe wishes', async () => {
    await simulator.close()
    simulator = await startStripe({ secretKey: secretKey.reveal(), requestsPerSecond: 8 })
    const stripe = openStripe({ secretKey, apiBase: simulator.url, retryDelayMs: 700 })
    const answers = await Promise.all(Array.from({ length: 12 }, () => stripe.endpoints(signal)))
    expect(answers.every((answer) => answer.length === 0)).toBe(true)
    const headers = { authorization: `Bearer ${secretKey.reveal()}` }
    const ask = () => fetch(`${simulator.url}/v1/account`, { headers })
    const statuses = (await Promise.all(Array.from({ length: 12 }, ask))).filter(({ status }) => status === 429)
    expect(statuses[0]?.headers.get('stripe-rate-limited-reason')).toBe('global-rate')
  })

  it('asks which rights a restricted key lacks, by calls that change nothing', async () => {
    expect(await open({ key: 'rk_test_events' }).missingRights(signal)).toEqual([
      { right: 'Webhook Endpoints: Read', answer: expect.stringContaining('webhook_read') },
      { right: 'Webhook Endpoints: Write', answer: expect.stringContaining('webhook_write') },
    ])
    expect(await open({ key: 'rk_test_all' }).missingRights(signal)).toEqual([])
    expect(simulator.endpoints()).toEqual([])
  })

  it('says that the account is full, and of what', async () => {
    const stripe = open()
    for (let number = 0; number < 16; number += 1)
      await stripe.createEndpoint({ ...endpoint, idempotencyKey: `fill ${number}` }, signal)
    expect(await stripe.endpoints(signal)).toHaveLength(16)
    const error = await failureOf(stripe.createEndpoint({ ...endpoint, idempotencyKey: 'one more' }, signal))
    expect(error).toMatchObject({ code: 'stripe_endpoint_limit', transient: false })
  })

  it.each(['pk_test_publishable', 'whsec_signing', 'sk_test_with space', 'sk_prod_unknown'])(
    'does not take %j for a secret key, nor repeat it',
    (key) => {
      const opening = () => openStripe({ secretKey: new Sensitive(key) })
      expect(opening).toThrow(StripeTrouble)
      expect(opening).not.toThrow(key)
    },
  )

  it('knows the mode that a key promises', () => {
    expect(openStripe({ secretKey: new Sensitive('rk_live_abc') }).keyMode).toBe('live')
    expect(openStripe({ secretKey }).keyMode).toBe('test')
  })
})

it('lists the events since a moment that an endpoint has not taken', async () => {
  const hook = await startReceiver()
  const stripe = open()
  await stripe.createEndpoint({ ...endpoint, url: hook.url }, signal)
  hook.status = 503
  const missed = simulator.emit('invoice.paid')
  simulator.emit('charge.failed') // nobody asked for it
  await vi.waitFor(() => expect(simulator.deliveries()).toHaveLength(1))
  const since = new Date(Date.now() - 60_000)
  expect(await stripe.undelivered(since, signal)).toEqual([
    {
      id: missed.id,
      type: 'invoice.paid',
      created: new Date(missed.created * 1000),
      pendingWebhooks: 1,
      object: (missed.data.object as { readonly id: string }).id,
    },
  ])
  await hook.close()
})
