import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { startStripe, type StripeSimulator } from '../../sandbox/stripe/server.ts'
import { openStripe } from '../../src/adapters/stripe/client.ts'
import { StripeTrouble } from '../../src/adapters/stripe/errors.ts'
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

describe('when the request is at fault', () => {
  it('names the permission that a restricted key lacks', async () => {
    const error = await failureOf(open({ key: 'rk_test_events' }).createEndpoint(endpoint, signal))
    expect(error).toMatchObject({
      code: 'stripe_permission_missing',
      transient: false,
      message: expect.stringContaining('rak_webhook_write'),
    })
  })

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
      { right: 'Webhook Endpoints: Read', answer: expect.stringContaining('rak_webhook_read') },
      { right: 'Webhook Endpoints: Write', answer: expect.stringContaining('rak_webhook_write') },
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
    { id: missed.id, type: 'invoice.paid', created: new Date(missed.created * 1000), pendingWebhooks: 1 },
  ])
  await hook.close()
})
