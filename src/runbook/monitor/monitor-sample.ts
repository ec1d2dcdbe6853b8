import { DatabaseError } from '../../adapters/postgres/port.ts'
import { builtIn, builtInMetrics } from '../../config/watch-schema.ts'
import { PurserError } from '../../errors.ts'
import type { MetricSample } from '../../model/run.ts'
import { metricValue } from './baseline.ts'
import type { PhaseContext } from '../phase.ts'
import type { LogWatch } from './log-watch.ts'
import { type Beginning, sources } from './sources.ts'

/** One look at everything that is watched, written down together. A look that fails leaves a gap. */
export async function sample(context: PhaseContext, beginning: Beginning, logs: LogWatch): Promise<void> {
  const { service, records, signal } = context
  const at = new Date()
  await logs.write()
  const looks: readonly (readonly [string, () => Promise<number | undefined>])[] = [
    ...service.monitor.metrics.map(({ name, sql }) => [name, () => metricValue(context, sql)] as const),
    ...builtInMetrics.flatMap((name) => {
      const look = sources[name].sample
      return look === undefined ? [] : [[name, () => look(context, beginning)] as const]
    }),
  ]
  const seen = await Promise.all(
    looks.map(async ([metric, look]) => ({ metric, at, value: await orGap(signal, look) })),
  )
  const samples = seen.flatMap(({ metric, value }) => (value === undefined ? [] : [{ metric, at, value }]))
  await records.recordSamples([...samples, ...(await errorSamples(context, at, logs))])
}

/** A temporary error is a gap; a query that is wrong is wrong every time, and is said at once. */
async function orGap(signal: AbortSignal, look: () => Promise<number | undefined>): Promise<number | undefined> {
  try {
    return await look()
  } catch (error) {
    signal.throwIfAborted()
    if (error instanceof PurserError && error.transient) return undefined
    if (error instanceof DatabaseError && error.code === 'statement_timeout') return undefined
    throw error
  }
}

/** Error lines so far, and per minute since the sample before: over all pods and for each. */
async function errorSamples({ records }: PhaseContext, at: Date, logs: LogWatch): Promise<readonly MetricSample[]> {
  if (logs.trouble !== undefined) return []
  const pods = await records.watch.logPods()
  const total = pods.reduce((sum, { errors }) => sum + errors, 0)
  const errors = { metric: builtIn.errors, at, value: total }
  const rates = logs.rates(pods, at)
  // After a restart errors have no time in which they were counted: a gap, not a rate of zero.
  if (rates === undefined) return [errors]
  const overall = rates.reduce((sum, { perMinute }) => sum + perMinute, 0)
  return [
    errors,
    { metric: builtIn.errorRate, at, value: Math.round(overall * 10) / 10 },
    ...rates.map(({ pod, perMinute }) => ({ metric: `${builtIn.errorRate}/${pod}`, at, value: perMinute })),
  ]
}
