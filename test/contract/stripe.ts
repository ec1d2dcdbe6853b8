import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { openStripe } from '../../src/adapters/stripe/client.ts'
import { expandEventPatterns, STRIPE_API_VERSION } from '../../src/adapters/stripe/events.ts'
import type { StripeAccount } from '../../src/adapters/stripe/port.ts'
import { Sensitive } from '../../src/sensitive.ts'

export interface StripeUnderTest {
  readonly apiBase: string
  /** A *test mode* key: endpoints are created and deleted. */
  readonly secretKey: string
  close(): Promise<void>
}

/** What Purser expects of a Stripe account, whoever plays it. Creates its own endpoints and deletes them. */
export function stripeContract(name: string, open: () => Promise<StripeUnderTest>): void {
  describe(`a Stripe account (${name})`, () => {
    const signal = AbortSignal.timeout(120_000)
    const made: string[] = []
    let subject: StripeUnderTest
    let stripe: StripeAccount

    beforeAll(async () => {
      subject = await open()
      stripe = openStripe({ secretKey: new Sensitive(subject.secretKey), apiBase: subject.apiBase })
    })
    afterEach(async () => {
      for (const id of made.splice(0)) await stripe.deleteEndpoint(id, signal)
    })
    afterAll(() => subject.close())

    const create = async (
      changes: { readonly url?: string; readonly events?: readonly string[]; readonly idempotencyKey?: string } = {},
    ) => {
      const created = await stripe.createEndpoint(
        {
          url: changes.url ?? 'https://purser.example.com/webhooks/stripe',
          enabledEvents: changes.events ?? ['invoice.paid', 'charge.failed'],
          metadata: { managed_by: 'purser', run: '42' },
          description: 'made by a contract test of Purser',
          idempotencyKey: changes.idempotencyKey ?? `contract-${crypto.randomUUID()}`,
        },
        signal,
      )
      if (!made.includes(created.endpoint.id)) made.push(created.endpoint.id)
      return created
    }

    it('names its account', async () => {
      expect((await stripe.account(signal)).id).toMatch(/^acct_/)
      expect(stripe.keyMode).toBe('test')
    })

    it('takes all 38 events of the runbook and gives the endpoint back as it was asked for', async () => {
      const { events } = expandEventPatterns(['invoice.*', 'customer.subscription.*', 'charge.*'])
      const { endpoint, signingSecret } = await create({ events })
      expect(signingSecret.reveal()).toMatch(/^whsec_\w+/)
      const found = await stripe.endpoint(endpoint.id, signal)
      expect(new Set(found?.enabledEvents)).toEqual(new Set(events))
      expect(found).toMatchObject({
        url: 'https://purser.example.com/webhooks/stripe',
        status: 'enabled',
        apiVersion: STRIPE_API_VERSION,
        livemode: false,
        metadata: { managed_by: 'purser', run: '42' },
        description: 'made by a contract test of Purser',
      })
      expect((await stripe.endpoints(signal)).map(({ id }) => id)).toContain(endpoint.id)
    })

    it('returns the same endpoint and the same secret when a create is repeated under its key', async () => {
      const idempotencyKey = `contract-${crypto.randomUUID()}`
      const first = await create({ idempotencyKey })
      const again = await create({ idempotencyKey })
      expect(again.endpoint.id).toBe(first.endpoint.id)
      expect(again.signingSecret.reveal()).toBe(first.signingSecret.reveal())
    })

    it('refuses other parameters under a used key', async () => {
      const idempotencyKey = `contract-${crypto.randomUUID()}`
      await create({ idempotencyKey })
      const other = create({ idempotencyKey, url: 'https://purser.example.com/elsewhere' })
      await expect(other).rejects.toMatchObject({ code: 'stripe_idempotency_conflict', transient: false })
    })

    it('disables and enables again, replaces the event list and merges metadata', async () => {
      const { endpoint } = await create()
      const off = await stripe.updateEndpoint(
        endpoint.id,
        { disabled: true, enabledEvents: ['invoice.voided'] },
        signal,
      )
      expect(off).toMatchObject({ status: 'disabled', enabledEvents: ['invoice.voided'] })
      const on = await stripe.updateEndpoint(endpoint.id, { disabled: false, metadata: { run: '43' } }, signal)
      expect(on).toMatchObject({
        status: 'enabled',
        enabledEvents: ['invoice.voided'],
        metadata: { managed_by: 'purser', run: '43' },
      })
    })

    it('knows no wildcards but `*`', async () => {
      const refused = create({ events: ['invoice.paid', 'invoice.*'] })
      await expect(refused).rejects.toMatchObject({
        code: 'stripe_request_refused',
        status: 400,
        message: expect.stringContaining('Invalid enabled_events[1]'),
      })
    })

    it('deletes an endpoint, and does not mind when it is gone already', async () => {
      const { endpoint } = await create()
      await stripe.deleteEndpoint(endpoint.id, signal)
      await stripe.deleteEndpoint(endpoint.id, signal)
      expect(await stripe.endpoint(endpoint.id, signal)).toBeUndefined()
    })

    it('lists no undelivered events from the future', async () => {
      expect(await stripe.undelivered(new Date(Date.now() + 3_600_000), signal)).toEqual([])
    })

    it('says that a wrong key is wrong, without repeating it', async () => {
      const wrong = 'sk_test_4eC39HqLyjWDarjtT1zdp7dcWRONG'
      const error: unknown = await openStripe({ secretKey: new Sensitive(wrong), apiBase: subject.apiBase })
        .account(signal)
        .catch((caught: unknown) => caught)
      expect(error).toMatchObject({
        code: 'stripe_key_rejected',
        transient: false,
        requestId: expect.stringMatching(/^req_/),
      })
      expect(String(error)).not.toContain('RONG')
    })
  })
}
