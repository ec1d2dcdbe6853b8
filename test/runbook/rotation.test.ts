import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { usualAccountId } from '../../sandbox/stripe/account.ts'
import { startStripe, type StripeSimulator } from '../../sandbox/stripe/server.ts'
import type { Cluster } from '../../src/adapters/kubernetes/port.ts'
import { openStripe } from '../../src/adapters/stripe/client.ts'
import type { ServiceConfig } from '../../src/config/service-schema.ts'
import type { Phase, PhaseContext } from '../../src/runbook/phase.ts'
import { provideCredentials } from '../../src/runbook/stripe/credentials.ts'
import { undo } from '../../src/runbook/rollback/rollback.ts'
import { restart } from '../../src/runbook/stripe/signing-secret.ts'
import { stripe as stripePhase } from '../../src/runbook/stripe/stripe.ts'
import type { Run } from '../../src/model/run.ts'
import type { DeployPlan } from '../../src/model/deploy-plan.ts'
import { planStripe } from '../../src/runbook/plan/stripe-plan.ts'
import { planUndo } from '../../src/model/undo-plan.ts'
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

const never = new AbortController().signal
const secretKey = 'sk_test_rotation'
const url = 'https://api.valuecanvas.com/api/billing/webhooks/stripe'
const run = 7
const key = 'webhook-secret'
const changed = { outcome: 'changed', differences: [] } as const

type Overlap = 'a list' | 'a key of its own' | 'no more than one'
const secretOf: Readonly<Record<Overlap, ServiceConfig['stripe']['secret']>> = {
  'a list': { name: 'stripe-credentials', key, acceptsList: true },
  'a key of its own': { name: 'stripe-credentials', key, acceptsList: false, previousKey: 'webhook-secret-previous' },
  'no more than one': { name: 'stripe-credentials', key, acceptsList: false },
}

class Died extends Error {}

/** Of the rollout phase what concerns the secret: credentials, then pods that read them. */
const rollout: Phase = async (context) => {
  const { deployment } = context.service
  await provideCredentials(context)
  await context.change('replace the pods', {
    kind: 'restart',
    target: deployment,
    before: async () => ({ secret: 'stripe-credentials' }),
    act: (_, signal) => restart(context, deployment, signal),
  })
  return { line: 'rolled out' }
}

/** A service of three pods, each of which believes the secrets that it read when it started. */
interface TestWorld extends Remembered {
  stripe: StripeSimulator
  secret: Map<string, string>
  template: string
  pods: { template: string; believes: readonly string[] }[]
  /** The configured API version, where a test changes it. */
  apiVersion?: string
  told: string[]
  /** Changes to the outside so far, and after which of them the worker dies. */
  changes: number
  diesAfter: number
}

describe('another signing secret', () => {
  let world: TestWorld
  let former: { readonly id: string; readonly secret: string }

  beforeEach(build)
  afterEach(() => world.stripe.close())

  async function build(): Promise<void> {
    approvedPlan = undefined
    const simulator = await startStripe({ secretKey, retryDelaysMs: [] })
    world = {
      stripe: simulator,
      secret: new Map(),
      template: 'v1',
      pods: [],
      steps: new Map(),
      effects: [],
      told: [],
      changes: 0,
      diesAfter: Number.POSITIVE_INFINITY,
    }
    const api = openStripe({ secretKey: new Sensitive(secretKey), apiBase: simulator.url })
    const { endpoint, signingSecret } = await api.createEndpoint(
      {
        url,
        enabledEvents: ['invoice.paid', 'charge.failed'],
        metadata: { managed_by: 'purser', purser_run: '3', purser_secret: 'to come' },
        description: '',
        idempotencyKey: 'former',
      },
      never,
    )
    await api.updateEndpoint(endpoint.id, { metadata: { purser_secret: signingSecret.fingerprint } }, never)
    former = { id: endpoint.id, secret: signingSecret.reveal() }
    world.secret.set(key, former.secret)
    world.pods = Array.from({ length: 3 }, () => ({ template: 'v1', believes: [former.secret] }))
  }

  const enabled = () => world.stripe.endpoints().filter(({ status }) => status === 'enabled')
  const believed = (id: string, pod: TestWorld['pods'][number]) =>
    pod.believes.includes(world.stripe.secretOf(id) ?? '')

  /** Whatever pod an event meets, one of the ways by which it comes is believed. */
  function expectNoGap(): void {
    for (const pod of world.pods) expect(enabled().some(({ id }) => believed(id, pod))).toBe(true)
  }

  const readsNow = (previousKey: string | undefined) =>
    [world.secret.get(key), previousKey === undefined ? undefined : world.secret.get(previousKey)]
      .flatMap((value) => value?.split(',') ?? [])
      .filter((value) => value !== '')

  function clusterOf({ previousKey }: ServiceConfig['stripe']['secret']): Partial<Cluster> {
    return {
      deployment: async () => deploymentState({ image: plan.image.reference, templateHash: world.template }),
      restart: async ({ templateAnnotations }) => {
        world.template = JSON.stringify(templateAnnotations)
        for (const pod of world.pods.filter(({ template }) => template !== world.template)) {
          Object.assign(pod, { template: world.template, believes: readsNow(previousKey) })
          expectNoGap()
        }
        return changed
      },
      secretKey: async (_, name) => {
        const value = world.secret.get(name)
        const held = value === undefined ? undefined : new Sensitive(value)
        const keys = [...world.secret.keys()]
        return secretKeyState({
          secretExists: keys.length > 0,
          keyExists: held !== undefined,
          fingerprint: held?.fingerprint,
          fingerprints: held?.parts(',').map((it) => it.fingerprint) ?? [],
          keys,
        })
      },
      readSecretKey: async (_, name) => {
        const value = world.secret.get(name)
        return value === undefined ? undefined : new Sensitive(value)
      },
      writeSecret: async (_, { keys, dryRun }) => {
        if (dryRun === true) return changed
        for (const [name, value] of Object.entries(keys))
          if (value === undefined) world.secret.delete(name)
          else world.secret.set(name, value.reveal())
        return changed
      },
      examinePods: async () => [],
      removeSecretKey: async (_, name) => void world.secret.delete(name),
    }
  }

  /** Looks after each call to the outside whether there is a gap, and lets the worker die after one of them. */
  function watched<T extends object>(real: T): T {
    return new Proxy(real, {
      get(target, name) {
        const method: unknown = Reflect.get(target, name)
        if (typeof method !== 'function') return method
        return async (...args: unknown[]) => {
          if (world.changes >= world.diesAfter) throw new Died()
          const answer: unknown = await method.apply(target, args)
          // What is only tried changes nothing.
          const tried = (args[1] as { readonly dryRun?: boolean } | undefined)?.dryRun === true
          if (!tried && /^(create|update|delete|write|remove|restart)/.test(String(name))) world.changes += 1
          expectNoGap()
          if (world.changes >= world.diesAfter) throw new Died()
          return answer
        }
      },
    })
  }

  function contextOf(overlap: Overlap, phase: string, of: Partial<Run>, closed = 0): PhaseContext {
    const number = of.number ?? run
    const { apiVersion } = world
    const stripe = { ...configured.stripe, secret: secretOf[overlap], ...(apiVersion && { apiVersion }) }
    const service = { ...configured, stripe }
    const { records, ...remembered } = remembering(world, { run: number, phase }, never)
    const accepted = (secret: Sensitive) => world.pods.every(({ believes }) => believes.includes(secret.reveal()))
    return phaseContext({
      ...remembered,
      tell: async (post) => void world.told.push('text' in post ? post.text : post.kind),
      run: { ...deploy({ status: 'executing' }), rotateSecret: true, number, ...of },
      service,
      environment: {
        webhookUrl: url,
        stripe: { secretKeyEnv: 'STRIPE_SECRET_KEY', mode: 'test', account: usualAccountId },
      },
      world: {
        ...asPlanned,
        stripe: watched(
          openStripe({ secretKey: new Sensitive(secretKey), apiBase: world.stripe.url, retryDelayMs: 5 }),
        ),
        cluster: watched(clusterOf(service.stripe.secret)),
        webhook: {
          signed: async (_, _event, secret) => ({ status: accepted(secret) ? 200 : 400, milliseconds: 1, body: '' }),
          unsigned: async () => ({ status: 400, milliseconds: 1, body: '' }),
        },
        database: { query: async () => ({ columns: ['event_id'], rows: [] }) },
      },
      signal: never,
      // What the checks say before a rollback is not of these tests.
      records: { ...records, rollbackClosedUpTo: async () => closed, firstResultOf: async () => [] },
    })
  }

  interface Leg {
    readonly name: string
    readonly phase: Phase
    readonly run: (overlap: Overlap) => Promise<Partial<Run>> | Partial<Run>
  }
  /** What people approve before the deploy begins; it stays the same for both phases. */
  let approvedPlan: DeployPlan | undefined
  async function approved(overlap: Overlap = 'a list', of: Partial<Run> = {}, closed = 0) {
    const template = of.number === undefined ? 'v1' : world.template
    if (approvedPlan === undefined || of.number !== undefined || of.rotateSecret !== undefined) {
      const { stripe } = await planStripe(contextOf(overlap, 'plan', of, closed), [])
      approvedPlan = { ...plan, stripe, current: { ...plan.current, templateHash: template } }
    }
    return { ...of, plan: approvedPlan }
  }
  const deployLegs: readonly Leg[] = [
    { name: 'rollout', phase: rollout, run: approved },
    { name: 'stripe', phase: stripePhase, run: approved },
  ]
  const undoLeg: Leg = {
    name: 'undo',
    phase: undo,
    run: () => ({
      number: 8,
      kind: 'rollback',
      plan: planUndo(
        run,
        world.effects.filter((it) => it.run === run),
        { strict: false },
      ),
    }),
  }

  /** Goes through the legs; a worker that dies is followed by another one, who does not. */
  async function go(overlap: Overlap, legs: readonly Leg[]): Promise<{ died: boolean }> {
    let died = false
    for (const { name, phase, run: of } of legs) {
      const now = await of(overlap)
      await phase(contextOf(overlap, name, now)).catch(async (error: unknown) => {
        if (!(error instanceof Died)) throw error
        died = true
        world.diesAfter = Number.POSITIVE_INFINITY
        await phase(contextOf(overlap, name, now))
      })
    }
    return { died }
  }

  function expectRotated(): { readonly id: string; readonly secret: string } {
    const [current, ...more] = enabled()
    expect(more).toEqual([])
    expect(world.stripe.endpoints()).toHaveLength(2)
    expect(current?.id).not.toBe(former.id)
    expect(current?.enabled_events).toHaveLength(38)
    const secret = world.stripe.secretOf(current?.id ?? '') ?? ''
    expect(world.secret.get(key)?.split(',')[0]).toBe(secret)
    expect(world.pods.every((pod) => pod.believes.includes(secret))).toBe(true)
    return { id: current?.id ?? '', secret }
  }

  function expectAsBefore(): void {
    expect(enabled().map(({ id, enabled_events: events }) => ({ id, events }))).toEqual([
      { id: former.id, events: ['invoice.paid', 'charge.failed'] },
    ])
    expect(Object.fromEntries(world.secret)).toEqual({ [key]: former.secret })
    expect(world.pods.every(({ believes }) => believes.includes(former.secret))).toBe(true)
  }

  it.each<[Overlap, (secret: string) => object]>([
    ['a list', (secret) => ({ [key]: `${secret},${former.secret}` })],
    ['a key of its own', (secret) => ({ [key]: secret, 'webhook-secret-previous': former.secret })],
    ['no more than one', (secret) => ({ [key]: secret })],
  ])('for a service that takes %s: no gap on the way there, and none on the way back', async (overlap, held) => {
    await go(overlap, deployLegs)
    const { secret } = expectRotated()
    expect(Object.fromEntries(world.secret)).toEqual({ ...held(secret), 'webhook-secret.before-run-7': former.secret })
    await go(overlap, [undoLeg])
    expectAsBefore()
  })

  it('although the worker dies after whatever change to the outside, there and back', async () => {
    let points = 0
    for (let at = 1; ; at += 1) {
      if (at > 1) {
        await world.stripe.close()
        await build()
      }
      world.diesAfter = at
      const there = await go('a list', deployLegs)
      expectRotated()
      const back = await go('a list', [undoLeg])
      expectAsBefore()
      if (!there.died && !back.died) break
      points += 1
    }
    expect(points).toBeGreaterThan(12)
  }, 60_000)

  it('when nobody knows the former one any more: both are on while pods change, and a rollback keeps the new one', async () => {
    world.secret.set(key, 'whsec_by_hand')
    await go('a list', deployLegs)
    const current = expectRotated()
    expect(world.secret.get(key)).toBe(`${current.secret},whsec_by_hand`)
    const { steps, stays } = (await undoLeg.run('a list')).plan as ReturnType<typeof planUndo>
    expect(steps.map(({ line }) => line)).toEqual([
      `Stripe endpoint ${url}: the new one stays, with 2 events`,
      `Deployment ${configured.deployment}: restart, so that it reads the Secret again`,
    ])
    expect(stays).toContain('The signing secret stays: the one before belonged to no endpoint.')
    await go('a list', [undoLeg])
    expect(enabled().map(({ id }) => id)).toEqual([current.id])
    expect(world.pods.every(({ believes }) => believes.includes(current.secret))).toBe(true)
  })

  it('is cleaned up by the first deploy after the time for a rollback: one secret, one endpoint', async () => {
    await go('a list', deployLegs)
    const current = expectRotated()
    const later = await approved('a list', { number: 9, rotateSecret: false }, 7)
    await rollout(contextOf('a list', 'rollout', later, 7))
    await stripePhase(contextOf('a list', 'stripe', later, 7))
    expect(Object.fromEntries(world.secret)).toEqual({
      [key]: current.secret,
      'webhook-secret.before-run-9': `${current.secret},${former.secret}`,
    })
    expect(world.stripe.endpoints().map(({ id }) => id)).toEqual([current.id])
    expect(world.pods.every(({ believes }) => believes.length === 1)).toBe(true)
  })

  it('stays beside the first where people have written both themselves', async () => {
    world.secret.set(key, `${former.secret},whsec_theirs`)
    await rollout(contextOf('a list', 'rollout', await approved('a list', { rotateSecret: false }, 6), 6))
    expect(Object.fromEntries(world.secret)).toEqual({ [key]: `${former.secret},whsec_theirs` })
  })

  it.each([
    ['the next worker goes on', () => undefined],
    ['a person has the phase done again', () => world.steps.clear()],
  ])('whose creation was broken off more than a day ago has an unknown outcome when %s', async (_, meanwhile) => {
    world.stripe.setFault({ does: 'cut', when: 'after', on: 'POST /v1/webhook_endpoints' })
    await expect(rollout(contextOf('a list', 'rollout', await approved()))).rejects.toMatchObject({ transient: true })
    world.stripe.setFault(undefined)
    const [begun] = world.stripe.endpoints().filter(({ id }) => id !== former.id)
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 25 * 3_600_000 })
    try {
      meanwhile()
      const error: unknown = await rollout(contextOf('a list', 'rollout', await approved())).catch(
        (caught: unknown) => caught,
      )
      expect(error).toMatchObject({
        code: 'unknown_outcome',
        transient: false,
        hint: expect.stringContaining(`delete ${begun?.id} in the Stripe dashboard`),
        evidence: expect.arrayContaining([expect.stringContaining(`endpoint ${begun?.id}`)]),
      })
    } finally {
      vi.useRealTimers()
    }
    expect(world.stripe.endpoints()).toHaveLength(2)
    expect(Object.fromEntries(world.secret)).toEqual({ [key]: former.secret })
  })

  const on = 'POST /v1/webhook_endpoints'
  const rolledOut = async () => rollout(contextOf('a list', 'rollout', await approved()))
  /** What a person does who presses Retry phase: steps are executed again, the records of effects stay. */
  const retried = () => {
    world.steps.clear()
    return rolledOut()
  }

  it('is asked for under a new key by Retry phase, when Stripe has saved an error 500 under the former one', async () => {
    world.stripe.setFault({ does: 'answer', status: 500, on, times: 1 })
    const kept = { code: 'stripe_answer_kept', transient: false }
    await expect(rolledOut()).rejects.toMatchObject(kept)
    // The next worker of the same attempt has the same decision, and gets the same answer.
    await expect(rolledOut()).rejects.toMatchObject(kept)
    expect(world.stripe.endpoints()).toHaveLength(1)
    await retried()
    expect(world.stripe.endpoints()).toHaveLength(2)
    expect(world.secret.get(key)?.split(',')).toEqual([
      world.stripe.secretOf(world.stripe.endpoints()[0]?.id ?? ''),
      former.secret,
    ])
    expect(world.told).toEqual([])
  })

  it('is made anew by Retry phase when Stripe had made one, answered 500 and never showed its secret', async () => {
    world.stripe.setFault({ does: 'answer', status: 500, takesEffect: true, on, times: 1 })
    await expect(rolledOut()).rejects.toMatchObject({ code: 'stripe_answer_kept' })
    const [lost] = world.stripe.endpoints()
    await retried()
    const [made, ...others] = world.stripe.endpoints()
    expect(others.map(({ id }) => id)).toEqual([former.id])
    expect(made?.id).not.toBe(lost?.id)
    expect(world.secret.get(key)?.split(',')[0]).toBe(world.stripe.secretOf(made?.id ?? ''))
    expect(world.told).toEqual([
      expect.stringMatching(new RegExp(`^Stripe made ${lost?.id} but answered with an error`)),
    ])
  })

  it('is made by Retry phase once there is room, although Stripe has saved that there was none', async () => {
    const plan = await approved()
    const others = Array.from({ length: 15 }, () => world.stripe.addEndpoint({ url, events: ['payout.paid'] }))
    const full = rollout(contextOf('a list', 'rollout', plan))
    await expect(full).rejects.toMatchObject({ code: 'stripe_endpoint_limit' })
    const api = openStripe({ secretKey: new Sensitive(secretKey), apiBase: world.stripe.url })
    for (const id of others) await api.deleteEndpoint(id, never)
    await retried()
    expect(world.stripe.endpoints()).toHaveLength(2)
  })

  it.each([
    ['the next worker', () => rolledOut()],
    ['Retry phase', () => retried()],
  ])('is made anew by %s when somebody has deleted it meanwhile', async (_, goOn) => {
    world.stripe.setFault({ does: 'cut', when: 'after', on })
    await expect(rolledOut()).rejects.toMatchObject({ transient: true })
    world.stripe.setFault(undefined)
    const [lost] = world.stripe.endpoints()
    await openStripe({ secretKey: new Sensitive(secretKey), apiBase: world.stripe.url }).deleteEndpoint(
      lost?.id ?? '',
      never,
    )
    await goOn()
    const [made, ...others] = world.stripe.endpoints()
    expect(others.map(({ id }) => id)).toEqual([former.id])
    expect(made?.id).not.toBe(lost?.id)
    expect(world.secret.get(key)?.split(',')[0]).toBe(world.stripe.secretOf(made?.id ?? ''))
  })

  it.each([
    ['the next worker', () => rolledOut()],
    ['Retry phase', () => retried()],
  ])('is the one that was begun for %s, although the configuration has changed since', async (_, goOn) => {
    world.stripe.setFault({ does: 'cut', when: 'after', on })
    await expect(rolledOut()).rejects.toMatchObject({ transient: true })
    world.stripe.setFault(undefined)
    const [begun] = world.stripe.endpoints()
    world.apiVersion = '2025-03-31.basil'
    approvedPlan = undefined
    await goOn()
    expect(world.stripe.endpoints().map(({ id }) => id)).toEqual([begun?.id, former.id])
    expect(world.secret.get(key)?.split(',')[0]).toBe(world.stripe.secretOf(begun?.id ?? ''))
  })

  it('is another one for a run of the same number in another state database', async () => {
    await go('a list', deployLegs)
    const { id } = expectRotated()
    world.steps.clear()
    world.effects.length = 0
    approvedPlan = undefined
    await rolledOut()
    const [made] = world.stripe.endpoints()
    expect(world.stripe.endpoints()).toHaveLength(3)
    expect(made?.metadata).toMatchObject({ purser_run: String(run), purser_replaces: id })
    expect(world.secret.get(key)?.split(',')[0]).toBe(world.stripe.secretOf(made?.id ?? ''))
  })

  it('of a run of the same number in another state database is left alone, and no event is sent again for it', async () => {
    await go('a list', deployLegs)
    const { id } = expectRotated()
    world.steps.clear()
    world.effects.length = 0
    approvedPlan = undefined
    world.stripe.emit('invoice.paid')
    const now = await approved('a list', { rotateSecret: false })
    await rollout(contextOf('a list', 'rollout', now))
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 60_000 })
    try {
      await stripePhase(contextOf('a list', 'stripe', now))
    } finally {
      vi.useRealTimers()
    }
    expect(world.effects.map(({ kind }) => kind)).toEqual(['restart'])
    expect(enabled().map((endpoint) => endpoint.id)).toEqual([id])
  })

  it('is not made twice when the worker died right after it, and nobody went on for a day', async () => {
    await rollout(contextOf('a list', 'rollout', await approved()))
    const made = world.stripe.endpoints().map(({ id }) => id)
    for (const name of ['create the Stripe endpoint', 'replace the pods']) world.steps.delete(`${run} rollout ${name}`)
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 25 * 3_600_000 })
    try {
      await rollout(contextOf('a list', 'rollout', await approved()))
    } finally {
      vi.useRealTimers()
    }
    expect(world.stripe.endpoints().map(({ id }) => id)).toEqual(made)
  })
})
