import type { RefusedRollback } from '../../src/messages/plan/rollback-target.ts'
import { schemaRefusal } from '../../src/model/schema-compatibility.ts'
import type { KeptDatabase } from '../../src/model/backup.ts'
import type { RevisionChoice } from '../../src/model/rollback-target.ts'
import type { Failure, Run, Verification } from '../../src/model/run.ts'
import type { DeployPlan } from '../../src/model/deploy-plan.ts'
import type { UndoPlan } from '../../src/model/undo-plan.ts'
import type { Watched } from '../../src/messages/blocks/charts.ts'
import * as example from './example-runs.ts'

/** States that people meet less often: a watch, other plans, ways back that are closed. */

const { now, minutesAgo, deploy, phase, phasesUpTo, begun, check, look, plan } = example
const number = 51

// ── Watching ──────────────────────────────────────────────────────────────────────────────────────

const beganAt = minutesAgo(10)
const endsAt = new Date(now.getTime() + 20 * 60_000)
const tick = 15_000
const metrics: Watched['metrics'] = [
  ...example.watched.metrics,
  { name: 'log_error_rate', title: 'Errors per minute', unit: 'per minute', compare: 'value' },
  { name: 'restarts', title: 'Restarts', compare: 'value' },
  { name: 'replicas_missing', title: 'Pods not ready', compare: 'value' },
  { name: 'undelivered_events', title: 'Undelivered events', compare: 'value' },
]

/** A look every 15 s; `value` as of a number of ticks since the beginning. */
function seen(from: Date, to: Date, value: (metric: string, ticks: number) => number | undefined): Watched {
  const ticks = Array.from({ length: Math.floor((to.getTime() - from.getTime()) / tick) + 1 }, (_, index) => index)
  return {
    metrics,
    samples: ticks.flatMap((at) =>
      metrics.flatMap(({ name }) => {
        const it = value(name, at)
        return it === undefined ? [] : [{ metric: name, at: new Date(from.getTime() + at * tick), value: it }]
      }),
    ),
  }
}

/** An ordinary day. */
function usual(metric: string, at: number): number {
  switch (metric) {
    case 'webhooks_processed':
      return 8 + Math.round(3 * Math.sin(at / 7)) + (at % 5)
    case 'grace_periods_created':
      return 40 + Math.floor(at / 9)
    case 'audit_entries':
      return 1_200 + Math.floor(at / 4)
    default:
      return 0
  }
}

export const well = seen(beganAt, now, usual)
export const wholeWell = seen(minutesAgo(30), now, usual)
export const growing = seen(beganAt, now, (metric, at) =>
  metric === 'dead_letters' ? Math.max(0, at - 37) * 2 : usual(metric, at),
)
const beforeWorker = minutesAgo(46)
const ofDatabase = new Set(example.watched.metrics.map(({ name }) => name))
/** Nobody watched for a while, and then the database did not answer any more. */
export const withGaps = seen(beforeWorker, minutesAgo(1), (metric, at) => {
  if (at > 6 && at < 17) return undefined
  return ofDatabase.has(metric) && at > 24 ? undefined : usual(metric, at)
})

function watching(line: string, watch: Partial<NonNullable<Run['watch']>> = {}): Run {
  return deploy({
    ...begun,
    status: 'executing',
    phases: phasesUpTo(6, { status: 'running', startedAt: beganAt, line }),
    watch: { attempt: 1, beganAt, endsAt, breach: undefined, decision: undefined, ...watch },
  })
}

export const watched = watching('20 min left · no limit broken')
const breach = {
  at: new Date(now.getTime() - 15_000).toISOString(),
  text: 'Dead letters grew by 6 (at most 0 allowed), 3 samples in a row',
  metrics: ['dead_letters'],
}
const line = '20 min left · Dead letters 6'
export const breached = watching(line, { breach })
export const keptWatching = watching(line, {
  breach,
  decision: { kind: 'keep', by: example.alex, at: now, reason: undefined, undo: undefined },
})
export const breachPost = {
  kind: 'breach',
  text: breach.text,
  evidence: [
    breach.text,
    '6 × valuecanvas-api-7bdb9c5f4d-x2x9k: {"level":"error","msg":"billing webhook moved to the dead letter queue: no such customer"}',
  ],
  onCall: 'S01ONCALL',
  automatic: false,
} as const

const tooLittle =
  'Webhooks processed: 9: only 15 of 121 samples; New grace periods grew by 2: only 15 of 121 samples; ' +
  'Audit log entries grew by 6: only 15 of 121 samples; Dead letters grew by 0: only 15 of 121 samples'
const allowed =
  'Webhooks processed: at least 0.3 × the baseline of run #42, 9.5; Dead letters: at most 0 allowed; Error lines: at most 0 allowed'

export const gapped: Verification = {
  ...example.verification,
  counts: example.verification.counts.map((it) => ({
    ...it,
    verdict: 'unknown',
    value: 'no answer within 10 s',
    milliseconds: 10_002,
  })),
  criteria: example.verification.criteria.map((it) =>
    it.name === 'metrics' ? { ...it, verdict: 'inconclusive', value: tooLittle, threshold: allowed } : it,
  ),
}
export const inconclusive: Failure = {
  code: 'monitor_inconclusive',
  message: 'not enough data to judge: Metrics showing normal activity',
  hint: "Retry the phase to monitor again. Without data this isn't a pass.",
  evidence: [`Metrics showing normal activity: ${tooLittle} (expected ${allowed})`],
}
export const unjudged = deploy({
  ...begun,
  status: 'failed',
  phases: phasesUpTo(6, {
    status: 'failed',
    startedAt: beforeWorker,
    finishedAt: minutesAgo(1),
    failure: inconclusive,
  }),
  watch: {
    attempt: 1,
    beganAt: beforeWorker,
    endsAt: minutesAgo(16),
    breach: undefined,
    decision: undefined,
  },
})

// ── Other plans ───────────────────────────────────────────────────────────────────────────────────

const { digest: _digest, ...image } = plan.image
const buildPlan: DeployPlan = {
  ...plan,
  image: {
    ...image,
    digest: undefined,
    reference: 'valuecanvas/api:v1.2.0',
    platforms: [],
    build: {
      commands: [
        ['docker', 'build', '--tag', 'valuecanvas/api:v1.2.0', '.'],
        ['docker', 'push', 'valuecanvas/api:v1.2.0'],
      ],
      replaces: null,
    },
  },
}
export const withBuild = deploy({ number, plan: buildPlan })

export const withRotation = deploy({
  number,
  rotateSecret: true,
  plan: {
    ...plan,
    migrations: [],
    stripe: {
      action: 'replace',
      endpoint: 'we_1QzTa8LkdIwHu7ix',
      events: plan.stripe.events,
      added: [],
      removed: [],
      secret: 'present',
      why: 'asked',
      apiVersion: { stands: '2026-10-28.endive', wanted: '2026-10-28.endive' },
      takeOver: ['kubectl-create'],
      restarts: ['billing-worker'],
    },
    rollback: [
      'Stripe endpoint: back to we_1QzTa8LkdIwHu7ix',
      'Secret stripe-credentials: restore the previous value',
      'Deployment back to v1.1.0',
      'Deployment billing-worker: restart, so that it reads the Secret again',
    ],
    risks: [
      'kubectl-create has set Secret stripe-credentials/webhook-secret by hand. This deploy overwrites it.',
      "Deployment billing-worker also reads Secret stripe-credentials. Its pods restart after the service's.",
      "StatefulSet billing-export also reads Secret stripe-credentials. Purser isn't allowed to restart it. Restart it after the rollout, kubectl rollout restart statefulset/billing-export -n production",
      'we_1QzTa8LkdIwHu7ix is replaced as asked: new endpoint alongside it, pods accept both secrets during the rollout, then it is disabled.',
    ],
  },
})

export const noRoom = deploy({
  number,
  status: 'failed',
  plan: undefined,
  planHash: undefined,
  finishedAt: now,
  phases: [
    phase('plan', {
      status: 'failed',
      startedAt: minutesAgo(1),
      finishedAt: now,
      failure: {
        code: 'stripe_endpoint_limit',
        message:
          'planning the Stripe endpoint: the account has 16 of 16 webhook endpoints, and this deploy needs one more',
        hint: 'Delete endpoints that nobody uses in the Stripe dashboard (Developers > Webhooks), then plan again.',
        evidence: ['we_1PpOld3LkdIwHu7, disabled: https://old.valuecanvas.com/api/billing/webhooks/stripe'],
      },
    }),
    ...phasesUpTo(0).slice(1),
  ],
})

// ── Looking ───────────────────────────────────────────────────────────────────────────────────────

const yesterday = minutesAgo(24 * 60).toISOString()

export const trends = deploy({
  ...example.verify,
  number,
  verification: {
    at: now.toISOString(),
    criteria: [],
    counts: [
      check('webhook_events', 'Webhook events of the last hour', '212 (processed true), 3 (processed false)', {
        threshold: 'any',
        number: 215,
        former: { verdict: 'pass', value: '198 (processed true)', number: 198, at: yesterday },
      }),
      check('grace_periods', 'Open grace periods', '41', {
        threshold: 'any',
        number: 41,
        former: { verdict: 'pass', value: '44', number: 44, at: yesterday },
      }),
      check('dead', 'Dead letter queue', '0', { threshold: '≤ 0', number: 0 }),
      check('processed_once', 'No event of the last day processed twice', '2: evt_1QzTa8, evt_1QzTb2', {
        verdict: 'fail',
        threshold: 'no rows',
        number: 2,
        former: { verdict: 'pass', value: 'none', number: 0, at: yesterday },
      }),
      check('paid', 'Every paid invoice of the last day in the audit log', 'none', { threshold: 'no rows', number: 0 }),
    ],
    state: [
      check('rollout', 'Deployment', '3 of 3 pods ready', { threshold: 'all pods of valuecanvas-api ready' }),
      check('cronjob-webhook-retry', 'CronJob webhook-retry', 'no answer within 10 s', {
        verdict: 'unknown',
        threshold: 'success within 2 periods',
        milliseconds: 10_004,
      }),
    ],
  },
})

export const healthy = deploy({
  ...example.looked,
  number,
  kind: 'diagnose',
  plan: { kind: 'diagnose', subject: 'grace-period' },
  diagnosis: {
    at: now.toISOString(),
    findings: [
      look('Middleware loaded', '3 of 3 pods logged “PlanEnforcement” since the start'),
      look('Table grace_periods', 'exists'),
      look('Data in it', '48 grace periods: 41 open, 7 ended'),
      look('Row-level security', 'on, 1 policy, owner billing_owner', {
        evidence: ['service_all: ALL for billing_service'],
      }),
      look('Role of the service', 'billing_service, held by 1 policy'),
      look('Migrations', '3 applied, 20260101092000_grace_periods.sql at 2026-01-04 09:12 UTC'),
    ],
    causes: [],
    remedies: [],
  },
  phases: [example.diagnosePhase],
})

// ── Ways back ─────────────────────────────────────────────────────────────────────────────────────

export const unseenUndo: UndoPlan = {
  ...example.undo,
  rollbackTarget: { kind: 'unseen', why: 'no answer within 5 s, or a refusal' },
}

function revision(at: number, version: string, more: Partial<RevisionChoice>): RevisionChoice {
  return {
    revision: String(at),
    replicaSet: { name: `valuecanvas-api-${at}`, uid: `uid-${at}` },
    image: `valuecanvas/api@sha256:${String(at).repeat(64)}`,
    version,
    createdAt: minutesAgo(15 + (8 - at) * 4_000).toISOString(),
    changeCause: `Purser run #${at * 4}: deploy ${version}`,
    health: 'served',
    current: false,
    ...more,
  }
}

export const otherRevision: RefusedRollback = {
  refusal: { reason: 'unproven', revision: 6, health: 'failed' },
  choices: [
    revision(8, 'v1.2.0', { health: 'serves', current: true }),
    revision(7, 'v1.1.0', {}),
    revision(6, 'v1.1.0-rc.2', { health: 'failed' }),
    revision(5, 'v1.0.4', { health: 'unknown', changeCause: null }),
  ],
}

const dropsColumn = '20260101093000_webhook_retry.sql'
const schema = schemaRefusal(
  { version: 'v1.1.0', environment: 'production', except: 'v1.2.0' },
  {
    reasons: [`${dropsColumn} drops column webhook_events.attempts`],
    since: minutesAgo(11).toISOString(),
    unknown: [],
  },
  { applied: [], changes: [] },
  [{ version: 'v1.1.1', migrations: [], image: 'valuecanvas/api:v1.1.1' }],
  example.backups,
)
export const schemaTooNew: RefusedRollback = { refusal: { reason: 'schema_too_new', schema }, choices: [] }

const why = "billing isn't allowed to create databases (CREATEDB)"
export const inPlace = { why, downtimeMs: 21_000 }
export const restoreInPlace: Run = { ...example.restore, plan: { ...example.restorePlan, inPlace } }

export const keptDatabases: readonly KeptDatabase[] = [
  { name: 'valuecanvas_before_47', run: 47, kind: 'before', bytes: 48_200_000 },
  { name: 'valuecanvas_restore_44', run: 44, kind: 'restore', bytes: undefined },
]
