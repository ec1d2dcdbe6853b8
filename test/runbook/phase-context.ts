import { readFileSync } from 'node:fs'
import type { CronJobState } from '../../src/adapters/kubernetes/cron-jobs/port.ts'
import type { DeploymentState } from '../../src/adapters/kubernetes/deployments/port.ts'
import type { SecretKeyState } from '../../src/adapters/kubernetes/secrets/port.ts'
import type { EnvironmentConfig } from '../../src/config/environment-schema.ts'
import { parsePurserYaml } from '../../src/config/purser-yaml.ts'
import type { ServiceConfig } from '../../src/config/service-schema.ts'
import {
  type AfterOf,
  type Effect,
  type EffectKind,
  type EffectRecord,
  storedEffect,
} from '../../src/model/effects/effects.ts'
import type { Identities } from '../../src/model/identities.ts'
import type { Json } from '../../src/model/json.ts'
import type { Change, PhaseContext, PhaseRecords } from '../../src/runbook/phase.ts'
import type { World } from '../../src/runbook/world.ts'
import { deploy, plan } from '../messages/example-runs.ts'

/*
 * What a test hands a phase function: whole in its type, while a test gives only what the phase is to meet. Whatever
 * else the phase asks for raises an error that names it.
 */

/** The committed purser.yaml. */
export const committed = parsePurserYaml(
  readFileSync(new URL('../../purser.yaml', import.meta.url), 'utf8'),
  'purser.yaml',
)

/** The service of the committed purser.yaml. */
export const { service } = committed

/** The environment that the committed purser.yaml deploys to unless another one is named. */
export const production = committed.environments['production'] as EnvironmentConfig

/** The ports that a test gives, each with those of its methods that are expected to be called. */
export type WorldParts = {
  readonly [Port in keyof World]?: World[Port] extends string | ((...given: never) => unknown)
    ? World[Port]
    : Partial<World[Port]>
}

type RecordsParts = Partial<Omit<PhaseRecords, 'watch'>> & { readonly watch?: Partial<PhaseRecords['watch']> }

interface ContextParts extends Partial<Omit<PhaseContext, 'service' | 'environment' | 'world' | 'records'>> {
  /** What differs from the committed service. */
  readonly service?: Partial<ServiceConfig>
  /** What differs from the committed production environment. */
  readonly environment?: Partial<EnvironmentConfig>
  readonly world?: WorldParts
  readonly records?: RecordsParts
}

/** Makes a context of a deploy that is executing. Steps and changes run at once and remember nothing, unless told to. */
export function phaseContext(parts: ContextParts = {}): PhaseContext {
  const { signal = AbortSignal.timeout(60_000), world, records, ...given } = parts
  return {
    run: deploy({ status: 'executing' }),
    step: (_, act) => act(signal),
    change: async (_, { before, act }) => act(await before(signal), signal),
    report: async () => undefined,
    progress: async () => undefined,
    tell: async () => undefined,
    ...given,
    service: { ...service, ...parts.service },
    environment: { ...production, ...parts.environment },
    signal,
    world: worldOf(world),
    records: only('records', {
      endpointEffects: async () => [],
      announceTestEvent: async () => undefined,
      testEventsSince: async () => [],
      ...records,
      watch: only('records.watch', records?.watch),
    }),
  }
}

/** Makes a world of the ports that a test gives. */
export function worldOf(parts: WorldParts = {}): World {
  return {
    cluster: only('cluster', parts.cluster),
    database: only('database', parts.database),
    backups: only('backups', parts.backups),
    restores: only('restores', parts.restores),
    lint: only('lint', parts.lint),
    stripe: only('stripe', parts.stripe),
    webhook: only('webhook', parts.webhook),
    registry: only('registry', parts.registry),
    repository: only('repository', parts.repository),
    runner: only('runner', { isolation: { kind: 'bubblewrap', sentence: '' }, ...parts.runner }),
    health: only('health', parts.health),
    secret: parts.secret ?? ((name) => unexpected(`secret ${name}`)),
  }
}

/** Gives what the test provides of a port, and raises an error that names anything else that is asked of it. */
export function only<Port extends object>(port: string, parts: Partial<Port> = {}): Port {
  const guarded = new Proxy(parts, {
    get(target, name) {
      // `then` is read by every await, symbols by whatever prints or compares the object: neither is a call.
      if (name in target || typeof name === 'symbol' || name === 'then') return Reflect.get(target, name) as unknown
      return unexpected(`${port}.${name}`)
    },
  })
  // The one cast of the tests' contexts: what is missing of the port is not missed in silence, but raised above.
  return guarded as Port
}

function unexpected(what: string): never {
  throw new Error(`the test did not expect ${what}`)
}

/** What runs leave in the state database. */
export interface Remembered {
  /** The results of steps, by run, phase and name. */
  readonly steps: Map<string, Json>
  readonly effects: Effect[]
}

/**
 * Steps, changes and effects as the executor keeps them: a finished step gives back what was stored, what stood there
 * before a change is asked once, and a record is read back as the state database would.
 */
export function remembering(
  { steps, effects }: Remembered,
  at: { readonly run: number; readonly phase: string },
  signal: AbortSignal,
) {
  async function step<T extends Json | void>(name: string, act: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const key = `${at.run} ${at.phase} ${name}`
    if (!steps.has(key)) steps.set(key, JSON.parse(JSON.stringify((await act(signal)) ?? null)) as Json)
    return steps.get(key) as T
  }
  function known<K extends EffectKind>(kind: K, target: string): EffectRecord<K> | undefined {
    const all: readonly EffectRecord<EffectKind>[] = effects
    return all
      .filter((one): one is EffectRecord<K> => one.kind === kind)
      .find((one) => one.run === at.run && one.phase === at.phase && one.target === target)
  }
  function settled(id: number, more: { readonly status: Effect['status']; readonly after?: Json }): void {
    const index = effects.findIndex((one) => one.id === id)
    const effect = effects[index]
    if (effect === undefined) throw new Error(`there is no effect ${id}`)
    effects[index] = storedEffect({ ...effect, ...more })
  }
  async function change<K extends EffectKind, A extends AfterOf<K>>(name: string, wanted: Change<K, A>): Promise<A> {
    const { kind, target } = wanted
    return step<A>(name, async () => {
      if (known(kind, target) === undefined) {
        const facts = { ...at, id: effects.length + 1, kind, target, at: new Date(), status: 'started' } as const
        effects.push(storedEffect({ ...facts, before: await wanted.before(signal), after: undefined }))
      }
      const effect = known(kind, target)
      if (effect === undefined) throw new Error(`there is no record of ${kind} ${target}`)
      const after = await wanted.act(effect.before, signal)
      settled(effect.id, { status: 'applied', after })
      return after
    })
  }
  const records = {
    effectsOf: async (of) => effects.filter(({ run }) => run === of),
    endpointEffects: async () => effects.filter((one) => one.kind === 'stripe-endpoint'),
    undone: async (id) => settled(id, { status: 'undone' }),
    settle: async ({ id }, after) => settled(id, { status: 'applied', after }),
  } satisfies RecordsParts
  return { step, change, records }
}

/** The repository and the registry, which say what they said when the example plan was made. */
export const asPlanned = {
  repository: {
    resolveVersion: async () => ({ ...plan.commit, committedAt: '2026-01-05T10:00:00Z' }),
    elsewhere: async () => ({ lfs: [], lfsInstalled: false, submodules: [] }),
  },
  registry: {
    resolve: async () => ({
      digest: plan.image.digest ?? '',
      platforms: plan.image.platforms,
      revision: plan.image.revision,
    }),
  },
} satisfies WorldParts

const uid = 'uid-of-the-deployment'

/** What Purser's environment leads to in a test: the answers, and how a plan has them. */
export const leadsTo = {
  database: {
    identity: async () => ({ systemIdentifier: '71', database: 'valuecanvas', oid: '5', address: 'db:5432' }),
  },
  cluster: { identity: async () => ({ uid: 'k-1', server: 'https://10.0.0.1' }) },
  stripe: { keyMode: 'live', account: async () => ({ id: 'acct_1', livemode: undefined }) },
} as const satisfies WorldParts
export const identitiesOf = (deployment: string, namespace = 'production'): Identities => ({
  database: { id: 'system identifier 71, database valuecanvas with oid 5', address: 'db:5432/valuecanvas' },
  cluster: { id: 'uid k-1 of kube-system', address: 'https://10.0.0.1' },
  deployment: { id: `uid ${uid}`, address: `${namespace}/${deployment}` },
  stripe: { id: 'acct_1 in live mode', address: 'live mode' },
})

/** The state of a Secret's key that is there and that nobody but Purser has set. */
export function secretKeyState(more: Partial<SecretKeyState> = {}): SecretKeyState {
  return {
    secretExists: true,
    keyExists: true,
    fingerprint: 'aa',
    fingerprints: ['aa'],
    strays: [],
    immutable: false,
    keys: [service.stripe.secret.key],
    managers: [],
    claims: [],
    ...more,
  }
}

/** A CronJob that is there and does nothing at the moment. */
export function cronJobState(more: Partial<CronJobState> = {}): CronJobState {
  const name = 'webhook-retry'
  return {
    name,
    schedule: '*/5 * * * *',
    timeZone: undefined,
    startingDeadlineSeconds: undefined,
    concurrencyPolicy: 'Allow',
    suspended: false,
    createdAt: undefined,
    lastScheduleTime: undefined,
    lastSuccessfulTime: undefined,
    active: 0,
    owners: [],
    claims: [],
    manifest: { apiVersion: 'batch/v1', kind: 'CronJob', metadata: { name } },
    ...more,
  }
}

/** A Deployment that runs what the example plan found. */
export function deploymentState(more: Partial<DeploymentState> = {}): DeploymentState {
  return {
    name: service.deployment,
    uid,
    generation: 1,
    resourceVersion: '1',
    image: plan.current.image,
    replicas: plan.current.replicas,
    availableReplicas: plan.current.replicas,
    updatedReplicas: plan.current.replicas,
    paused: false,
    revision: plan.current.revision,
    replicaSet: undefined,
    lastHealthy: undefined,
    templateHash: plan.current.templateHash,
    containers: [service.container],
    images: [{ name: service.container, image: more.image ?? plan.current.image, init: false }],
    revisionHistoryLimit: 10,
    settings: {},
    claims: [],
    replicasOwners: [],
    ...more,
  }
}
