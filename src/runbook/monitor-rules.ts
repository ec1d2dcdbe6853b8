import type { MetricConfig, MonitorConfig } from '../config/service-schema.ts'
import type { MetricSample } from '../runs/model.ts'

/** Everything seen since monitoring began. */
export interface Watch {
  readonly samples: readonly MetricSample[]
  readonly errorLines: number
  /** Container restarts since monitoring began. */
  readonly restarts: number
}

export interface BrokenRule {
  readonly rule: 'logs' | 'restarts' | 'metric'
  readonly text: string
}

/** Pure: which of the configured limits do not hold. What must have grown by the end is only missed when it is `over`. */
export function brokenRules(config: MonitorConfig, watch: Watch, { over } = { over: false }): readonly BrokenRule[] {
  const { maxErrors } = config.logs
  return [
    ...(watch.errorLines > maxErrors
      ? [{ rule: 'logs' as const, text: `${watch.errorLines} error lines in the logs (at most ${maxErrors} allowed)` }]
      : []),
    ...(watch.restarts > config.maxRestarts
      ? [
          {
            rule: 'restarts' as const,
            text: `${watch.restarts} container restarts (at most ${config.maxRestarts} allowed)`,
          },
        ]
      : []),
    ...config.metrics.flatMap((metric) => brokenMetric(metric, watch.samples, over)),
  ]
}

function brokenMetric(metric: MetricConfig, samples: readonly MetricSample[], over: boolean): readonly BrokenRule[] {
  const values = samples.filter((sample) => sample.metric === metric.name).map((sample) => sample.value)
  const [first, last] = [values[0], values.at(-1)]
  if (first === undefined || last === undefined) return []
  const seen = metric.compare === 'growth' ? last - first : last
  const what = metric.compare === 'growth' ? `grew by ${seen}` : `is ${seen}`
  if (metric.atMost !== undefined && seen > metric.atMost)
    return [{ rule: 'metric', text: `${metric.title} ${what} (at most ${metric.atMost} allowed)` }]
  const mayStillCome = metric.compare === 'growth' && !over
  if (metric.atLeast !== undefined && seen < metric.atLeast && !mayStillCome)
    return [{ rule: 'metric', text: `${metric.title} ${what} (at least ${metric.atLeast} expected)` }]
  return []
}
