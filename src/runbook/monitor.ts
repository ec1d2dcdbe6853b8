import { setTimeout as pause } from 'node:timers/promises'
import type { LogLine } from '../adapters/kubernetes/port.ts'
import type { MonitorConfig } from '../config/service-schema.ts'
import { PurserError } from '../errors.ts'
import { confirmPlan } from './confirm-plan.ts'
import { totalOf } from './query-checks.ts'
import type { Phase, PhaseContext } from './context.ts'
import { successCriteria } from './criteria.ts'
import { CheckFailed } from './errors.ts'
import type { Watch } from './monitor-rules.ts'
import { brokenRules } from './monitor-rules.ts'
import { lookAround } from './verify.ts'

interface Beginning {
  readonly [key: string]: string | number
  readonly at: string
  readonly restarts: number
}

/**
 * Chapter 6, Monitor: samples the metrics and follows every pod's log for the configured time, then judges the seven
 * success criteria. Samples and findings are in the truth, so a restart goes on with the same watch.
 */
export const monitor: Phase = async (context) => {
  const { service, run } = context
  await confirmPlan(context)
  const beginning = await context.step('begin the watch', () => begin(context))
  const until = new Date(beginning.at).getTime() + service.monitor.minutes * 60_000

  const watch = await watching(context, beginning, (watched) => sampleUntil(watched, beginning, until))

  await context.report('judging the success criteria')
  const verification = await lookAround(context)
  const criteria = await successCriteria(context, verification, watch)
  const complete = { ...verification, criteria }
  await context.step('tell the criteria', () => context.tell({ kind: 'verification', verification: complete }))
  const missed = criteria.filter((it) => it.verdict === 'fail')
  if (missed.length > 0)
    throw new CheckFailed('criteria_missed', `success criteria not met: ${missed.map((it) => it.title).join('; ')}`, {
      evidence: missed.map((it) => `${it.title}: ${it.value} (expected ${it.threshold})`),
      hint: 'Roll back, or correct the cause and retry the phase.',
    })
  const fileName = `run-${run.number}-${run.version}.md`
  await context.step('send the report', () => context.tell({ kind: 'report', fileName }))
  const met = criteria.filter((it) => it.verdict === 'pass').length
  return {
    line: `${met} of ${criteria.length} success criteria met in ${durationOf(service.monitor.minutes)}`,
    verification: complete,
  }
}

async function begin({ world, service, signal }: PhaseContext): Promise<Beginning> {
  const restarts = await world.cluster.restarts(service.deployment, service.container, signal)
  return { at: new Date().toISOString(), restarts }
}

/** Findings not yet written down; beyond that the logs are held back. */
const MOST_WAITING = 200

/** Follows the logs while `work` runs. Each ends with the other; a finding that cannot be written down ends both. */
async function watching<T>(
  context: PhaseContext,
  beginning: Beginning,
  work: (context: PhaseContext) => Promise<T>,
): Promise<T> {
  const stop = new AbortController()
  const signal = AbortSignal.any([context.signal, stop.signal])
  const patterns = compile(context.service.monitor)
  let writing: Promise<void> = Promise.resolve()
  let waiting = 0
  let lose: (reason: unknown) => void = () => undefined
  const lost = new Promise<never>((_, reject) => (lose = reject))
  const onLine = (line: LogLine) => {
    if (!isError(line.text, patterns)) return undefined
    const finding = { pod: line.pod, stamp: line.timestamp, line: line.text }
    waiting += 1
    writing = writing
      .then(() => context.records.recordLogFinding(finding))
      .catch(lose)
      .finally(() => (waiting -= 1))
    return waiting > MOST_WAITING ? writing : undefined
  }
  const { deployment, container } = context.service
  const following = context.world.cluster.followLogs({ deployment, container, since: beginning.at }, onLine, signal)
  const working = work({ ...context, signal })
  try {
    const done = await Promise.race([working, lost, following.then(() => new Promise<never>(() => undefined))])
    await Promise.race([lost, writing])
    return done
  } finally {
    stop.abort()
    await Promise.allSettled([working, following])
  }
}

async function sampleUntil(context: PhaseContext, beginning: Beginning, until: number): Promise<Watch> {
  const { monitor: config } = context.service
  for (;;) {
    const watch = await sample(context, beginning)
    await refuseBroken(context, beginning, watch)
    const left = until - Date.now()
    if (left <= 0) return watch
    await context.report(progressLine(config, watch, left))
    await pause(Math.min(left, config.everySeconds * 1_000), undefined, { signal: context.signal })
  }
}

/** One look at every metric. A look that fails leaves a gap; the rules judge what is there. */
async function sample(context: PhaseContext, beginning: Beginning): Promise<Watch> {
  const { world, service, records, signal } = context
  const at = new Date()
  await Promise.all(
    service.monitor.metrics.map(async (metric) => {
      const value = await metricValue(context, metric.sql)
      if (value !== undefined) await records.recordSample({ metric: metric.name, at, value })
    }),
  )
  const restarts = await world.cluster.restarts(service.deployment, service.container, signal)
  const since = new Date(beginning.at)
  const findings = await records.logFindings(since)
  return {
    samples: await records.samples(since),
    errorLines: findings.length,
    restarts: Math.max(0, restarts - beginning.restarts),
  }
}

async function metricValue({ world, service, signal }: PhaseContext, sql: string): Promise<number | undefined> {
  try {
    return totalOf(await world.database.query(sql, { timeoutMs: service.verify.timeoutSeconds * 1_000 }, signal))
  } catch (error) {
    signal.throwIfAborted()
    if (error instanceof PurserError && error.transient) return undefined
    throw error
  }
}

async function refuseBroken({ service, records }: PhaseContext, { at }: Beginning, watch: Watch): Promise<void> {
  const broken = brokenRules(service.monitor, watch)
  if (broken.length === 0) return
  const lines = (await records.logFindings(new Date(at))).slice(0, 12).map((it) => `${it.pod}: ${it.line}`)
  throw new CheckFailed('monitor_breach', `while monitoring: ${broken.map((it) => it.text).join('; ')}`, {
    evidence: [...broken.filter((it) => it.rule !== 'logs').map((it) => it.text), ...lines],
    hint: 'Roll back, or look at the first lines above and retry the phase to watch again.',
  })
}

interface Patterns {
  readonly include: readonly RegExp[]
  readonly errors: readonly RegExp[]
}

function compile({ logs }: MonitorConfig): Patterns {
  const compiled = (sources: readonly string[]) => sources.map((source) => new RegExp(source, 'i'))
  return { include: compiled(logs.include), errors: compiled(logs.errors) }
}

function isError(text: string, { include, errors }: Patterns): boolean {
  if (include.length > 0 && !include.some((pattern) => pattern.test(text))) return false
  return errors.some((pattern) => pattern.test(text))
}

function progressLine(config: MonitorConfig, watch: Watch, leftMs: number): string {
  const latest = config.metrics.flatMap((metric) => {
    const last = watch.samples.filter((it) => it.metric === metric.name).at(-1)
    return last === undefined ? [] : [`${metric.title} ${last.value}`]
  })
  return [`${durationOf(leftMs / 60_000)} left`, `${watch.errorLines} error lines`, ...latest].join(' · ')
}

function durationOf(minutes: number): string {
  return minutes >= 1.5 ? `${Math.round(minutes)} min` : `${Math.round(minutes * 60)} s`
}
