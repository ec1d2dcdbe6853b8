import { describe, expect, it } from 'vitest'
import type { PodExamination } from '../../src/adapters/kubernetes/pods/port.ts'
import type { SecretKeyState } from '../../src/adapters/kubernetes/secrets/port.ts'
import { StripeTrouble } from '../../src/adapters/stripe/errors.ts'
import type { EventSummary, WebhookEndpoint } from '../../src/adapters/stripe/port.ts'
import { rolledSecret } from '../../src/runbook/stripe/rolled-secret.ts'
import { decideEndpoint } from '../../src/runbook/stripe/webhook-endpoint.ts'
import type { Run } from '../../src/model/run.ts'
import { deploy, plan } from '../messages/example-runs.ts'
import { phaseContext, production, secretKeyState, service } from './phase-context.ts'

const ago = (minutes: number) => new Date(Date.now() - minutes * 60_000)

const endpoint: WebhookEndpoint = {
  id: 'we_1',
  url: production.webhookUrl,
  enabledEvents: ['invoice.paid'],
  status: 'enabled',
  apiVersion: service.stripe.apiVersion ?? null,
  livemode: true,
  metadata: { managed_by: 'purser', purser_secret: 'aa' },
  description: null,
  created: ago(10_000),
}
const pod: PodExamination = {
  name: 'api-1',
  ready: true,
  startedAt: ago(50).toISOString(),
  restarts: 0,
  waiting: undefined,
  annotations: {},
}
const event: EventSummary = { id: 'evt_1', type: 'invoice.paid', created: ago(20), pendingWebhooks: 0 }

interface Facts {
  readonly endpoints?: readonly WebhookEndpoint[]
  readonly secret?: Partial<SecretKeyState>
  readonly pods?: readonly PodExamination[]
  readonly events?: readonly EventSummary[]
  readonly run?: Run
  /** Why Stripe lists no events. */
  readonly trouble?: Error
  /** Events that the service's table has; all of them unless told. */
  readonly received?: readonly string[]
}

async function rolled({
  endpoints = [endpoint],
  pods = [pod],
  events = [event],
  received,
  run,
  trouble,
  ...more
}: Facts) {
  const state = { fingerprint: 'bb', fingerprints: ['bb'], changedAt: ago(60).toISOString(), ...more.secret }
  const secret = secretKeyState(state)
  const context = phaseContext({
    ...(run === undefined ? {} : { run }),
    world: {
      cluster: { examinePods: async () => pods },
      stripe: {
        events: async () => {
          if (trouble !== undefined) throw trouble
          return { events, next: undefined }
        },
      },
      database: {
        query: async () => ({
          columns: ['event_id'],
          rows: (received ?? events.map(({ id }) => id)).map((id) => [id]),
        }),
      },
    },
  })
  const decision = decideEndpoint({ url: production.webhookUrl, events: ['invoice.paid'], endpoints, secret })
  return rolledSecret(context, { decision, endpoints, secret })
}

describe('a secret that the endpoint was not made with', () => {
  it('is what Stripe signs with, when its deliveries arrive', async () => {
    await expect(rolled({})).resolves.toEqual({ endpoint: 'we_1', fingerprint: 'bb' })
  })

  it('is what Stripe signs with in pods that were rolled out with it, too', async () => {
    const annotations = { 'purser/stripe-credentials': 'bb' }
    const early = { ...pod, startedAt: ago(90).toISOString(), annotations }
    await expect(rolled({ pods: [early] })).resolves.toEqual({ endpoint: 'we_1', fingerprint: 'bb' })
  })

  it('stays proven for the run whose plan says so, whose pods are new', async () => {
    const base = plan
    const run = deploy({ plan: { ...base, stripe: { ...base.stripe, endpoint: 'we_1', rolled: 'bb' } } })
    await expect(rolled({ events: [], run })).resolves.toEqual({ endpoint: 'we_1', fingerprint: 'bb' })
    const marked = [{ ...endpoint, metadata: { ...endpoint.metadata, purser_secret: 'bb' } }]
    await expect(rolled({ endpoints: marked, run })).resolves.toBeUndefined()
    const other = { fingerprint: 'cc', fingerprints: ['cc'] }
    await expect(rolled({ events: [], run, secret: other })).resolves.toBeUndefined()
  })

  it('is not proven where nobody can look', async () => {
    const trouble = new StripeTrouble('stripe_permission_missing', 'listing events: the key lacks Events: Read')
    await expect(rolled({ trouble })).resolves.toBeUndefined()
  })

  it.each<[string, Facts]>([
    ['nothing was made since', { events: [] }],
    ['what came is from before the pods', { events: [{ ...event, created: ago(55) }] }],
    [
      'what came is older than an hour',
      {
        events: [{ ...event, created: ago(70) }],
        pods: [{ ...pod, startedAt: ago(80).toISOString() }],
        secret: { changedAt: ago(90).toISOString() },
      },
    ],
    ['one event is missing', { events: [event, { ...event, id: 'evt_2' }], received: ['evt_1'] }],
    ['Stripe still owes what is in the table: somebody posted it', { events: [{ ...event, pendingWebhooks: 1 }] }],
    ['only events of other types came', { events: [{ ...event, type: 'payout.paid' }] }],
    ['a second endpoint serves the address', { endpoints: [endpoint, { ...endpoint, id: 'we_2', metadata: {} }] }],
    ['the pods started before the Secret changed', { pods: [{ ...pod, startedAt: ago(61).toISOString() }] }],
    ['the service takes a list', { secret: { fingerprints: ['bb', 'cc'] } }],
    ['no pod is there', { pods: [] }],
    ['the endpoint is disabled', { endpoints: [{ ...endpoint, status: 'disabled' }] }],
    ['the mark is right', { secret: { fingerprint: 'aa', fingerprints: ['aa'] } }],
  ])('is not proven where %s', async (_, facts) => {
    await expect(rolled(facts)).resolves.toBeUndefined()
  })
})
