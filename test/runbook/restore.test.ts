import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { openBackups } from '../../src/adapters/postgres/backups/backups.ts'
import type { BackupManifest, Restores } from '../../src/adapters/postgres/port.ts'
import { openRestores } from '../../src/adapters/postgres/restores/restores.ts'
import type { Change, PhaseContext } from '../../src/runbook/phase.ts'
import { CheckFailed } from '../../src/runbook/errors.ts'
import { prepare, swap } from '../../src/runbook/restore/restore.ts'
import { undo } from '../../src/runbook/rollback/rollback.ts'
import type { World } from '../../src/runbook/world.ts'
import { type Effect, type EffectKind, storedEffect } from '../../src/model/effects/effects.ts'
import type { Json } from '../../src/model/json.ts'
import type { Run } from '../../src/model/run.ts'
import type { RestorePlan } from '../../src/model/restore-plan.ts'
import { planUndo } from '../../src/model/undo-plan.ts'
import { Sensitive } from '../../src/sensitive.ts'
import { ask, startTestPostgres, type TestPostgres } from '../support/postgres.ts'

const never = new AbortController().signal
const restoreRun = 7
const rollbackRun = 8

/** What a run leaves in the state database: steps are forgotten by a retry, effects are not. */
interface TestStores {
  steps: Map<string, Json>
  effects: Effect[]
}

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
  let stores: TestStores
  const service = { replicas: 3, suspended: false, looks: 0 }

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
    stores = { steps: new Map(), effects: [] }
  })
  afterEach(async () => {
    const { restored, kept } = restores.names(restoreRun)
    for (const name of [restored, kept]) await ask(outside(), `drop database if exists "${name}" with (force)`)
  })

  const outside = (): string => url.replace(/[^/]+$/, 'postgres')
  const serving = async (): Promise<unknown> => (await ask(url, 'select which from answers'))[0]?.['which']

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
      risks: [],
    }
  }

  const cluster = {
    deployment: async () => ({ replicas: service.replicas, image: 'api:v1', containers: ['api'], paused: false }),
    cronJob: async () => ({ suspended: service.suspended, active: 0 }),
    suspendCronJob: async (_name: string, suspended: boolean) => void (service.suspended = suspended),
    scale: async ({ replicas }: { replicas: number }) => void (service.replicas = replicas),
    waitForRollout: async () => ({}),
    autoscaler: async () => 'none',
  }

  function contextOf(run: Run, trouble?: Trouble): PhaseContext {
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
    const mine = stores.effects
    const step = async <T>(name: string, act: (signal: AbortSignal) => Promise<T>): Promise<T> => {
      const key = `${run.number} ${name}`
      if (stores.steps.has(key)) return stores.steps.get(key) as T
      const result = await act(never)
      stores.steps.set(key, result ?? null)
      return result
    }
    const context = {
      run,
      service: {
        deployment: 'api',
        container: 'api',
        cronJobs: [{ name: 'retry' }],
        stripe: { secret: { name: 'stripe' } },
        rollout: { graceSeconds: 1, timeoutMinutes: 1 },
        rollback: { strict: false },
      },
      environment: { namespace: 'production' },
      world: {
        cluster: troubled(cluster),
        restores: troubled(restores),
        backups: { verify: async () => manifest, list: async () => [manifest] },
      } as unknown as World,
      signal: never,
      step,
      change: async (name: string, change: Change<EffectKind>) =>
        step(name, async (signal) => {
          const { kind, target } = change
          const same = (it: Effect): boolean => it.run === run.number && it.kind === kind && it.target === target
          if (!mine.some(same)) {
            const before = await change.before(signal)
            const id = mine.length + 1
            mine.push(
              storedEffect({
                id,
                run: run.number,
                phase: 'swap',
                kind,
                target,
                before,
                after: undefined,
                status: 'started',
                at: new Date(),
              }),
            )
          }
          const effect = mine.find(same) as Effect
          const after = await change.act(effect.before, signal)
          mine[mine.indexOf(effect)] = storedEffect({ ...effect, after, status: 'applied' })
          return after
        }),
      report: async () => undefined,
      tell: async () => undefined,
      records: {
        keptBackups: async () => [{ ...manifest, tables: 1, run: 1, environment: 'production' }],
        effectsOf: async (of: number) => mine.filter((it) => it.run === of),
        undone: async (id: number) => void (mine[id - 1] = { ...(mine[id - 1] as Effect), status: 'undone' }),
        settle: async (effect: Effect, after: unknown) =>
          void (mine[effect.id - 1] = storedEffect({ ...effect, after, status: 'applied' })),
      },
    }
    return context as unknown as PhaseContext
  }

  const restoring = (): Run => ({ number: restoreRun, kind: 'restore', version: manifest.file, plan: planned() }) as Run
  const undoing = (): Run =>
    ({
      number: rollbackRun,
      kind: 'rollback',
      plan: planUndo(
        restoreRun,
        stores.effects.filter((it) => it.run === restoreRun),
        { strict: false },
      ),
    }) as Run

  function expectRunning(): void {
    expect(service).toMatchObject({ replicas: 3, suspended: false })
  }

  for (const how of ['killed', 'failing'] as const)
    it(`${how}: the old or the new database serves, and the next try finishes; so does its rollback`, async () => {
      await prepare(contextOf(restoring()))
      expect(await serving()).toBe('later')
      let points = 0
      for (const moment of ['before', 'after'] as const)
        for (let at = 0; ; at += 1) {
          stores = { steps: new Map([...stores.steps].filter(([key]) => key.includes('restore into'))), effects: [] }
          const legs = [
            { phase: swap, run: restoring, is: 'backup' },
            { phase: undo, run: undoing, is: 'later' },
          ]
          let broken = false
          for (const { phase, run, is } of legs) {
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
            expectRunning()
          }
          if (!broken) break
        }
      expect(points).toBeGreaterThan(30)
    }, 120_000)

  it('keeps serving when the backup cannot be restored, and leaves no database behind', async () => {
    const trouble: Trouble = { how: 'failing', at: 1, moment: 'before', calls: 0 }
    await expect(prepare(contextOf(restoring(), trouble))).rejects.toMatchObject({ code: 'probe_refused' })
    expect(await restores.swapState(restores.names(restoreRun), never)).toBe('absent')
    expect(await serving()).toBe('later')
  })
})
