import Stripe from 'stripe'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { webhookProbe } from '../../src/adapters/stripe/webhook-probe.ts'
import { Sensitive } from '../../src/sensitive.ts'
import { type Receiver, startReceiver } from './receiver.ts'

const signal = AbortSignal.timeout(30_000)
const secret = new Sensitive('whsec_probe')
const probe = { asker: 'run 42', type: 'tax_rate.updated', apiVersion: '2020-08-27', livemode: true }
let hook: Receiver
beforeEach(async () => {
  hook = await startReceiver()
})
afterEach(() => hook.close())

describe('a webhook probe', () => {
  it('looks like a delivery of the endpoint: its signature, version, mode and type, an id of the form of Stripe’s', async () => {
    const answer = await webhookProbe().signed(hook.url, probe, secret, signal)
    expect(answer.status).toBe(200)
    expect(answer.body).toBe('answered 200…')
    const { body = '', headers = {} } = hook.received[0] ?? {}
    const event = Stripe.webhooks.constructEvent(body, String(headers['stripe-signature']), secret.reveal())
    expect(event).toMatchObject({
      id: expect.stringMatching(/^evt_1PurserProbe[0-9a-f]{12}$/),
      type: 'tax_rate.updated',
      api_version: '2020-08-27',
      livemode: true,
      object: 'event',
      data: { object: { object: 'tax_rate', metadata: { purser: expect.stringContaining('Prüfung') } } },
    })
    expect(event.id).toHaveLength('evt_1MqqbKLt4dXK03v5qaIbiNCC'.length)
    expect(body.length).toBeGreaterThan(1_000)
  })

  it('unsigned, is the same event without a signature', async () => {
    hook.status = 400
    await webhookProbe().signed(hook.url, probe, secret, signal)
    expect((await webhookProbe().unsigned(hook.url, probe, signal)).status).toBe(400)
    const [signed, unsigned] = hook.received
    expect(unsigned?.headers).not.toHaveProperty('stripe-signature')
    const withoutTime = (body = '') => body.replace(/"created": \d+/, '')
    expect(withoutTime(unsigned?.body)).toBe(withoutTime(signed?.body))
  })

  it('says whose it is, and is one event for all questions of one run', async () => {
    await webhookProbe().signed(hook.url, probe, secret, signal)
    await webhookProbe().signed(hook.url, probe, new Sensitive('whsec_other'), signal)
    await webhookProbe().signed(hook.url, { ...probe, asker: 'run 43' }, secret, signal)
    const ids = hook.received.map(({ body }) => (JSON.parse(body) as { id: string }).id)
    expect([ids[0] === ids[1], ids[1] === ids[2]]).toEqual([true, false])
    expect(hook.received[0]?.headers).toMatchObject({
      'user-agent': 'Purser webhook probe',
      'x-request-id': ids[0],
      'x-purser-probe': 'run 42',
    })
  })

  it('sends a name and a password of the URL as Stripe does, and never shows them', async () => {
    const url = hook.url.replace('http://', 'http://stripe:p%40ss-word@')
    hook.status = 401
    expect((await webhookProbe().signed(url, probe, secret, signal)).status).toBe(401)
    const login = Buffer.from('stripe:p@ss-word').toString('base64')
    expect(hook.received[0]?.headers).toMatchObject({ authorization: `Basic ${login}` })
    await hook.close()
    await expect(webhookProbe().unsigned(url, probe, signal)).rejects.toMatchObject({
      message: expect.not.stringMatching(/p%40ss|p@ss/),
    })
  })

  it('reports a redirect as what it is, because Stripe would not follow it', async () => {
    hook.status = 302
    expect((await webhookProbe().signed(hook.url, probe, secret, signal)).status).toBe(302)
    expect(hook.received).toHaveLength(1)
  })

  it('gives up on a service that does not answer, or that is not there', async () => {
    hook.status = 0
    const silent = webhookProbe({ timeoutMs: 50 }).signed(`${hook.url}?token=hidden`, probe, secret, signal)
    await expect(silent).rejects.toMatchObject({
      code: 'http_timeout',
      transient: true,
      message: expect.not.stringContaining('hidden'),
    })
    await hook.close()
    await expect(webhookProbe().unsigned(hook.url, probe, signal)).rejects.toMatchObject({
      message: expect.stringContaining('connection refused'),
    })
  })
})
