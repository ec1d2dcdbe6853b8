import { builtIn } from '../../config/watch-schema.ts'
import type { Check, Verification } from '../../model/run.ts'
import { check, type CheckResult, withinTime, worstOf } from './checks.ts'
import { type PhaseContext, planOf } from '../phase.ts'
import { expectedTables, migrationFiles, pendingMigrations } from '../migrate/migrations.ts'
import type { Judgement, Watch } from '../monitor/monitor-rules.ts'
import { allowedWords, verdictWords } from '../monitor/monitor-words.ts'

/**
 * Judges the runbook's seven success criteria by the verification's own checks and by what was watched: nothing is
 * checked twice, or otherwise.
 */
export async function successCriteria(
  context: PhaseContext,
  seen: Verification,
  judged: readonly Judgement[],
  watch: Watch,
): Promise<readonly Check[]> {
  const named = (...names: readonly string[]) => seen.state.filter((one) => names.includes(one.name))
  const cronJobs = seen.state.filter((one) => one.name.startsWith('cronjob-'))
  return [
    await migrations(context),
    madeOf('deployed', 'Application deployed and healthy', named('rollout', 'health')),
    madeOf('webhook', 'Stripe webhook receiving events', named('endpoint', 'webhook')),
    // A service without CronJobs has one criterion less: none of them would be "all".
    ...(cronJobs.length === 0 ? [] : [madeOf('cronjobs', 'CronJobs running on schedule', cronJobs)]),
    once('e2e', 'E2E tests passing', 'exit code 0', e2ePassed(context)),
    watched('logs', 'No errors in logs', judged.filter(aboutLogs), watch),
    watched(
      'metrics',
      'Metrics showing normal activity',
      judged.filter((one) => !aboutLogs(one)),
      watch,
    ),
  ]
}

/** Makes a criterion of its checks: it is what the worst of them is. */
function madeOf(name: string, title: string, parts: readonly Check[]): Check {
  const value = parts.map((part) => (parts.length === 1 ? part.value : `${part.title}: ${part.value}`)).join('; ')
  return {
    name,
    title,
    verdict: worstOf(parts),
    value,
    threshold: [...new Set(parts.map((part) => part.threshold))].join(', '),
    milliseconds: parts.reduce((most, part) => Math.max(most, part.milliseconds), 0),
  }
}

function once(name: string, title: string, threshold: string, finding: CheckResult): Check {
  return { name, title, threshold, ...finding, milliseconds: 0 }
}

function migrations(context: PhaseContext): Promise<Check> {
  const about = { name: 'migrations', title: 'All database migrations applied', threshold: 'none pending' }
  return withinTime(context.service.verify.timeoutSeconds, context.signal, (signal) =>
    check(about, signal, () => migrationsApplied({ ...context, signal })),
  )
}

async function migrationsApplied({ world, service, run, signal }: PhaseContext): Promise<CheckResult> {
  const files = await migrationFiles(world, service.migrations, planOf(run).commit.sha, signal)
  const pending = pendingMigrations(files, await world.database.ledger(signal), service.migrations)
  const tables = expectedTables(files, service.migrations)
  const missing = await world.database.missingTables(tables, signal)
  const exist =
    tables.length === 0 ? 'no tables to look for' : `${tables.length - missing.length} of ${tables.length} tables exist`
  const value = `${files.length === 0 ? 'no migrations at this version' : `${pending.length} pending`}, ${exist}`
  if (pending.length > 0 || missing.length > 0) return { verdict: 'fail', value }
  return { verdict: files.length === 0 ? 'warn' : 'pass', value }
}

function e2ePassed({ run }: PhaseContext): CheckResult {
  const phase = run.phases.find((phase) => phase.name === 'e2e')
  const passed = phase?.status === 'succeeded'
  return { verdict: passed ? 'pass' : 'fail', value: phase?.line ?? 'did not run' }
}

function aboutLogs({ rule }: Judgement): boolean {
  return rule.name === builtIn.errors || rule.name === builtIn.errorRate
}

/** Makes a criterion of what was watched, as the rules judge it. */
function watched(name: string, title: string, judged: readonly Judgement[], watch: Watch): Check {
  return once(name, title, allowedWords(judged, watch), { verdict: worstOf(judged), value: verdictWords(judged) })
}
