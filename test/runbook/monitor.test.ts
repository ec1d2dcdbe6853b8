import type { Claim, Fence } from '../../src/store/fence.ts'
import { RecordedSteps } from '../../src/jobs/recorded-steps.ts'
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import type { LogLine } from '../../src/adapters/kubernetes/logs/port.ts'
import type { EventSummary, WebhookEndpoint } from '../../src/adapters/stripe/port.ts'
import type { MonitorConfig } from '../../src/config/service-schema.ts'
import { ClusterError } from '../../src/adapters/kubernetes/api/errors.ts'
import { DatabaseError } from '../../src/adapters/postgres/errors.ts'
import { contextFor } from '../../src/jobs/phase-context.ts'
import { beginWantedRollbacks } from '../../src/jobs/begin-rollback.ts'
import type { PhaseResult } from '../../src/runbook/phase.ts'
import { monitor } from '../../src/runbook/monitor/monitor.ts'
import type { PhaseStore } from '../../src/store/phases.ts'
import { TransitionRefused } from '../../src/model/errors.ts'
import type { ThreadPost } from '../../src/model/post.ts'
import { plan } from '../messages/example-runs.ts'
import {
  asPlanned,
  cronJobState,
  committed as config,
  deploymentState,
  production,
  worldOf,
  type WorldParts,
} from './phase-context.ts'
import { openStores, type TestStores } from '../store/stores.ts'

const alex = { actor: 'UALEX', source: 'CDEPLOYS' }

let stores: TestStores
beforeAll(async () => {
  stores = await openStores()
})
beforeEach(() => stores.reset())
afterAll(() => stores.close())

/** What the pods and the database show while a release is watched. */
interface Scene {
  dead: number
  lines: LogLine[]
  /** Events that Stripe could not deliver. */
  refused: EventSummary[]
  follow: () => Promise<void>
}

const endpoint: WebhookEndpoint = {
  id: 'we_1',
  url: production.webhookUrl,
  status: 'enabled',
  enabledEvents: config.service.stripe.events,
  apiVersion: null,
  description: null,
  metadata: {},
  livemode: true,
  created: new Date(0),
}

const noise = (pod: string, second: number): LogLine => ({
  pod,
  container: 'api',
  timestamp: `2099-01-05T10:00:${String(second).padStart(2, '0')}.5Z`,
  text: `{"level":"error","msg":"billing rates refresh failed","attempt":${second}}`,
})

interface Stage {
  readonly claim: Claim
  readonly scene: Scene
  /** Runs the phase once more, as another worker would. */
  run(more?: { signal?: AbortSignal; auto?: boolean; world?: WorldParts; phases?: PhaseStore }): Promise<PhaseResult>
  posts(): Promise<readonly ThreadPost[]>
}

/** A deploy that has come to its last phase, in the real stores; the world around it is played. */
async function onStage(watched: Partial<MonitorConfig> = {}): Promise<Stage> {
  const claim = await stores.under('monitor')
  const scene: Scene = { dead: 0, lines: [], refused: [], follow: () => new Promise(() => undefined) }
  const world: WorldParts = {
    ...asPlanned,
    cluster: {
      deployment: async () => deploymentState({ image: plan.image.reference, templateHash: '' }),
      restarts: async () => 0,
      cronJob: async (name) => cronJobState({ name }),
      followLogs: async (_, onLine, signal) => {
        for (const line of scene.lines) await onLine(line)
        await Promise.race([scene.follow(), new Promise((resolve) => signal.addEventListener('abort', resolve))])
      },
    },
    stripe: { endpoints: async () => [endpoint], events: async () => ({ events: scene.refused, next: undefined }) },
    database: { query: async () => ({ columns: ['count'], rows: [[String(scene.dead)]] }) },
  }
  const metric = {
    name: 'dead',
    title: 'Dead letters',
    sql: 'select 1',
    compare: 'growth',
    atMost: 0,
    noData: 'inconclusive',
  } as const
  const watchConfig = {
    ...config.service.monitor,
    minutes: 1 / 60,
    everySeconds: 0.25,
    metrics: [metric],
    ...watched,
  }
  return {
    claim,
    scene,
    run: async ({
      signal = AbortSignal.timeout(20_000),
      auto = false,
      world: other = {},
      phases = stores.phases,
    } = {}) =>
      monitor(
        contextFor({
          claim,
          steps: new RecordedSteps(claim, phases),
          run: await stores.runs.get(claim.run),
          service: {
            ...config.service,
            verify: { queries: [], invariants: [], timeoutSeconds: 1 },
            monitor: watchConfig,
          },
          environment: {
            ...production,
            policy: { ...production.policy, autoRollback: auto },
          },
          world: worldOf({ ...world, ...other }),
          phases,
          publish: async () => undefined,
          signal,
          progressed: () => undefined,
        }),
      ),
    posts: async () => (await stores.boards.waiting(claim.run)).map((it) => it.post),
  }
}

const decision = async (run: number, kind: 'finish' | 'keep' | 'stop' | 'roll_back') => {
  const breached = async () => (await stores.runs.get(run)).watch?.breach !== undefined
  if (kind !== 'finish') await expect.poll(breached, { timeout: 10_000, interval: 20 }).toBe(true)
  else
    await expect
      .poll(async () => (await stores.runs.get(run)).watch !== undefined, { timeout: 10_000, interval: 20 })
      .toBe(true)
  return stores.runs.decideWatch(run, kind, alex)
}

describe('watching a release', () => {
  it('that behaves ends in time, with its criteria told once', async () => {
    const stage = await onStage()
    const { line, verification } = await stage.run()
    expect(line).toContain('success criteria met in')
    const criteria = verification?.criteria.map(({ name, verdict }) => `${name} ${verdict}`)
    expect(criteria).toEqual(expect.arrayContaining(['e2e pass', 'logs pass', 'metrics pass']))
    expect((await stage.posts()).map((it) => it.kind)).toEqual(['report'])
  })

  it('ends in time, fully sampled, though the clock of the process is wrong and jumps', async () => {
    const stage = await onStage({ minutes: 3 / 60 })
    const wrong = Date.now() - 3_600_000
    vi.useFakeTimers({ toFake: ['Date'], now: wrong })
    onTestFinished(() => void vi.useRealTimers())
    const began = performance.now()
    const running = stage.run()
    await expect.poll(async () => (await stores.runs.samples(stage.claim.run)).length).toBeGreaterThan(2)
    vi.setSystemTime(wrong + 30_000)
    expect((await running).line).toContain('success criteria met in')
    expect(performance.now() - began).toBeGreaterThan(3_000)
    const { watch } = await stores.runs.get(stage.claim.run)
    const { rows } = await stores.pool.query<{ age: number }>(
      'select extract(epoch from now() - $1::timestamptz)::float8 as age',
      [watch?.beganAt],
    )
    expect(rows[0]?.age).toBeLessThan(60)
  })

  it('that breaks a rule asks once, with evidence and the people on call, and fails at its end', async () => {
    const stage = await onStage()
    stage.scene.lines = [noise('api-1', 1), noise('api-2', 2), noise('api-1', 3)]
    await expect(stage.run()).rejects.toMatchObject({
      code: 'monitor_breach',
      message: expect.stringContaining('Error lines: 3 (at most 0 allowed)'),
    })
    const posts = await stage.posts()
    expect(posts.map((it) => it.kind)).toEqual(['output', 'breach', 'verification'])
    expect(posts[0]).toMatchObject({
      title: 'New errors in the logs',
      lines: [expect.stringContaining('3 × api-1: {"level":"error"')],
    })
    expect(posts[1]).toMatchObject({ onCall: production.contacts.onCall, automatic: false })
    expect(JSON.stringify(posts[1])).toContain('error lines by pod: 2 in api-1, 1 in api-2')
  })

  it('goes on while nobody decides, and the rules decide when somebody keeps watching', async () => {
    const stage = await onStage({ minutes: 3 / 60 })
    const running = stage.run()
    running.catch(() => undefined)
    await expect
      .poll(async () => (await stores.runs.samples(stage.claim.run)).length, { timeout: 10_000, interval: 20 })
      .toBeGreaterThan(0)
    stage.scene.dead = 1
    await decision(stage.claim.run, 'keep')
    stage.scene.dead = 0
    const { verification } = await running
    expect(verification?.criteria.find(({ name }) => name === 'metrics')).toMatchObject({
      verdict: 'warn',
      value: expect.stringContaining("Dead letters grew by 0. For a while it wasn't"),
    })
  })

  it('is stopped by a decision, with what was seen', async () => {
    const stage = await onStage({ minutes: 1 })
    stage.scene.lines = [noise('api-1', 1)]
    const running = stage.run()
    running.catch(() => undefined)
    await decision(stage.claim.run, 'stop')
    await expect(running).rejects.toMatchObject({
      code: 'monitor_breach',
      message: expect.stringContaining('stopped by a decision'),
    })
  })

  it('is stopped even by who decides while the criteria are judged, and sends no report of a success', async () => {
    const stage = await onStage({ minutes: 3 / 60 })
    const { run } = stage.claim
    const get = async () => {
      await stores.runs.decideWatch(run, 'stop', alex)
      return { status: 200, milliseconds: 1 }
    }
    const running = stage.run({ world: { health: { get } } })
    running.catch(() => undefined)
    await expect
      .poll(async () => (await stores.runs.samples(run)).length, { timeout: 10_000, interval: 20 })
      .toBeGreaterThan(0)
    stage.scene.dead = 1
    await expect
      .poll(async () => (await stores.runs.get(run)).watch?.breach !== undefined, { timeout: 10_000, interval: 20 })
      .toBe(true)
    stage.scene.dead = 0
    await expect(running).rejects.toMatchObject({ message: expect.stringContaining('stopped by a decision') })
    expect((await stage.posts()).map((it) => it.kind)).not.toContain('report')
  })

  it('is finished early by a decision, which its line says', async () => {
    const stage = await onStage({ minutes: 1 })
    const running = stage.run()
    await decision(stage.claim.run, 'finish')
    expect((await running).line).toMatch(/success criteria met after \d+ m?s of 60 s: finished early/)
  })

  it('that is rolled back by policy ends at once, and the rollback begins exactly once, asked for by Purser', async () => {
    const stage = await onStage({ minutes: 1 })
    const image = { image: 'valuecanvas/api:v1.1.0', replicaSet: null, templateHash: 'a', version: 'v1.1.0' }
    await stores.phases.beginEffect(stage.claim, 'image', 'valuecanvas-api', async () => image)
    stage.scene.lines = [noise('api-1', 1)]
    await expect(stage.run({ auto: true })).rejects.toMatchObject({ code: 'monitor_breach' })
    const rollbacks = () => stores.runs.list({ kinds: ['rollback'] })
    const now = () => new Date()
    const dependencies = { ...stores, config, now, enqueue: async () => undefined, publish: async () => undefined }
    await beginWantedRollbacks(dependencies)
    expect(await rollbacks()).toEqual([])
    await stores.phases.finish(stage.claim, { type: 'phase_failed', phase: 'monitor' }, {})
    await Promise.all([1, 2, 3].map(() => beginWantedRollbacks(dependencies)))
    expect(await rollbacks()).toEqual([
      expect.objectContaining({
        parent: stage.claim.run,
        requestedBy: 'purser',
        status: 'executing',
        reason: expect.stringContaining('automatic rollback: Error lines: 1'),
      }),
    ])
  })

  it('is not rolled back by policy for what Stripe could not deliver, but told; then it is for an error', async () => {
    const stage = await onStage({ minutes: 1 })
    const created = new Date(Date.now() - 120_000)
    stage.scene.refused = [{ id: 'evt_1', type: 'invoice.paid', created, pendingWebhooks: 1 }]
    const running = stage.run({ auto: true })
    const watch = async () => (await stores.runs.get(stage.claim.run)).watch
    await expect.poll(async () => (await watch())?.breach?.text, { interval: 20 }).toMatch(/^Undelivered events: [12] /)
    expect((await watch())?.decision).toBeUndefined()
    stage.scene.dead = 3
    await expect(running).rejects.toMatchObject({ code: 'monitor_breach' })
    expect((await watch())?.decision).toMatchObject({ kind: 'roll_back', by: 'purser' })
    const told = (await stage.posts()).flatMap((post) => (post.kind === 'breach' ? [post.automatic] : []))
    expect(told).toEqual([false, true])
  })

  it('has no verdict when too little was seen, and that is no pass', async () => {
    const stage = await onStage()
    const away = new DatabaseError('database_unreachable', 'querying the database: gone', { transient: true })
    const database = { query: () => Promise.reject(away) }
    await expect(stage.run({ world: { database } })).rejects.toMatchObject({
      code: 'monitor_inconclusive',
      evidence: [expect.stringContaining('Dead letters: no data: only 0 of 5 samples')],
    })
  })
})

describe('a watch that is taken up by another worker', () => {
  it('counts no line twice, asks no second time, and ends when the first would have', async () => {
    const stage = await onStage({ minutes: 3 / 60 })
    stage.scene.lines = [noise('api-1', 1), noise('api-2', 2)]
    const died = new AbortController()
    const first = stage.run({ signal: died.signal })
    first.catch(() => undefined)
    await expect
      .poll(async () => (await stage.posts()).some((it) => it.kind === 'breach'), { timeout: 10_000, interval: 20 })
      .toBe(true)
    died.abort(new Error('killed'))
    await expect(first).rejects.toBeInstanceOf(Error)
    stage.scene.lines.push(noise('api-1', 4))
    await expect(stage.run()).rejects.toMatchObject({ message: expect.stringContaining('Error lines: 3') })
    expect((await stage.posts()).filter((it) => it.kind === 'breach')).toHaveLength(1)
    expect(await stores.runs.logGroups(await stores.runs.get(stage.claim.run))).toEqual([
      expect.objectContaining({ count: 3, pod: 'api-1', known: false }),
    ])
  })

  it('is rolled back by policy even when the first one died right after the breach was told', async () => {
    const stage = await onStage({ minutes: 3 / 60 })
    stage.scene.lines = [noise('api-1', 1)]
    const told = async () => (await stores.runs.get(stage.claim.run)).watch
    const dying = new Proxy(stores.phases, {
      get(target, key) {
        const value: unknown = Reflect.get(target, key, target)
        if (key !== 'fence') return typeof value === 'function' ? (value.bind(target) as unknown) : value
        return (...given: Parameters<typeof stores.phases.fence>): Fence => {
          const fence = target.fence(...given)
          return {
            ...fence,
            write: async (work) => {
              if ((await told())?.breach === undefined) return fence.write(work)
              throw new Error('killed')
            },
          }
        }
      },
    })
    await expect(stage.run({ auto: true, phases: dying })).rejects.toThrow('Error lines: 1')
    await expect(stage.run({ auto: true })).rejects.toMatchObject({
      message: expect.stringContaining('ended to roll back'),
    })
    expect((await told())?.decision).toMatchObject({ kind: 'roll_back', by: 'purser' })
  })

  it('shows a gap, and no rate of zero, for errors of which it does not know the time', async () => {
    const stage = await onStage()
    stage.scene.lines = [noise('api-1', 1)]
    await expect(stage.run()).rejects.toMatchObject({ code: 'monitor_breach' })
    const samples = await stores.runs.samples(stage.claim.run)
    const [first] = samples
    expect(samples.filter(({ at }) => at.getTime() === first?.at.getTime()).map(({ metric }) => metric)).toEqual([
      'dead',
      'log_errors',
      'replicas_missing',
      'restarts',
      'undelivered_events',
    ])
  })

  it('keeps as many rows for a million errors as there are kinds of them', async () => {
    const stage = await onStage()
    for (let second = 0; second < 60; second += 1)
      stage.scene.lines.push({
        ...noise('api-1', second),
        text: `billing error: no plan ${'abcdefghij'.at(second % 10)}`,
      })
    await expect(stage.run()).rejects.toMatchObject({ code: 'monitor_breach' })
    const groups = await stores.runs.logGroups(await stores.runs.get(stage.claim.run))
    expect(groups.map(({ count }) => count)).toEqual(Array.from({ length: 10 }, () => 6))
  })
})

describe('trouble with the logs', () => {
  it('that passes is a gap; they are followed again', async () => {
    const stage = await onStage({ minutes: 3 / 60 })
    let broken = 0
    stage.scene.follow = () => {
      broken += 1
      if (broken > 1) return new Promise(() => undefined)
      return Promise.reject(new ClusterError('cluster_unreachable', 'following: gone', { transient: true }))
    }
    await stage.run()
    expect(broken).toBe(2)
  })

  it('that does not pass ends the watch and its sampling', async () => {
    const stage = await onStage({ minutes: 1 })
    stage.scene.follow = () => Promise.reject(new Error('the cluster is gone'))
    await expect(stage.run()).rejects.toThrow('the cluster is gone')
  })
})

describe('deciding about a watch', () => {
  const refused = async (run: number, kind: Parameters<typeof decision>[1]) =>
    stores.runs.decideWatch(run, kind, alex).then(
      () => undefined,
      (error: unknown) => (error instanceof TransitionRefused ? error.refusal.reason : error),
    )

  it('is refused, with the reason, when there is nothing to decide, or somebody was faster', async () => {
    const stage = await onStage({ minutes: 1 })
    const { run } = stage.claim
    expect(await refused(run, 'finish')).toBe('not_watched')
    const watching = stage.run()
    watching.catch(() => undefined)
    await expect
      .poll(async () => (await stores.runs.get(run)).watch !== undefined, { timeout: 10_000, interval: 20 })
      .toBe(true)
    expect(await refused(run, 'stop')).toBe('nothing_broken')
    const both = await Promise.allSettled([1, 2].map(() => stores.runs.decideWatch(run, 'finish', alex)))
    expect(both.map((it) => it.status).sort()).toEqual(['fulfilled', 'rejected'])
    await watching
    await stores.phases.finish(stage.claim, { type: 'phase_succeeded', phase: 'monitor' }, {})
    expect(await refused(run, 'keep')).toBe('not_watched')
  })
})
