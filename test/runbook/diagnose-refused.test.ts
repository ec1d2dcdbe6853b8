import { expect, it } from 'vitest'
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

it('a diagnosis announces each test event that must be refused before it posts it, so that nobody counts what is logged about it', async () => {
  const did: string[] = []
  const answers = (status: number) => ({ status, milliseconds: 1, body: '' })
  await diagnose(
    phaseContext({
      run: { ...deploy({ status: 'executing' }), kind: 'diagnose', plan: { kind: 'diagnose', subject: 'webhook' } },
      records: { announceTestEvent: async () => void did.push('announced') },
      world: {
        stripe: { endpoints: async () => [endpoint] },
        cluster: { secretKey: async () => secretKeyState(), readSecretKey: async () => secret },
        webhook: {
          signed: async (_, __, by) => {
            if (by.reveal() === secret.reveal()) return answers(200)
            did.push('posted')
            return answers(400)
          },
          unsigned: async () => {
            did.push('posted')
            return answers(401)
          },
        },
      },
    }),
  )
  expect(did.toSorted()).toEqual(['announced', 'announced', 'posted', 'posted'])
  expect(did[0]).toBe('announced')
})
