import { z } from 'zod'
import { distinctBy, minutes, pattern, readOnlySql, shortName } from './fields.ts'

const limits = {
  atMost: z.number().exactOptional().describe('More than this is a failure.'),
  atLeast: z.number().exactOptional().describe('Less than this is a failure.'),
}

const metricSchema = z.strictObject({
  name: shortName,
  title: z.string().min(1).describe('Shown on the board and in the chart.'),
  sql: readOnlySql.describe('One SELECT that answers with one number.'),
  unit: z.string().min(1).exactOptional(),
  ...limits,
  compare: z
    .enum(['value', 'growth'])
    .default('value')
    .describe('What the limits are for: the value itself, or its growth since monitoring began.'),
  atMostTimesBaseline: z
    .number()
    .positive()
    .exactOptional()
    .describe('More than so many times what was sampled before the rollout is a breach (growth: by its speed).'),
  atLeastTimesBaseline: z
    .number()
    .positive()
    .exactOptional()
    .describe('Less than so many times what was sampled before the rollout is a breach (growth: by its speed).'),
  noData: z
    .enum(['inconclusive', 'breach', 'ignore'])
    .default('inconclusive')
    .describe('What samples without an answer are: no verdict when there are too many, a breach each, or nothing.'),
  breaches: z.int().min(1).exactOptional().describe('Another number of breaches in a row than for the others.'),
})

/**
 * Metrics that every release has, so their names are taken. `src/runbook/monitor/sources.ts` says where each comes
 * from.
 */
export const builtIn = {
  errors: 'log_errors',
  errorRate: 'log_error_rate',
  restarts: 'restarts',
  notReady: 'replicas_missing',
  undelivered: 'undelivered_events',
} as const
export type BuiltInMetric = (typeof builtIn)[keyof typeof builtIn]
export const builtInMetrics: readonly BuiltInMetric[] = Object.values(builtIn)

export const monitorSchema = z.strictObject({
  minutes: minutes.default(30).describe('How long to monitor. Fractions are allowed.'),
  everySeconds: z.number().positive().default(15).describe('Time between two samples.'),
  breaches: z
    .int()
    .min(1)
    .default(3)
    .describe('So many samples in a row must break a rule before people are asked what to do.'),
  metrics: distinctBy(
    metricSchema.refine(({ name }) => !builtInMetrics.some((taken) => taken === name), {
      path: ['name'],
      message: `must not be one of ${builtInMetrics.join(', ')}: these are watched anyway`,
    }),
    'name',
  ).default([]),
  logs: z
    .strictObject({
      include: z.array(pattern).default([]).describe('Only log lines that match one of these count. None: all lines.'),
      errors: z.array(pattern).default([]).describe('Lines without a level are errors when they match one of these.'),
      levels: z
        .array(z.string().min(1))
        .default(['error', 'fatal', 'critical', 'alert', 'emergency', 'panic'])
        .describe(
          'A structured line (JSON, or level=…) is an error when its level is one of these, whatever its words.',
        ),
      maxErrors: z.int().min(0).default(0).describe('More error lines than this are a breach.'),
      maxErrorsTimesBaseline: z
        .number()
        .positive()
        .exactOptional()
        .describe('More error lines per minute than so many times those before the rollout are a breach.'),
      windowMinutes: minutes
        .default(5)
        .describe('`/billing verify` counts the error lines of the last so many minutes.'),
      maxErrorsPerMinute: z
        .number()
        .min(0)
        .default(0)
        .describe('More error lines per minute, over all pods together, fail the check of `/billing verify`.'),
    })
    .prefault({})
    .describe('Regular expressions, matched without regard to case.'),
  maxRestarts: z.int().min(0).default(0).describe('More container restarts than this are a breach.'),
  maxUndelivered: z
    .int()
    .min(0)
    .default(0)
    .describe(
      'More events that Stripe could not deliver for a minute than this, and than before the rollout, are a breach. People decide: nothing is rolled back for it alone.',
    ),
})

const shownColumns = z
  .array(z.string().min(1))
  .default([])
  .describe(
    'Columns whose values people are shown. Every other column shows only how many different values it has, as it may hold customer data.',
  )

export const verifySchema = z.strictObject({
  queries: distinctBy(
    z.strictObject({
      name: shortName,
      title: z.string().min(1),
      sql: readOnlySql.describe(
        'One SELECT. Its column count is shown, or the number that is all of its answer, and the columns named below.',
      ),
      columns: shownColumns,
      ...limits,
    }),
    'name',
  ).default([]),
  invariants: distinctBy(
    z.strictObject({
      name: shortName,
      title: z.string().min(1).describe('What must hold.'),
      sql: readOnlySql.describe(
        'One SELECT that finds what breaks it. Any row is a failure. Only their number is shown, and of the first few the columns named below.',
      ),
      columns: shownColumns,
    }),
    'name',
  ).default([]),
  timeoutSeconds: z
    .number()
    .positive()
    .default(10)
    .describe('All checks run side by side. Those without an answer by then are cut off and unknown.'),
})

const tableName = z
  .string()
  .regex(/^[A-Za-z_]\w*(\.[A-Za-z_]\w*)?$/, 'must be a table, as in grace_periods or public.grace_periods')

export const diagnoseSchema = z
  .strictObject({
    timeoutSeconds: z.number().positive().default(15).describe('All looks of a diagnosis together take no longer.'),
    lookBackHours: z.int().min(1).max(720).default(24).describe('How far back events are looked at.'),
    webhookLog: pattern.default('webhook').describe('Log lines about webhooks match this.'),
    eventsTable: tableName
      .default('webhook_events')
      .describe('Received events, with the columns event_id, received_at and processed.'),
    deadLetterTable: tableName
      .default('webhook_dead_letter_queue')
      .describe('Events that were given up, with the columns event_id, type, error and failed_at.'),
    middlewareLog: pattern.default('PlanEnforcement').describe('What each pod logs once its middleware is loaded.'),
    gracePeriodTable: tableName.default('grace_periods').describe('Grace periods, with the column expires_at.'),
    serviceRole: z
      .string()
      .regex(/^[A-Za-z_][\w$-]*$/, 'must be the name of a database role')
      .exactOptional()
      .describe('Role with which the service connects. Default: whoever is connected beside Purser.'),
  })
  .prefault({})
  .describe('What `/billing diagnose` looks at.')
