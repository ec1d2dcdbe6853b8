import { describe, expect, it } from 'vitest'
import { fieldOwner, secretOwner } from '../../src/adapters/kubernetes/owners/known-managers.ts'
import type { FieldOwner } from '../../src/adapters/kubernetes/owners/port.ts'
import type { SecretConsumer, SecretKeyState } from '../../src/adapters/kubernetes/secrets/port.ts'
import { StripeTrouble } from '../../src/adapters/stripe/errors.ts'
import type { EventDestination, EventSummary, Refusal, WebhookEndpoint } from '../../src/adapters/stripe/port.ts'
import { type Effect, storedEffect } from '../../src/model/effects/effects.ts'
import { expandedEvents } from '../../src/runbook/stripe/event-types.ts'
import { plan } from '../../src/runbook/plan/plan.ts'
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
  readonly mode?: 'test'
  readonly keyMode?: 'test'
  /** `service.stripe.apiVersion`. */
  readonly version?: string
  /** What Stripe says of a version that the SDK does not list. */
  readonly newer?: Refusal
  readonly destinations?: readonly EventDestination[] | Refusal
  /** Events that Stripe lists, of which the service's table has none, or whether Stripe fails to list them. */
  readonly owed?: readonly EventSummary[]
  readonly unseen?: boolean
}

function planned(facts: Facts) {
  const context = phaseContext({
    run: { ...deploy({ status: 'planning' }), createdAt: new Date(), rotateSecret: facts.rotate === true },
    service: {
      stripe: { ...service.stripe, ...(facts.version === undefined ? {} : { apiVersion: facts.version }) },
    },
    environment: {
      stripe: {
        ...production.stripe,
        mode: facts.mode ?? 'live',
        ...(facts.pinned === undefined ? {} : { account: facts.pinned }),
      },
    },
    world: {
      stripe: {
        apiVersion: '2099-01-01.other',
        endpoints: async () => facts.endpoints ?? [endpoint()],
        keyMode: facts.keyMode ?? facts.mode ?? 'live',
        takesVersion: async () => facts.newer,
        destinations: async () => facts.destinations ?? [],
        events: async ({ since, types }) => {
          if (facts.unseen === true) throw new StripeTrouble('stripe_server_error', 'listing events: HTTP 503')
          const listed = (facts.owed ?? []).filter(({ created, type }) => created >= since && types.includes(type))
          return { events: listed, next: undefined }
        },
        account: async () => ({ id: facts.account ?? 'acct_1', livemode: undefined }),
      },
      database: { query: async () => ({ columns: ['event_id'], rows: [] }) },
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
      'that a script has set the key',
      { secret: { ...missing, managers: [secretOwner('my-deploy-script', ['data.webhook-secret'], false)] } },
      { action: 'replace', why: 'secret', takeOver: ['my-deploy-script'] },
    ],
    [
      'nothing of an endpoint at the account’s default version: it is unknown, not wrong',
      { endpoints: [endpoint({ apiVersion: null })] },
      { action: 'keep', apiVersion: { stands: null, wanted: "the account's default" } },
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
    [
      'there is no room, because thin destinations and event buses take it',
      {
        endpoints: full.slice(1),
        destinations: [
          { id: 'we_1', sort: 'webhook endpoint', name: '', status: 'enabled' },
          { id: 'ed_1', sort: 'EventBridge', name: 'audit', status: 'enabled' },
        ],
      },
      'stripe_endpoint_limit',
      /16 of 16 webhook endpoints and other event destinations/,
    ],
    [
      'Stripe has no such API version',
      { version: '2024-09-31.acacia' },
      'unknown_stripe_version',
      /2024-09-31\.acacia/,
    ],
    [
      'Stripe does not know a newer API version',
      { version: '2098-01-01.zebra', newer: { refused: 'Invalid Stripe API version' } },
      'unknown_stripe_version',
      /2098-01-01\.zebra/,
    ],
    [
      'nothing says which sandbox a test key should be of',
      { mode: 'test', endpoints: [endpoint({ livemode: false })] },
      'stripe_account_unpinned',
      /environments\.production\.stripe\.account isn't set/,
    ],
    ['the key is of another account', { pinned: 'acct_9' }, 'wrong_stripe_account', /belongs to acct_1/],
    [
      'the endpoints are of the other mode',
      { endpoints: [endpoint({ livemode: false })] },
      'wrong_stripe_mode',
      /test mode/,
    ],
    ['the key is of the other mode', { keyMode: 'test', endpoints: [] }, 'wrong_stripe_mode', /is a test mode key/],
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

  it('is refused before anything else is looked at when the key lacks rights, and names all of them', async () => {
    const right = (name: string) => ({ right: name, answer: `needs ${name}` })
    const missingRights = async () => [right('Webhook Endpoints: Write'), right('Events: Read')]
    await expect(plan(phaseContext({ world: { stripe: { missingRights } } }))).rejects.toMatchObject({
      code: 'stripe_permission_missing',
      message: expect.stringContaining('STRIPE_SECRET_KEY lacks Webhook Endpoints: Write, Events: Read'),
      evidence: ['needs Webhook Endpoints: Write', 'needs Events: Read'],
    })
  })

  it('names what takes the room, the nearest version, and the account that would have to be pinned', async () => {
    const bus = { id: 'ed_1', sort: 'EventBridge', name: 'audit', status: 'enabled' } as const
    await expect(planned({ endpoints: full.slice(1), destinations: [bus] })).rejects.toMatchObject({
      evidence: ['ed_1, EventBridge, enabled: audit'],
    })
    await expect(planned({ version: '2024-09-31' })).rejects.toMatchObject({
      hint: expect.stringContaining('2024-09-30.acacia'),
    })
    await expect(planned({ mode: 'test', account: 'acct_7' })).rejects.toMatchObject({
      hint: expect.stringContaining(
        'If acct_7 is the sandbox you mean, set environments.production.stripe.account to it',
      ),
    })
    const pinned = planned({ mode: 'test', pinned: 'acct_7', account: 'acct_7', endpoints: [], secret: missing })
    expect((await pinned).stripe.action).toBe('create')
  })

  it('says what it could not see or does not know, and does not call it room or well', async () => {
    const refused = { refused: 'Permission denied' }
    const { risks } = await planned({ endpoints: full.slice(2), secret: missing, destinations: refused })
    expect(risks).toContainEqual(expect.stringMatching(/14 of 16 webhook endpoints\..*the key can't list them\.$/))
    expect((await planned({ destinations: refused })).risks).toEqual([])
    const newer = await planned({ version: '2098-01-01.zebra' })
    expect(newer.risks).toContainEqual(
      expect.stringMatching(/^Purser was built before API version 2098-01-01\.zebra\./),
    )
  })

  it('says that a script may write its own value again', async () => {
    const managers = [secretOwner('python-requests', ['data.webhook-secret'], false)]
    expect((await planned({ rotate: true, secret: { managers } })).risks).toContainEqual(
      expect.stringMatching(
        /^python-requests, probably a script, has set .*This deploy overwrites it\. If it is run again/,
      ),
    )
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

describe('what an endpoint that is to be disabled still owes', () => {
  const minutesAgo = (minutes: number) => new Date(Date.now() - minutes * 60_000)
  const owed = [1, 2, 60 * 71, 60 * 100].map((minutes, index) => ({
    id: `evt_${index}`,
    type: 'invoice.paid',
    created: minutesAgo(minutes),
    pendingWebhooks: 1,
  }))

  it.each<[string, Facts, RegExp]>([
    [
      'is counted over the time of its retries',
      { rotate: true, owed },
      /^we_1 still owes 3 events, not processed since .* UTC\. They are sent again before we_1 is disabled\.$/,
    ],
    [
      'is said to be unknown when Stripe does not tell',
      { rotate: true, unseen: true },
      /^Nobody could see which events we_1 still owes: listing events: HTTP 503\. The deploy looks again before we_1 is disabled\.$/,
    ],
  ])('%s', async (_, facts, line) => {
    expect((await planned(facts)).risks).toContainEqual(expect.stringMatching(line))
  })

  it('is not asked when every endpoint stays', async () => {
    expect((await planned({ unseen: true, owed })).risks).toEqual([])
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
