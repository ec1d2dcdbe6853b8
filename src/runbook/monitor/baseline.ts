import { builtIn } from '../../config/watch-schema.ts'
import { PurserError } from '../../errors.ts'
import type { MetricSample } from '../../model/run.ts'
import type { BaselineSample } from '../../model/watch.ts'
import type { PhaseContext } from '../phase.ts'
import { errorLine } from '../log-records/error-records.ts'
import { ErrorCounter } from './error-counter.ts'
import { type Baseline, perMinute, type Rule } from './monitor-rules.ts'
import { undeliveredSince } from './sources.ts'
import { totalOf } from '../verify/query-checks.ts'

/**
 * Samples what is normal before the rollout: each metric once in preflight, and again when the rollout begins. It only
 * looks, and what it cannot see is left out: a deploy does not fail for it.
 */
export async function sampleBaseline(context: PhaseContext): Promise<{ readonly metrics: number }> {
  // A plan made anew after the image was set finds the version running that shall be watched, so it is no baseline.
  if (context.run.hasEffects) return { metrics: 0 }
  const at = new Date()
  const { metrics, minutes } = context.service.monitor
  const asLong = { at: new Date(at.getTime() - minutes * 60_000).toISOString() }
  const values = await Promise.all([
    ...metrics.map(async ({ name, sql }) => ({ name, value: await ifAny(context, () => metricValue(context, sql)) })),
    ifAny(context, () => errorRate(context)).then((value) => ({ name: builtIn.errorRate, value })),
    ifAny(context, () => undeliveredSince(context, asLong)).then((value) => ({ name: builtIn.undelivered, value })),
  ])
  const samples = values.flatMap(({ name, value }) => (value === undefined ? [] : [{ metric: name, at, value }]))
  await context.records.recordSamples(samples, 'before')
  return { metrics: samples.length }
}

async function ifAny(context: PhaseContext, look: () => Promise<number | undefined>): Promise<number | undefined> {
  try {
    return await look()
  } catch (error) {
    context.signal.throwIfAborted()
    // A query may name a table that only the release brings.
    if (error instanceof PurserError) return undefined
    throw error
  }
}

export async function metricValue({ world, service, signal }: PhaseContext, sql: string): Promise<number | undefined> {
  return totalOf(await world.database.query(sql, { timeoutMs: service.verify.timeoutSeconds * 1_000 }, signal))
}

const mostLogLines = 20_000

/**
 * Counts the errors in the logs of the last minutes, per minute, and remembers their kinds as those that were there before.
 */
async function errorRate({ world, service, records, signal }: PhaseContext): Promise<number | undefined> {
  const { windowMinutes } = service.monitor.logs
  const from = new Date(Date.now() - windowMinutes * 60_000)
  const counter = new ErrorCounter(errorLine(service.monitor), [], [])
  const since = from.toISOString()
  const { deployment, container } = service
  const read = { deployment, container, since, mostLines: mostLogLines }
  const { pods, unreadable } = await world.cluster.recentLogs(read, (line) => counter.take(line), signal)
  if (pods.length === 0 || unreadable.length > 0) return undefined
  const { groups } = counter.drain({ all: true, testEvents: await records.testEventsSince(from) })
  await records.watch.addLogsBefore(groups)
  return groups.reduce((sum, { count }) => sum + count, 0) / windowMinutes
}

/**
 * Returns for each rule what was sampled before the rollout: by this run or, failing that, by the newest one before it.
 * Pure.
 */
export function baselineOf(
  rules: readonly Rule[],
  samples: readonly BaselineSample[],
  run: number,
): ReadonlyMap<string, Baseline> {
  return new Map(
    rules.flatMap((rule) => {
      const mine = samples.filter(({ metric }) => metric === rule.name)
      for (const source of new Set(mine.map((one) => one.run))) {
        const value = usual(
          rule,
          mine.filter((one) => one.run === source),
        )
        if (value !== undefined) return [[rule.name, { value, run: source === run ? undefined : source }] as const]
      }
      return []
    }),
  )
}

/** Returns the mean of a value, or the speed of what grows; that takes two samples with a minute between them. */
function usual(rule: Rule, samples: readonly MetricSample[]): number | undefined {
  const [first, last] = [samples[0], samples.at(-1)]
  if (first === undefined || last === undefined) return undefined
  if (rule.compare === 'growth') return perMinute(first, last)
  return samples.reduce((sum, { value }) => sum + value, 0) / samples.length
}
