import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { openBackups } from '../../src/adapters/postgres/backups/backups.ts'
import type { BackupManifest } from '../../src/adapters/postgres/backups/port.ts'
import type { Restores } from '../../src/adapters/postgres/restores/port.ts'
import { openRestores } from '../../src/adapters/postgres/restores/restores.ts'
import type { Cluster } from '../../src/adapters/kubernetes/port.ts'
import type { PhaseContext } from '../../src/runbook/phase.ts'
import { CheckFailed } from '../../src/runbook/errors.ts'
import { comparedConfiguration } from '../../src/runbook/confirm/compared-configuration.ts'
import { prepare, swap } from '../../src/runbook/restore/restore.ts'
import { undo } from '../../src/runbook/rollback/rollback.ts'
import type { Run } from '../../src/model/run.ts'
import { type Effect, storedEffect } from '../../src/model/effects/effects.ts'
import type { RestorePlan } from '../../src/model/restore-plan.ts'
import type { RestoredRelease } from '../../src/model/restored-release.ts'
import { planUndo, withRollbackTarget } from '../../src/model/undo-plan.ts'
import { Sensitive } from '../../src/sensitive.ts'
import { ask, startTestPostgres, type TestPostgres } from '../support/postgres.ts'
import { deploy } from '../messages/example-runs.ts'
import {
  cronJobState,
  deploymentState,
  identitiesOf,
  leadsTo,
  phaseContext,
  production,
  type Remembered,
  remembering,
  service as configured,
  type WorldParts,
} from './phase-context.ts'

const never = new AbortController().signal
const restoreRun = 7
const rollbackRun = 8

/** When calls to the outside go wrong: `at` the n-th, once (`failing`) or from then on (`killed`). */
interface Trouble {
  readonly how: 'killed' | 'failing'
  readonly at: number
  readonly moment: 'before' | 'after'
  calls: number
}

class Died extends Error {}

describe('a restore, broken off at every call to the outside', () => {
  let postgres: TestPostgres
  let directory: string
  let url: string
  let manifest: BackupManifest
  let restores: Restores
  let stores: Remembered
  const service = { replicas: 3, suspended: false, hasCronJob: true, image: 'api:v2' }
  /** Which release ran on which database, whenever pods were started. */
  let served: string[] = []

  beforeAll(async () => {
    postgres = await startTestPostgres()
    directory = await mkdtemp(join(tmpdir(), 'purser-restore-'))
  }, 60_000)
  afterAll(async () => {
    await postgres.close()
    await rm(directory, { recursive: true, force: true })
  })
  beforeEach(async () => {
    url = await postgres.database()
    await ask(url, `create table answers as select 'backup' as which`)
    const backups = openBackups({ url: new Sensitive(url), directory, testRestore: { enabled: false } })
    manifest = await backups.create(new URL(url).pathname.slice(1), () => undefined, never)
    await ask(url, `update answers set which = 'later'`)
    restores = openRestores({ url: new Sensitive(url), directory })
    stores = { steps: new Map(), effects: [...deployed()] }
    Object.assign(service, { replicas: 3, suspended: false, hasCronJob: true, image: 'api:v2' })
  })
  afterEach(async () => {
    const { restored, kept } = restores.names(restoreRun)
    for (const name of [restored, kept]) await ask(outside(), `drop database if exists "${name}" with (force)`)
  })

  const outside = (): string => url.replace(/[^/]+$/, 'postgres')
  const serving = async (): Promise<unknown> => (await ask(url, 'select which from answers'))[0]?.['which']

  const hashOf = (image: string): string => `template of ${image}`
  const replicaSetOf = (image: string) => ({ name: `api-${image}`, uid: `uid of ${image}` })
  const imageOf = (image: string, version: string) => ({
    image,
    version,
    replicaSet: replicaSetOf(image),
    templateHash: hashOf(image),
    proven: true,
  })

  /** What the deploy of v2 has changed, which made the backup first: the image, and a CronJob that v1 does not have. */
  function deployed(): readonly Effect[] {
    const facts = { run: 1, phase: 'rollout', status: 'applied', at: new Date() } as const
    return [
      storedEffect({
        ...facts,
        id: 1,
        kind: 'image',
        target: 'api',
        before: imageOf('api:v1', 'v1'),
        after: { image: 'api:v2', templateHash: hashOf('api:v2'), served: true },
      }),
      storedEffect({
        ...facts,
        id: 2,
        kind: 'cronjob',
        target: 'retry',
        before: { manifest: null },
        after: { outcome: 'created' },
      }),
    ]
  }

  function release(): RestoredRelease {
    const undo = planUndo(restoreRun, deployed(), { strict: false })
    return {
      after: 'former',
      running: { version: 'v2', image: 'api:v2', templateHash: hashOf('api:v2') },
      earlier: { version: 'v1', image: 'api:v1' },
      because: ['v2 needs 20270101000000, which the backup does not have'],
      undo: withRollbackTarget(undo, {
        kind: 'seen',
        from: { image: 'api:v2', version: null, templateHash: hashOf('api:v2') },
        to: { ...revisionOf('api:v1', '1'), version: 'v1', health: 'served' },
        image: 'api:v1',
        differences: [],
        more: 0,
        kept: 10,
      }),
    }
  }

  function revisionOf(image: string, revision: string) {
    const current = image === service.image
    return { revision, replicaSet: replicaSetOf(image), image, createdAt: null, changeCause: null, current }
  }

  function planned(): RestorePlan {
    const { file, sha256, bytes, finishedAt } = manifest
    return {
      kind: 'restore',
      environment: 'production',
      backup: { file, run: 1, sha256, bytes, finishedAt, restoreMs: undefined },
      database: restores.names(restoreRun),
      tables: [],
      deployment: { name: 'api', replicas: 3 },
      cronJobs: ['retry'],
      migrationsLost: [],
      release: release(),
      effects: [],
      risks: [],
      identities: identitiesOf('api'),
      configuration: comparedConfiguration(
        { ...configured, ...settings.service },
        { ...production, ...settings.environment },
      ),
    }
  }

  const cluster: Partial<Cluster> = {
    ...leadsTo.cluster,
    deployment: async () => {
      const { image, replicas } = service
      const replicaSet = replicaSetOf(image)
      const lastHealthy = replicas === 0 ? undefined : { revision: '1', replicaSet, image }
      return deploymentState({ replicas, image, replicaSet, templateHash: hashOf(image), lastHealthy })
    },
    history: async () => ({
      image: service.image,
      images: [],
      templateHash: hashOf(service.image),
      paused: false,
      revisionHistoryLimit: 10,
      changeCause: undefined,
      writers: [],
      revisions: ['api:v2', 'api:v1'].map((image, index) => ({
        ...revisionOf(image, String(2 - index)),
        createdAt: undefined,
        changeCause: undefined,
        templateHash: hashOf(image),
        serves: false,
        differences: [],
        changedSince: ['image'],
      })),
    }),
    restoreReplicaSet: async ({ image }) => {
      service.image = image
      return { outcome: 'changed', differences: [], templateHash: hashOf(image), taken: [] }
    },
    cronJob: async () => (service.hasCronJob ? cronJobState({ suspended: service.suspended }) : undefined),
    deleteCronJob: async () => void (service.hasCronJob = false),
    apply: async ({ spec }) => {
      Object.assign(service, {
        hasCronJob: true,
        suspended: (spec as { suspend?: boolean } | undefined)?.suspend === true,
      })
      return { outcome: 'created', differences: [] }
    },
    stillRunning: async () => [],
    suspendCronJob: async (_, suspended) => {
      expect(service.hasCronJob).toBe(true)
      service.suspended = suspended
    },
    scale: async ({ replicas }) => {
      if (replicas > 0 && service.replicas === 0) served.push(`${service.image} on ${String(await serving())}`)
      service.replicas = replicas
    },
    waitForRollout: async () => ({ replicas: 3, updated: 3, ready: 3, old: 0, line: '' }),
    autoscaler: async () => 'none',
  }

  const settings = {
    service: {
      deployment: 'api',
      cronJobs: [{ name: 'retry', manifest: 'k8s/retry.yaml', tryOnce: false }],
      rollout: { ...configured.rollout, graceSeconds: 1, timeoutMinutes: 1 },
    },
    environment: { namespace: 'production' },
  }

  function contextOf(
    run: Run,
    trouble?: Trouble,
    environment = settings.environment,
    world: WorldParts = {},
  ): PhaseContext {
    const troubled = <T extends object>(real: T): T =>
      new Proxy(real, {
        get(target, name) {
          const method: unknown = Reflect.get(target, name)
          if (typeof method !== 'function' || name === 'names') return method
          return async (...args: unknown[]) => {
            if (trouble === undefined) return method.apply(target, args) as unknown
            trouble.calls += 1
            const late = trouble.calls - 1 === trouble.at && trouble.moment === 'after'
            if (late) await method.apply(target, args)
            if (trouble.how === 'killed' && trouble.calls > trouble.at) throw new Died()
            if (trouble.how === 'failing' && trouble.calls - 1 === trouble.at)
              throw new CheckFailed('probe_refused', 'it failed')
            return method.apply(target, args) as unknown
          }
        },
      })
    const { records, ...remembered } = remembering(stores, { run: run.number, phase: 'swap' }, never)
    return phaseContext({
      ...remembered,
      run,
      service: settings.service,
      environment,
      world: {
        ...leadsTo,
        repository: { tags: async () => [] },
        ...world,
        database: { ...leadsTo.database, ledger: async () => [], ...world.database },
        cluster: troubled(cluster),
        restores: troubled(restores),
        backups: { verify: async () => manifest, find: async () => manifest },
      },
      signal: never,
      records: {
        ...records,
        keptBackups: async () => [{ ...manifest, tables: 1, run: 1, environment: 'production', migrations: [] }],
        effectsSince: async (first) => stores.effects.filter((one) => one.run >= first && one.run < run.number),
        planOf: async () => undefined,
        knownReleases: async () => [{ version: 'v2', image: 'api:v2', migrations: ['20270101000000'] }],
        schemaChanges: async () => [],
        // What the checks say is not of these tests.
        firstResultOf: async () => [],
      },
    })
  }

  const restoring = (): Run =>
    deploy({ number: restoreRun, kind: 'restore', status: 'executing', version: manifest.file, plan: planned() })
  function undoing(): Run {
    const effects = stores.effects.filter((it) => it.run === restoreRun)
    const undoPlan = planUndo(restoreRun, effects, { strict: false })
    return deploy({ number: rollbackRun, kind: 'rollback', status: 'executing', plan: undoPlan })
  }

  function expectRunning(): void {
    expect(service).toMatchObject({ replicas: 3 })
    if (service.hasCronJob) expect(service).toMatchObject({ suspended: false })
  }

  for (const how of ['killed', 'failing'] as const)
    it(`${how}: the old or the new database serves, and the next try finishes; so does its rollback`, async () => {
      await prepare(contextOf(restoring()))
      expect(await serving()).toBe('later')
      let points = 0
      for (const moment of ['before', 'after'] as const)
        for (let at = 0; ; at += 1) {
          const made = new Map([...stores.steps].filter(([key]) => key.includes('restore into')))
          stores = { steps: made, effects: [...deployed()] }
          served = []
          const legs = [
            { phase: swap, run: restoring, is: 'backup', image: 'api:v1', hasCronJob: false },
            { phase: undo, run: undoing, is: 'later', image: 'api:v2', hasCronJob: true },
          ]
          let broken = false
          for (const { phase, run, is, ...runs } of legs) {
            const trouble: Trouble = { how, at, moment, calls: 0 }
            const failure: unknown = await phase(contextOf(run(), trouble)).then(
              () => undefined,
              (error: unknown) => error,
            )
            const live = `select 1 from pg_database where datname = '${restores.names(restoreRun).live}'`
            expect(await ask(outside(), live)).toHaveLength(1)
            if (failure !== undefined) {
              broken = true
              points += 1
              if (how === 'failing') {
                expect(['backup', 'later']).toContain(await serving())
                expectRunning()
                // People press Retry: another attempt, whose steps are recorded anew.
                for (const key of stores.steps.keys()) if (key.startsWith(`${run().number} `)) stores.steps.delete(key)
              }
              await phase(contextOf(run()))
            }
            expect(await serving()).toBe(is)
            expect(service).toMatchObject(runs)
            expectRunning()
          }
          if (!broken) {
            expect(served).toEqual(['api:v1 on backup', 'api:v2 on later'])
            break
          }
        }
      expect(points).toBeGreaterThan(30)
    }, 120_000)

  it('keeps serving when the backup cannot be restored, and leaves no database behind', async () => {
    const trouble: Trouble = { how: 'failing', at: 3, moment: 'before', calls: 0 }
    await expect(prepare(contextOf(restoring(), trouble))).rejects.toMatchObject({ code: 'probe_refused' })
    expect(await restores.swapState(restores.names(restoreRun), never)).toBe('absent')
    expect(await serving()).toBe('later')
  })

  it('asks again when purser.yaml says something else before the swap, and is finished when it does so later', async () => {
    const elsewhere = { namespace: 'staging' }
    const said = 'environment.namespace in purser.yaml is "staging" (planned: "production")'
    await expect(prepare(contextOf(restoring(), undefined, elsewhere))).rejects.toThrow(said)
    await prepare(contextOf(restoring()))
    await expect(swap(contextOf(restoring(), undefined, elsewhere))).rejects.toThrow(said)
    expect(await serving()).toBe('later')
    expectRunning()
    await swap(contextOf(restoring()))
    await swap(contextOf(restoring(), undefined, elsewhere))
    expect(await serving()).toBe('backup')
    expectRunning()
  })

  it('asks again when the environment leads to another database or account before the swap', async () => {
    const other = { ...(await leadsTo.database.identity()), systemIdentifier: '72' }
    const here = (world: WorldParts) => contextOf(restoring(), undefined, settings.environment, world)
    const elsewhere = here({ database: { identity: async () => other } })
    const said = 'the database has changed (system identifier 72, database valuecanvas with oid 5)'
    await expect(prepare(elsewhere)).rejects.toThrow(said)
    expect(await restores.swapState(restores.names(restoreRun), never)).toBe('absent')
    await prepare(here({}))
    await expect(swap(elsewhere)).rejects.toThrow(said)
    const account = { ...leadsTo.stripe, account: async () => ({ id: 'acct_2', livemode: undefined }) }
    await expect(swap(here({ stripe: account }))).rejects.toThrow(
      'the Stripe account has changed (acct_2 in live mode)',
    )
    expect(await serving()).toBe('later')
    expectRunning()
  })
})
