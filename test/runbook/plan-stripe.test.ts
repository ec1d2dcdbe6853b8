import { describe, expect, it } from 'vitest'
import { fieldOwner } from '../../src/adapters/kubernetes/owners/known-managers.ts'
import type { FieldOwner } from '../../src/adapters/kubernetes/owners/port.ts'
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
  /** The keys of each write that the plan tries, in their order. */
  readonly tried?: string[]
  readonly restartTakes?: readonly FieldOwner[]
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
        writeSecret: async (_, write) => {
          if (write.dryRun !== true) throw new Error('a plan writes nothing')
          facts.tried?.push(Object.keys(write.keys).join(','))
          return { outcome: 'changed', differences: [] }
        },
        tryRestart: async () => ({ taken: facts.restartTakes ?? [], claims: [] }),
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
      { secret: { ...missing, managers: [fieldOwner('kubectl-edit', ['data.webhook-secret'])] } },
      { action: 'replace', why: 'secret', takeOver: ['kubectl-edit'] },
    ],
    [
      'which events come and go',
      { endpoints: [endpoint({ enabledEvents: [...events.slice(1), 'payout.paid'] })] },
      { action: 'update', added: [events[0]], removed: ['payout.paid'] },
    ],
  ])('%s', async (_, facts, stripe) => {
    expect((await planned(facts)).stripe).toMatchObject(stripe)
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
      { secret: { ...missing, managers: [fieldOwner('external-secrets', ['data.webhook-secret'])] } },
      'apply_conflict',
      /external-secrets manages data\.webhook-secret/,
    ],
  ])('is refused when %s', async (_, facts, code, message) => {
    await expect(planned(facts)).rejects.toMatchObject({ code, message: expect.stringMatching(message) })
  })

  it('tries the very writes of the phase, in their order, and none where none will be', async () => {
    const tried: string[] = []
    await planned({ rotate: true, tried })
    expect(tried).toEqual([`webhook-secret.before-run-${deploy().number}`, 'webhook-secret'])
    await planned({ secret: missing, tried: tried })
    expect(tried.slice(2)).toEqual(['webhook-secret'])
    await planned({ tried })
    expect(tried).toHaveLength(3)
  })

  it('says who may put back what it writes, also of Deployments that are only restarted', async () => {
    const claims = [{ by: 'ExternalSecret stripe', habit: 'may put its own value back' }]
    const restartTakes = [fieldOwner('argocd-controller', ['spec.template.metadata.annotations.x'])]
    const consumers = [{ workload: 'Deployment worker', by: 'container main', how: 'env' }] as const
    const { risks } = await planned({ rotate: true, secret: { claims }, restartTakes, consumers })
    expect(risks.join('\n')).toContain(
      'Secret stripe-credentials belongs to ExternalSecret stripe, which may put its own value back.',
    )
    expect(risks.join('\n')).toMatch(/argocd-controller manages \S+ of Deployment worker, and puts its own value back/)
    expect((await planned({ secret: { claims } })).risks).toEqual([])
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
