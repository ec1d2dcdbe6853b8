import { DatabaseError } from '../../adapters/postgres/port.ts'
import { builtIn, builtInMetrics } from '../../config/watch-schema.ts'
import { PurserError } from '../../errors.ts'
import type { MetricSample } from '../../model/run.ts'
import { metricValue } from './baseline.ts'
import type { PhaseContext } from '../phase.ts'
import type { LogWatch } from './log-watch.ts'
import { type Beginning, sources } from './sources.ts'

/** Looks once at everything that is watched and writes it down together. A look that fails leaves a gap. */
export async function sample(
  context: PhaseContext,
  beginning: Beginning,
  logs: LogWatch,
  { at, last }: { readonly at: Date; readonly last: boolean },
): Promise<void> {
  const { service, records, signal } = context
  await logs.write({ last })
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

/** Takes a temporary error for a gap. A query that is wrong is wrong every time, so that error is raised at once. */
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

/** Samples the error lines so far, and those per minute since the sample before, over all pods and for each. */
async function errorSamples({ records }: PhaseContext, at: Date, logs: LogWatch): Promise<readonly MetricSample[]> {
  if (logs.trouble !== undefined) return []
  const pods = await records.watch.logPods()
  const total = pods.reduce((sum, { errors }) => sum + errors, 0)
  const errors = { metric: builtIn.errors, at, value: total }
  const rates = logs.rates(pods, at)
  // Nobody knows when errors came that a restart found: that is a gap, not a rate of zero.
  if (rates === undefined) return [errors]
  const overall = rates.reduce((sum, { perMinute }) => sum + perMinute, 0)
  return [
    errors,
    { metric: builtIn.errorRate, at, value: Math.round(overall * 10) / 10 },
    ...rates.map(({ pod, perMinute }) => ({ metric: `${builtIn.errorRate}/${pod}`, at, value: perMinute })),
  ]
}
