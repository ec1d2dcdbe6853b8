import type { Check, Verification } from '../runs/model.ts'
import { check, withinTime, worstOf } from './checks.ts'
import type { Finding } from './checks.ts'
import type { PhaseContext } from './context.ts'
import { planOf } from './context.ts'
import { expectedTables, migrationFiles, pendingMigrations } from './migrations.ts'
import type { Watch } from './monitor-rules.ts'
import { brokenRules } from './monitor-rules.ts'
import { limitsOf } from './query-checks.ts'

/** The runbook's seven Success Criteria. Made of the verification's own checks and of what was watched: nothing is checked twice, or otherwise. */
export async function successCriteria(
  context: PhaseContext,
  seen: Verification,
  watch: Watch,
): Promise<readonly Check[]> {
  const { service } = context
  const named = (...names: readonly string[]) => seen.state.filter((it) => names.includes(it.name))
  const cronJobs = seen.state.filter((it) => it.name.startsWith('cronjob-'))
  return [
    await migrations(context),
    madeOf('deployed', 'Application deployed and healthy', named('rollout', 'health')),
    madeOf('webhook', 'Stripe webhook receiving events', named('endpoint', 'webhook')),
    madeOf('cronjobs', 'CronJobs running on schedule', cronJobs),
    ofWatch('e2e', 'E2E tests passing', 'exit code 0', e2ePassed(context)),
    ofWatch('logs', 'No errors in logs', `≤ ${service.monitor.logs.maxErrors}`, {
      verdict: watch.errorLines <= service.monitor.logs.maxErrors ? 'pass' : 'fail',
      value: `${watch.errorLines} error lines`,
    }),
    ofWatch('metrics', 'Metrics showing normal activity', metricLimits(context), metricsNormal(context, watch)),
  ]
}

/** A criterion is what the checks are that it is made of. */
function madeOf(name: string, title: string, parts: readonly Check[]): Check {
  const value = parts.map((it) => (parts.length === 1 ? it.value : `${it.title}: ${it.value}`)).join('; ')
  return {
    name,
    title,
    verdict: worstOf(parts),
    value: value === '' ? 'none configured' : value,
    threshold: [...new Set(parts.map((it) => it.threshold))].join(', '),
    milliseconds: parts.reduce((most, it) => Math.max(most, it.milliseconds), 0),
  }
}

function ofWatch(name: string, title: string, threshold: string, finding: Finding): Check {
  return { name, title, threshold, ...finding, milliseconds: 0 }
}

function migrations(context: PhaseContext): Promise<Check> {
  const about = { name: 'migrations', title: 'All database migrations applied', threshold: 'none pending' }
  return withinTime(context.service.verify.timeoutSeconds, context.signal, (signal) =>
    check(about, signal, () => migrationsApplied({ ...context, signal })),
  )
}

async function migrationsApplied({ world, service, run, signal }: PhaseContext): Promise<Finding> {
  const files = await migrationFiles(world, service.migrations, planOf(run).commit.sha, signal)
  const pending = pendingMigrations(files, await world.database.ledger(signal), service.migrations)
  const tables = expectedTables(files, service.migrations)
  const missing = await world.database.missingTables(tables, signal)
  const value = `${pending.length} pending, ${tables.length - missing.length} of ${tables.length} tables exist`
  return { verdict: pending.length === 0 && missing.length === 0 ? 'pass' : 'fail', value }
}

function e2ePassed({ run }: PhaseContext): Finding {
  const phase = run.phases.find((it) => it.name === 'e2e')
  const passed = phase?.status === 'succeeded'
  return { verdict: passed ? 'pass' : 'fail', value: phase?.line ?? 'did not run' }
}

function metricsNormal({ service }: PhaseContext, watch: Watch): Finding {
  const broken = brokenRules(service.monitor, watch, { over: true }).filter((it) => it.rule !== 'logs')
  if (broken.length > 0) return { verdict: 'fail', value: broken.map((it) => it.text).join('; ') }
  const last = service.monitor.metrics.map((metric) => {
    const values = watch.samples.filter((sample) => sample.metric === metric.name)
    return `${metric.title} ${values.at(-1)?.value ?? 'no data'}`
  })
  const blind = last.some((it) => it.endsWith('no data'))
  return { verdict: blind ? 'unknown' : 'pass', value: [...last, `${watch.restarts} restarts`].join(', ') }
}

function metricLimits({ service }: PhaseContext): string {
  const limits = service.monitor.metrics
    .filter((metric) => metric.atMost !== undefined || metric.atLeast !== undefined)
    .map((metric) => `${metric.title} ${limitsOf(metric)}`)
  return limits.length === 0 ? 'sampled' : limits.join(', ')
}
