import { expect, it } from 'vitest'
import type { Json } from '../../src/model/json.ts'
import type { WebhookEndpoint } from '../../src/adapters/stripe/port.ts'
import { diagnose } from '../../src/runbook/diagnose/diagnose.ts'
import { Sensitive } from '../../src/sensitive.ts'
import { deploy } from '../messages/example-runs.ts'
import { phaseContext, production, secretKeyState } from './phase-context.ts'

const endpoint: WebhookEndpoint = {
  id: 'we_1',
  url: production.webhookUrl,
  enabledEvents: ['invoice.paid'],
  status: 'enabled',
  apiVersion: '2026-10-28.endive',
  livemode: true,
  metadata: {},
  description: null,
  created: new Date(0),
}
const secret = new Sensitive('whsec_cluster')

it('a diagnosis remembers the test events that the service refused, so that what it logged about them is no error', async () => {
  const results: Json[] = []
  const answers = (status: number) => ({ status, milliseconds: 1, body: '' })
  await diagnose(
    phaseContext({
      run: { ...deploy({ status: 'executing' }), kind: 'diagnose', plan: { kind: 'diagnose', subject: 'webhook' } },
      step: async (_, act) => {
        const result = await act(AbortSignal.timeout(10_000))
        results.push(result ?? null)
        return result
      },
      world: {
        stripe: { endpoints: async () => [endpoint] },
        cluster: { secretKey: async () => secretKeyState(), readSecretKey: async () => secret },
        webhook: {
          signed: async (_, __, by) => answers(by.reveal() === secret.reveal() ? 200 : 400),
          unsigned: async () => answers(401),
        },
      },
    }),
  )
  expect(results).toEqual([
    { refused: { at: expect.any(String), madeUp: 400, unsigned: 401 } },
    { refused: { at: expect.any(String), madeUp: 400, unsigned: 401 } },
  ])
})
