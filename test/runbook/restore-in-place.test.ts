import { beforeEach, expect, it } from 'vitest'
import type { Cluster } from '../../src/adapters/kubernetes/port.ts'
import type { BackupManifest, Backups } from '../../src/adapters/postgres/backups/port.ts'
import type { Restores } from '../../src/adapters/postgres/restores/port.ts'
import type { PhaseContext } from '../../src/runbook/phase.ts'
import { CheckFailed } from '../../src/runbook/errors.ts'
import { comparedConfiguration } from '../../src/runbook/confirm/compared-configuration.ts'
import { prepare, swap } from '../../src/runbook/restore/restore.ts'
import { undo } from '../../src/runbook/rollback/rollback.ts'
import type { Run } from '../../src/model/run.ts'
import { planUndo } from '../../src/model/undo-plan.ts'
import { deploy, restorePlan } from '../messages/example-runs.ts'
import {
  cronJobState,
  deploymentState,
  identitiesOf,
  leadsTo,
  phaseContext,
  type Remembered,
  remembering,
  production,
  service,
} from './phase-context.ts'

const never = new AbortController().signal
const restoreRun = 7
const rollbackRun = 8
const sha256 = 'a'.repeat(64)

/** A database that a service writes to whenever it runs, and the promise of the adapter: content and mark change together. */
interface Outside {
  content: readonly string[]
  marks: Map<number, { safety: string }>
  dumps: Map<string, { content: readonly string[]; marks: Map<number, { safety: string }> }>
  replicas: number
  suspended: boolean
}

interface Trouble {
  readonly how: 'killed' | 'failing'
  readonly at: number
  readonly moment: 'before' | 'after'
  calls: number
}

let outside: Outside
let stores: Remembered
let writes = 0

beforeEach(() => {
  outside = {
    content: ['backup', 'later'],
    marks: new Map(),
    dumps: new Map([['backup.dump', { content: ['backup'], marks: new Map() }]]),
    replicas: 3,
    suspended: false,
  }
  stores = { steps: new Map(), effects: [] }
})

const cluster: Partial<Cluster> = {
  deployment: async () => deploymentState({ replicas: outside.replicas, image: 'api:v1' }),
  cronJob: async () => cronJobState({ suspended: outside.suspended }),
  stillRunning: async () => [],
  suspendCronJob: async (_, suspended) => void (outside.suspended = suspended),
  scale: async ({ replicas }) => {
    outside.replicas = replicas
    if (replicas > 0) outside.content = [...outside.content, `write ${(writes += 1)}`]
  },
  waitForRollout: async () => ({ replicas: 3, updated: 3, ready: 3, old: 0, line: '' }),
  autoscaler: async () => 'none',
}
const manifestOf = (file: string): BackupManifest => ({
  file,
  database: 'app',
  serverVersion: '17.0',
  clientVersion: '17.0',
  bytes: 1,
  sha256,
  tables: [],
  rows: [],
  sequences: [],
  restoreTest: { outcome: 'skipped', reason: '' },
  startedAt: '2026-01-05T14:00:00Z',
  finishedAt: '2026-01-05T14:08:00Z',
})
const backups: Partial<Backups> = {
  verify: async (file) => manifestOf(file),
  find: async () => manifestOf('backup.dump'),
  dump: async (name) => {
    expect(outside.replicas, 'nothing may write while the way back is dumped').toBe(0)
    const { content, marks } = outside
    if (!outside.dumps.has(`${name}.dump`)) outside.dumps.set(`${name}.dump`, { content, marks: new Map(marks) })
    return manifestOf(`${name}.dump`)
  },
}
const restores: Partial<Restores> = {
  whyNotSwap: async () => "purser isn't allowed to create databases (CREATEDB)",
  whyNotInPlace: async () => undefined,
  rehearseInPlace: async () => undefined,
  doneInPlace: async (run) => outside.marks.get(run),
  inPlace: async ({ run, file, safety }) => {
    if (outside.marks.has(run)) return { milliseconds: 0 }
    expect(outside.replicas).toBe(0)
    expect(outside.dumps.get(safety)?.content, 'the way back holds everything that was there').toEqual(outside.content)
    const dump = outside.dumps.get(file)
    outside.content = dump?.content ?? []
    outside.marks = new Map([...(dump?.marks ?? []), [run, { safety }]])
    return { milliseconds: 1 }
  },
}

const settings = {
  service: {
    deployment: 'api',
    cronJobs: [{ name: 'retry', manifest: 'k8s/retry.yaml', tryOnce: false }],
    rollout: { ...service.rollout, graceSeconds: 1, timeoutMinutes: 1 },
  },
  environment: { namespace: 'production', restore: 'auto' as const },
}

function contextOf(run: Run, trouble?: Trouble): PhaseContext {
  const troubled = <T extends object>(real: T): T =>
    new Proxy(real, {
      get(target, name) {
        const method: unknown = Reflect.get(target, name)
        if (typeof method !== 'function') return method
        return async (...args: unknown[]) => {
          if (trouble === undefined) return method.apply(target, args) as unknown
          trouble.calls += 1
          if (trouble.calls - 1 === trouble.at && trouble.moment === 'after') await method.apply(target, args)
          if (trouble.how === 'killed' && trouble.calls > trouble.at) throw new Error('died')
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
    ...settings,
    world: {
      ...leadsTo,
      cluster: troubled({ ...cluster, ...leadsTo.cluster }),
      restores: troubled(restores),
      backups: troubled(backups),
      database: { ...leadsTo.database, ledger: async () => [] },
    },
    signal: never,
    records: {
      ...records,
      keptBackups: async () => [{ ...manifestOf('backup.dump'), tables: 1, run: 1, environment: 'production' }],
      recordBackup: async () => undefined,
      effectsSince: async () => [],
      planOf: async () => undefined,
      knownReleases: async () => [{ version: 'v1', image: 'api:v1', migrations: [] }],
      schemaChanges: async () => [],
      // What the checks say is not of this test.
      firstResultOf: async () => [],
    },
  })
}

const restoring = (): Run =>
  deploy({
    number: restoreRun,
    kind: 'restore',
    status: 'executing',
    version: 'backup.dump',
    plan: {
      ...restorePlan,
      backup: { ...restorePlan.backup, file: 'backup.dump', run: 1, sha256 },
      database: { live: 'app', restored: 'app_restore_7', kept: 'app_before_7' },
      inPlace: { why: "purser isn't allowed to create databases (CREATEDB)" },
      identities: identitiesOf('api'),
      release: {
        after: 'running',
        running: { version: 'v1', image: 'api:v1', templateHash: deploymentState().templateHash },
      },
      configuration: comparedConfiguration(
        { ...service, ...settings.service },
        { ...production, ...settings.environment },
      ),
    },
  })
const undoing = (): Run => {
  const effects = stores.effects.filter((it) => it.run === restoreRun)
  const undoPlan = planUndo(restoreRun, effects, { strict: false })
  return deploy({ number: rollbackRun, kind: 'rollback', status: 'executing', plan: undoPlan })
}

it.each(['killed', 'failing'] as const)(
  'a restore in place, %s at any call to the outside, ends on the next try, loses nothing, and so does its rollback',
  async (how) => {
    let points = 0
    for (const moment of ['before', 'after'] as const)
      for (let at = 0; ; at += 1) {
        outside.content = ['backup', 'later']
        outside.marks = new Map()
        outside.dumps = new Map([...outside.dumps].slice(0, 1))
        stores = { steps: new Map(), effects: [] }
        let broken = false
        const legs = [
          { phase: prepare, run: restoring, begins: 'backup' },
          { phase: swap, run: restoring, begins: 'backup' },
          { phase: undo, run: undoing, begins: 'backup later' },
        ]
        for (const { phase, run, begins } of legs) {
          const before = outside.content
          const failure: unknown = await phase(contextOf(run(), { how, at, moment, calls: 0 })).then(
            () => undefined,
            (error: unknown) => error,
          )
          if (failure !== undefined) {
            broken = true
            points += 1
            expect(failure).toMatchObject({ message: expect.stringMatching(/died|it failed/) })
            if (how === 'failing') {
              expect(outside).toMatchObject({ replicas: 3, suspended: false })
              // People press Retry: another attempt, whose steps are recorded anew.
              for (const key of stores.steps.keys()) if (key.startsWith(`${run().number} `)) stores.steps.delete(key)
            }
            await phase(contextOf(run()))
          }
          if (phase !== prepare) expect(outside.content.join(' ')).toMatch(new RegExp(`^${begins}( write \\d+)+$`))
          // Whatever stood there, also what was written between two tries, is in a dump.
          if (phase !== prepare)
            expect([...outside.dumps.values()].some(({ content }) => before.every((it) => content.includes(it)))).toBe(
              true,
            )
          expect(outside).toMatchObject({ replicas: 3, suspended: false })
        }
        if (!broken) break
      }
    expect(points).toBeGreaterThan(40)
  },
)
