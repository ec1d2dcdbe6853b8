import { startStripe } from '../../sandbox/stripe/server.ts'
import { stripeContract } from './stripe.ts'

const { TEST_STRIPE_API_BASE: apiBase, TEST_STRIPE_KEY: secretKey } = process.env

if (apiBase && secretKey) {
  stripeContract(apiBase, async () => ({ apiBase, secretKey, close: async () => undefined }))
} else {
  stripeContract('the sandbox', async () => {
    const simulator = await startStripe({ secretKey: 'sk_test_contract' })
    return { apiBase: simulator.url, secretKey: 'sk_test_contract', close: () => simulator.close() }
  })
}
