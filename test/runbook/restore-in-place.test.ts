import { beforeEach, expect, it } from 'vitest'
import type { Change, PhaseContext } from '../../src/runbook/phase.ts'
import { CheckFailed } from '../../src/runbook/errors.ts'
import { prepare, swap } from '../../src/runbook/restore/restore.ts'
import { undo } from '../../src/runbook/rollback/rollback.ts'
import type { World } from '../../src/runbook/world.ts'
import { type Effect, type EffectKind, storedEffect } from '../../src/model/effects/effects.ts'
import type { Json } from '../../src/model/json.ts'
import type { Run } from '../../src/model/run.ts'
import { planUndo } from '../../src/model/undo-plan.ts'

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
let stores: { steps: Map<string, Json>; effects: Effect[] }
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

const cluster = {
  deployment: async () => ({ replicas: outside.replicas, image: 'api:v1', containers: ['api'], paused: false }),
  cronJob: async () => ({ suspended: outside.suspended, active: 0 }),
  suspendCronJob: async (_name: string, suspended: boolean) => void (outside.suspended = suspended),
  scale: async ({ replicas }: { replicas: number }) => {
    outside.replicas = replicas
    if (replicas > 0) outside.content = [...outside.content, `write ${(writes += 1)}`]
  },
  waitForRollout: async () => ({}),
  autoscaler: async () => 'none',
}
const manifestOf = (file: string) => ({
  file,
  sha256,
  tables: [],
  rows: [],
  restoreTest: { outcome: 'skipped', reason: '' },
})
const backups = {
  verify: async (file: string) => manifestOf(file),
  list: async () => [manifestOf('backup.dump')],
  create: async (name: string) => {
    expect(outside.replicas, 'nothing may write while the way back is dumped').toBe(0)
    const { content, marks } = outside
    if (!outside.dumps.has(`${name}.dump`)) outside.dumps.set(`${name}.dump`, { content, marks: new Map(marks) })
    return manifestOf(`${name}.dump`)
  },
}
const restores = {
  whyNotSwap: async () => 'purser may not create databases (CREATEDB)',
  whyNotInPlace: async () => undefined,
  doneInPlace: async (run: number) => outside.marks.get(run),
  inPlace: async ({ run, file, safety }: { run: number; file: string; safety: string }) => {
    if (outside.marks.has(run)) return { milliseconds: 0 }
    expect(outside.replicas).toBe(0)
    expect(outside.dumps.get(safety)?.content, 'the way back holds everything that was there').toEqual(outside.content)
    const dump = outside.dumps.get(file)
    outside.content = dump?.content ?? []
    outside.marks = new Map([...(dump?.marks ?? []), [run, { safety }]])
    return { milliseconds: 1 }
  },
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
  const { effects, steps } = stores
  const step = async <T>(name: string, act: (signal: AbortSignal) => Promise<T>): Promise<T> => {
    const key = `${run.number} ${name}`
    if (steps.has(key)) return steps.get(key) as T
    const result = await act(never)
    steps.set(key, result ?? null)
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
    environment: { namespace: 'production', restore: 'auto' },
    world: { cluster: troubled(cluster), restores: troubled(restores), backups: troubled(backups) } as unknown as World,
    signal: never,
    step,
    change: async (name: string, change: Change<EffectKind>) =>
      step(name, async (signal) => {
        const { kind, target } = change
        const same = (it: Effect): boolean => it.run === run.number && it.kind === kind && it.target === target
        if (!effects.some(same)) {
          const before = await change.before(signal)
          const facts = { run: run.number, phase: 'swap', kind, target, before, after: undefined, at: new Date() }
          effects.push(storedEffect({ ...facts, id: effects.length + 1, status: 'started' }))
        }
        const effect = effects.find(same) as Effect
        const after = await change.act(effect.before, signal)
        effects[effect.id - 1] = storedEffect({ ...(effects[effect.id - 1] as Effect), after, status: 'applied' })
        return after
      }),
    report: async () => undefined,
    tell: async () => undefined,
    records: {
      keptBackups: async () => [{ ...manifestOf('backup.dump'), tables: 1, run: 1, environment: 'production' }],
      recordBackup: async () => undefined,
      effectsOf: async (of: number) => effects.filter((it) => it.run === of),
      undone: async (id: number) => void (effects[id - 1] = { ...(effects[id - 1] as Effect), status: 'undone' }),
      settle: async (effect: Effect, after: unknown) =>
        void (effects[effect.id - 1] = storedEffect({ ...effect, after, status: 'applied' })),
    },
  }
  return context as unknown as PhaseContext
}

const restoring = (): Run =>
  ({
    number: restoreRun,
    environment: 'production',
    version: 'backup.dump',
    plan: {
      kind: 'restore',
      backup: { file: 'backup.dump', run: 1, sha256 },
      database: { live: 'app', restored: 'app_restore_7', kept: 'app_before_7' },
      inPlace: { why: 'purser may not create databases (CREATEDB)' },
    },
  }) as unknown as Run
const undoing = (): Run => {
  const effects = stores.effects.filter((it) => it.run === restoreRun)
  return {
    number: rollbackRun,
    environment: 'production',
    plan: planUndo(restoreRun, effects, { strict: false }),
  } as Run
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
