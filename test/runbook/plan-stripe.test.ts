import { describe, expect, it } from 'vitest'
import type { SecretConsumer, SecretKeyState } from '../../src/adapters/kubernetes/secrets/port.ts'
import type { WebhookEndpoint } from '../../src/adapters/stripe/port.ts'
import { expandedEvents } from '../../src/runbook/stripe/event-types.ts'
import { planStripe } from '../../src/runbook/plan/stripe-plan.ts'
import { deploy } from '../messages/example-runs.ts'
import { phaseContext, production, secretKeyState, service } from './phase-context.ts'

const events = expandedEvents({ service })

function endpoint(more: Partial<WebhookEndpoint> = {}): WebhookEndpoint {
  return {
    id: 'we_1',
    url: production.webhookUrl,
    enabledEvents: events,
    status: 'enabled',
    apiVersion: service.stripe.apiVersion ?? null,
    livemode: true,
    metadata: { managed_by: 'purser', purser_secret: 'aa' },
    description: null,
    created: new Date('2026-01-05T10:00:00Z'),
    ...more,
  }
}

interface Facts {
  readonly endpoints?: readonly WebhookEndpoint[]
  readonly secret?: Partial<SecretKeyState>
  readonly account?: string
  readonly pinned?: string
  readonly rotate?: boolean
  readonly consumers?: readonly SecretConsumer[]
  readonly mayRestart?: boolean
}

function planned(facts: Facts) {
  const context = phaseContext({
    run: { ...deploy({ status: 'planning' }), rotateSecret: facts.rotate === true },
    environment: {
      stripe: { ...production.stripe, ...(facts.pinned === undefined ? {} : { account: facts.pinned }) },
    },
    world: {
      stripe: {
        apiVersion: '2099-01-01.other',
        endpoints: async () => facts.endpoints ?? [endpoint()],
        account: async () => ({ id: facts.account ?? 'acct_1', livemode: undefined }),
      },
      cluster: {
        secretKey: async () => secretKeyState(facts.secret),
        missingPermissions: async (needed) => (facts.mayRestart === false ? needed : []),
      },
    },
    records: { rollbackClosedUpTo: async () => 0 },
  })
  return planStripe(context, facts.consumers ?? [])
}

const missing = { keyExists: false, fingerprint: undefined, fingerprints: [] }
const full = Array.from({ length: 16 }, (_, index) =>
  endpoint({ id: `we_${index}`, url: `https://example.com/${index}` }),
)

describe('what a plan says of Stripe, before anything is made', () => {
  it.each<[string, Facts, object]>([
    ['nothing, when all is well', {}, { action: 'keep', apiVersion: { stands: service.stripe.apiVersion } }],
    ['that another secret was asked for', { rotate: true }, { action: 'replace', why: 'asked' }],
    [
      'that the endpoint has another API version',
      { endpoints: [endpoint({ apiVersion: '2024-06-20' })] },
      {
        action: 'replace',
        why: 'api version',
        apiVersion: { stands: '2024-06-20', wanted: service.stripe.apiVersion },
      },
    ],
    [
      'whose hand has set the key',
      { secret: { ...missing, managers: [{ name: 'kubectl-edit', applies: false }] } },
      { action: 'replace', why: 'secret', takeOver: ['kubectl-edit'] },
    ],
    [
      'that a newline stands behind the secret, and that it goes',
      {
        secret: {
          strays: ['a newline stands at its end'],
          managers: [{ name: 'kubectl-create', applies: false }],
        },
      },
      { action: 'keep', secret: 'present', tidies: ['a newline stands at its end'], takeOver: ['kubectl-create'] },
    ],
    [
      'which events come and go',
      { endpoints: [endpoint({ enabledEvents: [...events.slice(1), 'payout.paid'] })] },
      { action: 'update', added: [events[0]], removed: ['payout.paid'] },
    ],
  ])('%s', async (_, facts, stripe) => {
    expect((await planned(facts)).stripe).toMatchObject(stripe)
  })

  it.each<[string, Facts['secret'], RegExp]>([
    ['Purser may write it', {}, /refuses every event\. This deploy writes it without\.$/],
    ['nobody may write it', { immutable: true }, /The Secret is immutable, so it stays/],
    [
      'a controller writes it',
      { managers: [{ name: 'external-secrets', applies: true }] },
      /external-secrets manages it and would write it again: take it away there\.$/,
    ],
  ])('that a newline stands behind the secret is no reason to refuse: %s', async (_, secret, risk) => {
    const { risks, stripe } = await planned({ secret: { strays: ['a newline stands at its end'], ...secret } })
    expect(risks).toContainEqual(expect.stringMatching(risk))
    expect(stripe.action).toBe('keep')
    expect(stripe.tidies === undefined).toBe('immutable' in (secret ?? {}) || 'managers' in (secret ?? {}))
  })

  it.each<[string, Facts, string, RegExp]>([
    [
      'there is no room for another endpoint',
      { endpoints: full },
      'stripe_endpoint_limit',
      /16 of 16 webhook endpoints/,
    ],
    ['the key is of another account', { pinned: 'acct_9' }, 'wrong_stripe_account', /belongs to acct_1/],
    [
      'the endpoints are of the other mode',
      { endpoints: [endpoint({ livemode: false })] },
      'wrong_stripe_mode',
      /test mode/,
    ],
    ['the Secret is immutable', { secret: { ...missing, immutable: true } }, 'secret_immutable', /immutable/],
    [
      'a controller would write its own value back',
      { secret: { ...missing, managers: [{ name: 'external-secrets', applies: false }] } },
      'apply_conflict',
      /external-secrets manages it/,
    ],
  ])('is refused when %s', async (_, facts, code, message) => {
    await expect(planned(facts)).rejects.toMatchObject({ code, message: expect.stringMatching(message) })
  })

  it('a full account is no trouble when nothing has to be made', async () => {
    const endpoints = [endpoint(), ...full.slice(1)]
    expect((await planned({ endpoints })).stripe.action).toBe('keep')
  })

  it('names the Deployments that are restarted for a new secret, and those that people must restart', async () => {
    const consumers: readonly SecretConsumer[] = [
      { workload: 'Deployment worker', by: 'container main', how: 'env' },
      { workload: 'StatefulSet ledger', by: 'container main', how: 'envFrom' },
      { workload: 'Deployment reader', by: 'volume keys', how: 'volume' },
    ]
    const { stripe, risks } = await planned({ rotate: true, consumers })
    expect(stripe.restarts).toEqual(['worker'])
    expect(risks.join('\n')).toContain('kubectl rollout restart statefulset/ledger -n production')
    expect(risks.join('\n')).not.toContain('reader')
    const refused = await planned({ rotate: true, consumers, mayRestart: false })
    expect(refused.stripe.restarts).toBeUndefined()
    expect(refused.risks.join('\n')).toContain('patch deployments.apps/worker not granted')
    expect((await planned({ consumers })).stripe.restarts).toBeUndefined()
  })
})
