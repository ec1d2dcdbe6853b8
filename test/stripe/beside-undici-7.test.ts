import { afterAll, beforeAll, expect, it } from 'vitest'
import { startStripe, type StripeSimulator } from '../../sandbox/stripe/server.ts'
// client-node brings an undici 7, which puts its own dispatcher under Node's fetch for the whole process.
import '@kubernetes/client-node'
import { openStripe } from '../../src/adapters/stripe/client.ts'
import { Sensitive } from '../../src/sensitive.ts'

const secretKey = 'sk_test_beside_undici_7'
let stripe: StripeSimulator
beforeAll(async () => {
  stripe = await startStripe({ secretKey })
})
afterAll(() => stripe.close())

it('creates an endpoint in a process that speaks to Kubernetes too', async () => {
  const account = openStripe({ secretKey: new Sensitive(secretKey), apiBase: stripe.url })
  const wanted = {
    url: 'http://127.0.0.1:1/webhooks',
    enabledEvents: ['invoice.paid'],
    metadata: {},
    description: 'beside undici 7',
    idempotencyKey: 'beside-undici-7',
  }
  const { endpoint } = await account.createEndpoint(wanted, AbortSignal.timeout(10_000))
  expect(endpoint.enabledEvents).toEqual(['invoice.paid'])
})
