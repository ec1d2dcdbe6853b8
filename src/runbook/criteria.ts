import type { Check } from '../runs/model.ts'
import { check, healthState, limitsOf, rolloutState, state, webhookState } from './checks.ts'
import type { Finding } from './checks.ts'
import type { PhaseContext } from './context.ts'
import { planOf } from './context.ts'
import { expectedTables, migrationFiles, pendingMigrations } from './migrations.ts'
import type { Watch } from './monitor-rules.ts'
import { brokenRules } from './monitor-rules.ts'

/** The runbook's seven Success Criteria, each with what was seen. */
export async function successCriteria(context: PhaseContext, watch: Watch): Promise<readonly Check[]> {
  const { signal, run, service } = context
  const criterion = (name: string, title: string, threshold: string, look: () => Promise<Finding>) =>
    check({ name, title, threshold }, signal, look)
  return Promise.all([
    criterion('migrations', 'All database migrations applied', 'none pending', () => migrationsApplied(context)),
    criterion('deployed', 'Application deployed and healthy', 'all pods ready, health 200', () => deployed(context)),
    criterion('webhook', 'Stripe webhook receiving events', 'enabled, none undelivered', () =>
      webhookState(context, run.startedAt ?? run.createdAt),
    ),
    criterion('cronjobs', 'CronJobs running on schedule', 'scheduled', () => cronJobsScheduled(context)),
    criterion('e2e', 'E2E tests passing', 'exit code 0', async () => e2ePassed(context)),
    criterion('logs', 'No errors in logs', `≤ ${service.monitor.logs.maxErrors}`, async () => ({
      verdict: watch.errorLines <= service.monitor.logs.maxErrors ? 'pass' : 'fail',
      value: `${watch.errorLines} error lines`,
    })),
    criterion('metrics', 'Metrics showing normal activity', metricLimits(context), async () =>
      metricsNormal(context, watch),
    ),
  ])
}

async function migrationsApplied({ world, service, run, signal }: PhaseContext): Promise<Finding> {
  const files = await migrationFiles(world, service.migrations, planOf(run).commit.sha, signal)
  const pending = pendingMigrations(files, await world.database.ledger(signal), service.migrations)
  const tables = expectedTables(files, service.migrations)
  const missing = await world.database.missingTables(tables, signal)
  const value = `${pending.length} pending, ${tables.length - missing.length} of ${tables.length} tables exist`
  return { verdict: pending.length === 0 && missing.length === 0 ? 'pass' : 'fail', value }
}

async function deployed(context: PhaseContext): Promise<Finding> {
  const [pods, health] = await Promise.all([
    rolloutState(context, planOf(context.run).image.reference),
    healthState(context),
  ])
  const verdict = pods.verdict === 'pass' ? health.verdict : pods.verdict
  return { verdict, value: `${pods.value}; health ${health.value}` }
}

async function cronJobsScheduled(context: PhaseContext): Promise<Finding> {
  const jobs = (await state(context)).filter((it) => it.name.startsWith('cronjob-'))
  const bad = jobs.find((it) => it.verdict !== 'pass')
  const value = jobs.map((it) => `${it.title.replace('CronJob ', '')}: ${it.value}`).join('; ')
  return { verdict: bad?.verdict ?? 'pass', value: value === '' ? 'none configured' : value }
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
