import { setTimeout as pause } from 'node:timers/promises'
import type { Effect, EffectOf } from '../../model/effects/effects.ts'
import type { ReplicasBefore } from '../../model/effects/replicas.ts'
import type { ScheduleBefore } from '../../model/effects/schedule.ts'
import { Stopped } from '../../model/errors.ts'
import type { PhaseContext } from '../phase.ts'
import { CheckFailed } from '../errors.ts'
import { currentDeployment } from '../plan/plan.ts'
import { runningReplicas, scaleBack } from './replicas.ts'
import { watchRollout } from '../rollout/watch-rollout.ts'
import { timeLimit } from '../../time-limit.ts'

/** What ran before the application was stopped; it is recorded before anything is stopped. */
export interface ServiceSnapshot extends ReplicasBefore {
  readonly schedules: Readonly<Record<string, ScheduleBefore>>
}

const drainLimitMs = 5 * 60_000
const lookMs = 1_000

/**
 * Records what runs as effects, which outlive retries: a second try after a crash does not take the stopped application
 * for how things should be.
 */
export async function rememberService(context: PhaseContext): Promise<ServiceSnapshot> {
  const { world, service } = context
  const before = await context.change('remember the replicas', {
    kind: 'replicas',
    target: service.deployment,
    before: async (signal) => (await runningReplicas(context, signal)).before,
    act: async (snapshot) => snapshot,
  })
  const schedules: Record<string, ScheduleBefore> = {}
  for (const { name } of service.cronJobs)
    schedules[name] = await context.change(`remember CronJob ${name}`, {
      kind: 'schedule',
      target: name,
      before: async (signal) => ({
        suspended: (await world.cluster.cronJob(name, signal))?.suspended ?? null,
      }),
      act: async (before) => before,
    })
  return { ...before, schedules }
}

/**
 * Stops all of the service that writes: new Jobs, running Jobs, pods. It looks each time it is called, as a try before
 * this one may have started the service again.
 */
export async function stopService(
  context: PhaseContext,
  snapshot: ServiceSnapshot,
  signal: AbortSignal,
): Promise<void> {
  const { world, service } = context
  await settleService(context, false)
  const jobs = Object.entries(snapshot.schedules).flatMap(([name, { suspended }]) => (suspended === null ? [] : [name]))
  for (const name of jobs) await world.cluster.suspendCronJob(name, true, signal)
  const deadline = Date.now() + drainLimitMs
  for (const name of jobs) {
    for (;;) {
      // Also those that somebody has started by hand, which its controller does not count.
      const running = (await world.cluster.stillRunning(name, signal)).map((job) => job.name)
      if (running.length === 0) break
      if (Date.now() > deadline)
        throw new CheckFailed('jobs_running', `stopping CronJob ${name}: ${running.join(', ')} still run`, {
          hint: 'Wait until they end, or end them. Then retry the phase.',
        })
      await context.report(`waiting for ${running.join(', ')} of ${name}`)
      await pause(lookMs, undefined, { signal }).catch(() => signal.throwIfAborted())
    }
  }
  await context.report(`stopping ${service.deployment}`)
  const onProgress = (line: string): void => void context.report(line).catch(() => undefined)
  await world.cluster.scale({ deployment: service.deployment, replicas: 0, onProgress }, signal)
}

/** Starts again what ran before, the application first, as its Jobs may need it. Safe to repeat. */
export async function startService(
  context: PhaseContext,
  snapshot: ServiceSnapshot,
  signal: AbortSignal,
): Promise<void> {
  const { world } = context
  await noteStart(context)
  const onProgress = (line: string): void => void context.report(line).catch(() => undefined)
  await scaleBack(context, snapshot, onProgress, signal)
  if (snapshot.replicas > 0) {
    const { image } = await currentDeployment(context, { mayBePaused: true })
    await watchRollout(context, image, signal)
  }
  for (const [name, { suspended }] of Object.entries(snapshot.schedules))
    if (suspended === false && (await world.cluster.cronJob(name, signal)) !== undefined)
      await world.cluster.suspendCronJob(name, false, signal)
  await settleService(context, true)
}

/** Says in the records whether what was stopped runs again: only what does not is left for a rollback. */
async function settleService({ records, run }: PhaseContext, back: boolean): Promise<void> {
  for (const effect of await records.effectsOf(run.number))
    if (effect.kind === 'replicas' || effect.kind === 'schedule')
      await records.settle(effect, { back, starts: startsIn(effect) })
}

/** Notes, before anything is started, that from now on the service may write, whatever becomes of this worker. */
async function noteStart({ records, run }: PhaseContext): Promise<void> {
  for (const effect of await records.effectsOf(run.number))
    if (effect.kind === 'replicas') await records.settle(effect, { back: false, starts: startsIn(effect) + 1 })
}

/** Counts how often the service was started again in this run. */
export function startsOf(effects: readonly Effect[]): number {
  return Math.max(0, ...effects.filter((effect) => effect.kind === 'replicas').map(startsIn))
}

function startsIn({ after }: EffectOf<'replicas' | 'schedule'>): number {
  return after?.starts ?? 0
}

const putBackLimitMs = 3 * 60_000

/**
 * Returns the signal under which a failed restore starts the service again. Undefined when another worker goes on with
 * this very work (shutdown, lost contact to the state database) and everything is left to it.
 */
export function signalToPutBack(signal: AbortSignal): AbortSignal | undefined {
  if (!signal.aborted) return AbortSignal.any([signal, timeLimit(putBackLimitMs)])
  const why = signal.reason instanceof Stopped ? signal.reason.code : undefined
  return why === 'cancelled' || why === 'time_limit' ? timeLimit(putBackLimitMs) : undefined
}
