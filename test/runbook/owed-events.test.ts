import { usualAccountId } from '../../sandbox/stripe/account.ts'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import Stripe from 'stripe'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { startStripe, type StripeSimulator } from '../../sandbox/stripe/server.ts'
import type { Cluster } from '../../src/adapters/kubernetes/port.ts'
import { openStripe } from '../../src/adapters/stripe/client.ts'
import { STRIPE_API_VERSION } from '../../src/adapters/stripe/events.ts'
import { webhookProbe } from '../../src/adapters/stripe/webhook-probe.ts'
import type { ServiceConfig } from '../../src/config/service-schema.ts'
import { threadMessage } from '../../src/messages/thread/thread.ts'
import { storedEffect } from '../../src/model/effects/effects.ts'
import type { Run } from '../../src/model/run.ts'
import type { PhaseContext } from '../../src/runbook/phase.ts'
import { planStripe } from '../../src/runbook/plan/stripe-plan.ts'
import { provideCredentials } from '../../src/runbook/stripe/credentials.ts'
import { restart } from '../../src/runbook/stripe/signing-secret.ts'
import { stripe as stripePhase } from '../../src/runbook/stripe/stripe.ts'
import { Sensitive } from '../../src/sensitive.ts'
import { deploy, plan } from '../messages/example-runs.ts'
import {
  asPlanned,
  deploymentState,
  phaseContext,
  type Remembered,
  remembering,
  secretKeyState,
  service as configured,
} from './phase-context.ts'

const signal = AbortSignal.timeout(60_000)
const secretKey = 'sk_test_owed'
const key = 'webhook-secret'
const changed = { outcome: 'changed', differences: [] } as const
const name = 'stripe-credentials'
const overlaps = {
  'a list': { name, key, acceptsList: true },
  'a key of its own': { name, key, acceptsList: false, previousKey: 'webhook-secret-previous' },
  'no more than one': { name, key, acceptsList: false },
} satisfies Record<string, ServiceConfig['stripe']['secret']>
type Overlap = keyof typeof overlaps
const ofOneSubscription = new Set(['customer.subscription.updated'])
const subscribed = ['charge.failed', 'customer.subscription.updated', 'invoice.paid']

/** A service that stores the events that it believes, and the events that it fails at. */
interface TestService {
  believes: readonly string[]
  readonly table: Set<string>
  readonly failsAt: Set<string>
  /** The types that it acknowledges and stores nothing of. */
  readonly ignores: Set<string>
  /** The events that it takes its time for. */
  readonly slowAt: Set<string>
  /** Ids in the order in which they were stored. */
  readonly order: string[]
}

describe('what an endpoint owes before it is disabled', () => {
  let stripe: StripeSimulator
  let server: Server
  let url: string
  let service: TestService
  let secrets: Map<string, string>
  let template: string
  let remembered: Remembered
  let told: string[]
  /** How often was asked what is still on its way. */
  let looks: number
  /** Ids of the events of one subscription, the oldest first. */
  let subscription: string[]
  let former: { readonly id: string; readonly secret: string }

  const api = () => openStripe({ secretKey: new Sensitive(secretKey), apiBase: stripe.url, retryDelayMs: 5 })

  beforeEach(() => start())

  /** Starts everything; without a version the account is as old as real ones are. */
  async function start(more: { readonly apiVersion?: string } = {}): Promise<void> {
    service = { believes: [], table: new Set(), failsAt: new Set(), ignores: new Set(), slowAt: new Set(), order: [] }
    server = createServer((request, response) => {
      const chunks: Buffer[] = []
      request.on('data', (chunk: Buffer) => chunks.push(chunk))
      request.on('end', () => {
        const body = Buffer.concat(chunks).toString()
        const answer = () => response.writeHead(answerTo(body, String(request.headers['stripe-signature']))).end()
        const isSlow = [...service.slowAt].some((id) => body.includes(id))
        if (isSlow) setTimeout(answer, 200)
        else answer()
      })
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/webhooks`
    stripe = await startStripe({ secretKey, ...more })
    const wanted = { url, enabledEvents: subscribed, description: '', idempotencyKey: 'former' }
    const metadata = { managed_by: 'purser', purser_run: '3' }
    const { endpoint, signingSecret } = await api().createEndpoint({ ...wanted, metadata }, signal)
    await api().updateEndpoint(endpoint.id, { metadata: { purser_secret: signingSecret.fingerprint } }, signal)
    former = { id: endpoint.id, secret: signingSecret.reveal() }
    secrets = new Map([[key, former.secret]])
    service.believes = [former.secret]
    template = 'v1'
    remembered = { steps: new Map(), effects: [] }
    told = []
    looks = 0
    subscription = []
  }
  async function stop(): Promise<void> {
    vi.useRealTimers()
    const closed = new Promise((resolve) => server.close(resolve))
    server.closeAllConnections()
    await Promise.all([stripe.close(), closed])
  }
  afterEach(stop)

  function answerTo(body: string, header: string): number {
    const believed = service.believes.some((secret) => {
      try {
        return new Stripe('sk_test_reader').webhooks.constructEvent(body, header, secret).id !== ''
      } catch {
        return false
      }
    })
    if (!believed) return 400
    const { id, type } = JSON.parse(body) as { id: string; type: string }
    if (service.failsAt.has(id)) return 500
    if (service.ignores.has(type)) return 200
    if (!service.table.has(id)) service.order.push(id)
    service.table.add(id)
    return 200
  }

  const held = (names: readonly string[]) =>
    names.flatMap((one) => secrets.get(one)?.split(',') ?? []).filter((value) => value !== '')
  function cluster(overlap: Overlap): Partial<Cluster> {
    const { previousKey }: ServiceConfig['stripe']['secret'] = overlaps[overlap]
    return {
      examinePods: async () => [],
      deployment: async () => deploymentState({ image: plan.image.reference, templateHash: template }),
      restart: async ({ templateAnnotations }) => {
        template = JSON.stringify(templateAnnotations)
        service.believes = held([key, ...(previousKey === undefined ? [] : [previousKey])])
        return changed
      },
      secretKey: async (_, one) => {
        const value = secrets.get(one)
        const stands = value === undefined ? undefined : new Sensitive(value)
        return secretKeyState({
          secretExists: true,
          keyExists: stands !== undefined,
          fingerprint: stands?.fingerprint,
          fingerprints: stands?.parts(',').map((it) => it.fingerprint) ?? [],
          keys: [...secrets.keys()],
        })
      },
      readSecretKey: async (_, one) => {
        const value = secrets.get(one)
        return value === undefined ? undefined : new Sensitive(value)
      },
      writeSecret: async (_, { keys, dryRun }) => {
        for (const [one, value] of dryRun === true ? [] : Object.entries(keys))
          if (value === undefined) secrets.delete(one)
          else secrets.set(one, value.reveal())
        return changed
      },
    }
  }

  interface Deploy {
    readonly number: number
    readonly rotates: boolean
    /** False: no query tells what the service's table has. */
    readonly asks?: boolean
  }

  function contextOf(
    overlap: Overlap,
    phase: string,
    { number, rotates, asks }: Deploy,
    of: Partial<Run>,
  ): PhaseContext {
    const { receivedEvents, ...rest } = { ...configured.stripe, secret: overlaps[overlap], events: subscribed }
    const asked = asks === false || receivedEvents === undefined ? {} : { receivedEvents }
    const { records, ...steps } = remembering(remembered, { run: number, phase }, signal)
    return phaseContext({
      ...steps,
      tell: async (post) => void told.push('text' in post ? post.text : post.kind),
      run: { ...deploy({ status: 'executing' }), startedAt: new Date(), rotateSecret: rotates, number, ...of },
      service: { ...configured, stripe: { ...rest, ...asked } },
      environment: {
        webhookUrl: url,
        stripe: { secretKeyEnv: 'STRIPE_SECRET_KEY', mode: 'test', account: usualAccountId },
      },
      world: {
        ...asPlanned,
        stripe: {
          ...api(),
          undelivered: (since, inner) => {
            looks += 1
            return api().undelivered(since, inner)
          },
        },
        cluster: cluster(overlap),
        webhook: webhookProbe(),
        database: {
          query: async (sql) => {
            const rows = [...service.table].filter((id) => sql.includes(`'${id}'`)).map((id) => [id])
            // Nothing comes of waiting for what fails: the test does not wait.
            const asked = sql.match(/evt_\w+/g) ?? []
            const lacking = asked.filter((id) => !service.table.has(id))
            if (lacking.length > 0 && lacking.every((id) => service.failsAt.has(id))) later(20)
            return { columns: ['event_id'], rows }
          },
        },
      },
      signal,
      records: {
        ...records,
        rollbackClosedUpTo: async () => 0,
        firstResultOf: async (step) => remembered.steps.get(`${number} rollout ${step}`) ?? [],
      },
    })
  }

  /** Plan, credentials, new pods, and the chapter of Stripe. Returns the plan's risks and the chapter's line. */
  async function deployed(overlap: Overlap, one: Deploy, of: Partial<Run> = {}) {
    const planned = await planStripe(contextOf(overlap, 'plan', one, of), [])
    const approved = {
      ...of,
      plan: { ...plan, stripe: planned.stripe, current: { ...plan.current, templateHash: template } },
    }
    const rollout = contextOf(overlap, 'rollout', one, approved)
    await provideCredentials(rollout)
    if (planned.stripe.action === 'replace' || planned.stripe.action === 'create')
      await rollout.change('replace the pods', {
        kind: 'restart',
        target: configured.deployment,
        before: async () => ({ secret: name }),
        act: (_, inner) => restart(rollout, configured.deployment, inner),
      })
    const { line } = await stripePhase(contextOf(overlap, 'stripe', one, approved))
    return { risks: planned.risks, line }
  }

  const later = (seconds: number) => vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + seconds * 1_000 })
  const status = (id: string) => stripe.endpoints().find((one) => one.id === id)?.status
  const refused = async (count: number) => {
    const ids = Array.from({ length: count }, (_, index) => {
      const type = subscribed[index % 3] ?? ''
      const object = ofOneSubscription.has(type)
        ? { id: 'sub_1', object: 'subscription', status: `${index}` }
        : undefined
      const { id } = stripe.emit(type, object)
      if (object !== undefined) subscription.push(id)
      return id
    })
    await vi.waitFor(() => expect(stripe.deliveries()).toHaveLength(count), 20_000)
    return ids
  }

  it.each([
    ['a list', true],
    ['no more than one', true],
    ['no more than one', false],
  ] as const)(
    'is sent again although it is older than the run, to a service that takes %s (table asked: %s)',
    async (overlap, asks) => {
      if (!asks) {
        // Where no table can be asked Purser posts what it reads, which has the endpoint's shape in a new account only.
        await stop()
        await start({ apiVersion: STRIPE_API_VERSION })
      }
      secrets.set(key, 'whsec_made_wrong')
      service.believes = ['whsec_made_wrong']
      const made = await refused(28)
      for (const id of subscription.slice(0, 3)) service.slowAt.add(id)
      later(3_600)
      const { risks, line } = await deployed(overlap, { number: 7, rotates: false, asks })
      expect(risks).toContainEqual(expect.stringMatching(new RegExp(`^${former.id} still owes 28 events, not `)))
      expect(made.filter((id) => !service.table.has(id))).toEqual([])
      expect(service.order.filter((id) => subscription.includes(id))).toEqual(subscription)
      expect(status(former.id)).toBe('disabled')
      expect(line).toContain(`in place of ${former.id}`)
      expect(told).toContainEqual(expect.stringContaining('28 of 28 events'))
    },
  )

  it('is sent again although the endpoint was disabled, nobody held its secret, and it is deleted', async () => {
    service.believes = []
    const made = await refused(6)
    await api().updateEndpoint(former.id, { disabled: true }, signal)
    secrets.delete(key)
    later(3_600)
    const { risks } = await deployed('no more than one', { number: 7, rotates: false })
    expect(risks).toContainEqual(expect.stringMatching(new RegExp(`^${former.id} still owes 6 events, not `)))
    expect(status(former.id)).toBeUndefined()
    expect(made.filter((id) => !service.table.has(id))).toEqual([])
    expect(told).toContainEqual(expect.stringContaining('6 of 6 events'))
  })

  it('is sent again although somebody has deleted the endpoint at Stripe, with what was made since', async () => {
    service.believes = []
    const made = await refused(6)
    const enabled = { id: former.id, status: 'enabled', enabledEvents: subscribed } as const
    const facts = { id: 1, run: 3, phase: 'stripe', target: url, at: new Date(Date.now() - 60_000) } as const
    const before = { id: null, status: 'disabled', enabledEvents: [] } as const
    remembered.effects.push(
      storedEffect({ ...facts, kind: 'stripe-endpoint', status: 'applied', before, after: enabled }),
    )
    await api().deleteEndpoint(former.id, signal)
    made.push(stripe.emit('invoice.paid').id)
    later(3_600)
    const { risks } = await deployed('a list', { number: 7, rotates: false })
    expect(risks).toContainEqual(
      expect.stringMatching(
        new RegExp(`^${former.id} \\(gone from Stripe\\) still owes 7 events, not processed since`),
      ),
    )
    expect(made.filter((id) => !service.table.has(id))).toEqual([])
    expect(told).toContainEqual(expect.stringContaining('7 of 7 events'))
  })

  it.each(['a list', 'a key of its own'] as const)(
    'and the service does not take is named, and the endpoint stays for its retries where pods take %s; the next deploy disables it',
    async (overlap) => {
      service.believes = []
      const made = await refused(6)
      service.believes = [former.secret]
      for (const id of made.slice(4)) service.failsAt.add(id)
      later(3_600)
      const { line } = await deployed(overlap, { number: 7, rotates: true })
      for (const id of made) expect(service.table.has(id) || told.join('\n').includes(id)).toBe(true)
      expect(status(former.id)).toBe('enabled')
      expect(line).toContain(`${former.id} stays enabled as events are still owed`)
      expect(told.at(-1)).toBe(
        `${former.id} stays enabled: 2 events not taken, Stripe keeps retrying. The next deploy disables it.`,
      )
      service.failsAt.clear()
      await deployed(overlap, { number: 8, rotates: false })
      expect(made.filter((id) => !service.table.has(id))).toEqual([])
      expect(status(former.id)).toBe('disabled')
    },
  )

  it('and the service does not take is named when pods take no more than one: its retries would all be refused', async () => {
    service.believes = []
    const made = await refused(6)
    service.believes = [former.secret]
    for (const id of made.slice(4)) service.failsAt.add(id)
    later(3_600)
    await deployed('no more than one', { number: 7, rotates: true })
    for (const id of made) expect(service.table.has(id) || told.join('\n').includes(id)).toBe(true)
    expect(status(former.id)).toBe('disabled')
    expect(told.at(-1)).toBe(
      `${former.id} is disabled: 2 events not taken. The pods don't accept what it signs, so its retries bring nothing.`,
    )
  })

  it('and the service does not take is named event by event, in notes that the thread shows whole', async () => {
    service.believes = []
    const made = await refused(45)
    service.believes = [former.secret]
    for (const id of made) service.failsAt.add(id)
    later(3_600)
    await deployed('a list', { number: 7, rotates: true })
    const notes = told.map((text) => {
      const shown = threadMessage({ kind: 'note', text }, deploy({ status: 'executing' }))
      return JSON.stringify(shown)
    })
    expect(made.filter((id) => !notes.join('\n').includes(id))).toEqual([])
    expect(notes.join('\n')).not.toContain('more lines')
  })

  it.each([
    ['a type that it does not take', 'customer.created'],
    ['a type that it has brought in', 'invoice.paid'],
  ])("is not waited for when it is a neighbour's only, of %s", async (_, type) => {
    const neighbour = { url: 'http://127.0.0.1:9/dead', enabledEvents: [type], description: '', metadata: {} }
    await api().createEndpoint({ ...neighbour, idempotencyKey: 'neighbour' }, signal)
    const began = new Date()
    stripe.emit(type)
    await vi.waitFor(async () => expect(await api().undelivered(began, signal)).toHaveLength(1))
    if (type === 'invoice.paid') await vi.waitFor(() => expect(service.table.size).toBe(1))
    await deployed('a list', { number: 7, rotates: true }, { startedAt: began })
    expect(status(former.id)).toBe('disabled')
    expect(looks).toBe(1)
  })

  it('is not sent again where the service seems to ignore it, and plan and thread say so', async () => {
    service.ignores.add('invoice.paid')
    await refused(9)
    await vi.waitFor(() => expect(service.table.size).toBe(6))
    later(3_600)
    const { risks } = await deployed('a list', { number: 7, rotates: true })
    const note =
      /^Not sent again: 3 of invoice\.paid acknowledged and not in the table, as all 3 since .* UTC\. The service may ignore this type: if so, name it in `service\.stripe\.ignored`\.$/
    expect(risks).toContainEqual(expect.stringMatching(note))
    expect(told).toContainEqual(expect.stringMatching(note))
    expect(status(former.id)).toBe('disabled')
  })
})
