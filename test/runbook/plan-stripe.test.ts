import { describe, expect, it } from 'vitest'
import { fieldOwner } from '../../src/adapters/kubernetes/owners/known-managers.ts'
import type { FieldOwner } from '../../src/adapters/kubernetes/owners/port.ts'
import type { SecretConsumer, SecretKeyState } from '../../src/adapters/kubernetes/secrets/port.ts'
import type { WebhookEndpoint } from '../../src/adapters/stripe/port.ts'
import { type Effect, storedEffect } from '../../src/model/effects/effects.ts'
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

/** The record that a run made the endpoint. */
function madeBy(run: number, id: string): Effect {
  const facts = { id: 1, run, phase: 'rollout', target: 'https://old.example/hook', at: new Date(), status: 'applied' }
  const before = { id: null, enabledEvents: [], status: 'disabled' }
  return storedEffect({ ...facts, kind: 'stripe-endpoint', before, after: { id } } as Parameters<
    typeof storedEffect
  >[0])
}

interface Facts {
  readonly endpoints?: readonly WebhookEndpoint[]
  readonly secret?: Partial<SecretKeyState>
  readonly account?: string
  readonly pinned?: string
  readonly rotate?: boolean
  readonly consumers?: readonly SecretConsumer[]
  readonly mayRestart?: boolean
  /** Ids of endpoints that a run of this installation has made. */
  readonly made?: readonly string[]
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
    records: {
      rollbackClosedUpTo: async () => 0,
      effectsOf: async (run) => (facts.made ?? []).map((id) => madeBy(run, id)),
    },
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
      'that a newline stands behind the secret, and that it goes',
      {
        secret: {
          strays: ['a newline is at its end'],
          managers: [fieldOwner('kubectl-create', ['data.webhook-secret'])],
        },
      },
      { action: 'keep', secret: 'present', tidies: ['a newline is at its end'], takeOver: ['kubectl-create'] },
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
      { managers: [fieldOwner('external-secrets', ['data.webhook-secret'])] },
      /external-secrets manages it and would write it again\. Remove it there\.$/,
    ],
  ])('that a newline stands behind the secret is no reason to refuse: %s', async (_, secret, risk) => {
    const { risks, stripe } = await planned({ secret: { strays: ['a newline is at its end'], ...secret } })
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

describe('the endpoint of a URL', () => {
  it.each([
    ['of another case', production.webhookUrl.replace('https://api', 'HTTPS://API')],
    ['with the port that it has anyway', production.webhookUrl.replace('.com/', '.com:443/')],
  ])('%s is the same', async (_, url) => {
    expect((await planned({ endpoints: [endpoint({ url })] })).stripe).toMatchObject({
      action: 'keep',
      endpoint: 'we_1',
    })
  })

  it('with a slash at its end is another one, as Stripe keeps it', async () => {
    const endpoints = [endpoint({ url: `${production.webhookUrl}/` })]
    expect((await planned({ endpoints, secret: missing })).stripe).toMatchObject({ action: 'create' })
  })
})

describe('an endpoint that Purser made for an address that is no longer the one', () => {
  const run = deploy({ status: 'planning' })
  const metadata = {
    managed_by: 'purser',
    purser_run: '3',
    purser_service: service.name,
    purser_environment: run.environment,
  }
  const old = (more: Partial<WebhookEndpoint> = {}) =>
    endpoint({ id: 'we_old', url: 'https://old.example/hook', metadata, ...more })

  it('is said, and disabled once the new one serves', async () => {
    const { stripe, risks } = await planned({ endpoints: [endpoint(), old()], made: ['we_old'] })
    expect(stripe.retires).toEqual(['we_old'])
    expect(risks).toContain(
      'we_old, which run #3 made for https://old.example/hook, still gets events, but webhookUrl changed. It is disabled once the new endpoint works.',
    )
  })

  it('is known by its description, where it was made before it said so itself', async () => {
    const { purser_environment: _environment, ...before } = metadata
    const description = `${service.name} billing (${run.environment}), managed by Purser`
    const endpoints = [endpoint(), old({ metadata: before, description })]
    expect((await planned({ endpoints, made: ['we_old'] })).stripe.retires).toEqual(['we_old'])
  })

  it.each<[string, Partial<WebhookEndpoint>, readonly string[]]>([
    ['of another installation, with services and environments of the same names', {}, []],
    ['of another service', { metadata: { ...metadata, purser_service: 'other' } }, ['we_old']],
    ['of another environment', { metadata: { ...metadata, purser_environment: 'staging' } }, ['we_old']],
    ['that somebody else made', { metadata: {} }, ['we_old']],
    ['that names no run', { metadata: { ...metadata, purser_run: '3; drop' } }, ['we_old']],
    ['that is off', { status: 'disabled' }, ['we_old']],
  ])('is left alone when it is one %s', async (_, more, made) => {
    const { stripe, risks } = await planned({ endpoints: [endpoint(), old(more)], made })
    expect(stripe.retires).toBeUndefined()
    expect(risks.join()).not.toContain('we_old')
  })
})
