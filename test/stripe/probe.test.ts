import Stripe from 'stripe'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { webhookProbe } from '../../src/adapters/stripe/client.ts'
import { Sensitive } from '../../src/sensitive.ts'
import { type Receiver, startReceiver } from './receiver.ts'

const signal = AbortSignal.timeout(30_000)
const secret = new Sensitive('whsec_probe')
let hook: Receiver
beforeEach(async () => {
  hook = await startReceiver()
})
afterEach(() => hook.close())

describe('a webhook probe', () => {
  it('carries a signature that the SDK accepts and a type that nobody acts on', async () => {
    const answer = await webhookProbe().signed(hook.url, secret, signal)
    expect(answer.status).toBe(200)
    expect(answer.body).toBe('answered 200…')
    const { body = '', headers = {} } = hook.received[0] ?? {}
    const event = Stripe.webhooks.constructEvent(body, String(headers['stripe-signature']), secret.reveal())
    expect(event).toMatchObject({
      id: expect.stringMatching(/^evt_purser_probe_/),
      type: 'purser.probe',
      object: 'event',
    })
  })

  it('unsigned, is what the runbook posts by hand', async () => {
    hook.status = 400
    expect((await webhookProbe().unsigned(hook.url, signal)).status).toBe(400)
    expect(hook.received[0]?.headers).not.toHaveProperty('stripe-signature')
    expect(JSON.parse(hook.received[0]?.body ?? '')).toEqual({ test: true })
  })

  it('reports a redirect as what it is, because Stripe would not follow it', async () => {
    hook.status = 302
    expect((await webhookProbe().signed(hook.url, secret, signal)).status).toBe(302)
    expect(hook.received).toHaveLength(1)
  })

  it('gives up on a service that does not answer, or that is not there', async () => {
    hook.status = 0
    const silent = webhookProbe({ timeoutMs: 50 }).signed(`${hook.url}?token=hidden`, secret, signal)
    await expect(silent).rejects.toMatchObject({
      code: 'http_timeout',
      transient: true,
      message: expect.not.stringContaining('hidden'),
    })
    await hook.close()
    await expect(webhookProbe().unsigned(hook.url, signal)).rejects.toMatchObject({
      message: expect.stringContaining('connection refused'),
    })
  })
})
