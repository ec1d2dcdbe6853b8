import type { Check, PhaseState, Run, Verification } from '../../src/model/run.ts'
import { deployPhases } from '../../src/model/phases.ts'
import type { Diagnosis, Finding } from '../../src/model/diagnosis.ts'
import type { KeptBackup } from '../../src/model/backup.ts'
import type { Lock } from '../../src/model/lock.ts'
import { type Effect, storedEffect } from '../../src/model/effects/effects.ts'
import type { RestorePlan } from '../../src/model/restore-plan.ts'
import { releasedIn } from '../../src/model/current-release.ts'
import type { DeployPlan } from '../../src/model/deploy-plan.ts'
import type { HomeEnvironment, HomeFacts, LinkedRun } from '../../src/messages/home/home.ts'
import type { Watched } from '../../src/messages/blocks/charts.ts'
import type { Identities } from '../../src/model/identities.ts'
import type { UndoPlan } from '../../src/model/undo-plan.ts'

/** Runs in their typical states, as people meet them. */

export const now = new Date('2026-01-05T14:20:00Z')
export const dana = 'U01DANA00'
export const alex = 'U02ALEX00'

const digest = `sha256:${'4f'.repeat(32)}`

/** What Purser's environment led to. */
const identities: Identities = {
  database: {
    id: 'system identifier 7451234567890123456, database valuecanvas with oid 16403',
    address: 'db.internal:5432/valuecanvas',
  },
  cluster: { id: 'uid 3f0e9c1a-6d0b-4a59-9d0e-2b8f5f1d7c11 of kube-system', address: 'https://10.96.0.1' },
  deployment: { id: 'uid 8d5f1c60-0c0e-4a86-8f6a-55a1c1b1b2a7', address: 'production/valuecanvas-api' },
  stripe: { id: 'acct_1PurserExample00 in live mode', address: 'live mode' },
}

export const plan: DeployPlan = {
  kind: 'deploy',
  version: 'v1.2.0',
  environment: 'production',
  commit: { sha: 'd4e5f6a7b8c9d0e1f2a3b4c5d6e7f8a9b0c1d2e3', subject: 'Retry webhooks & keep grace periods' },
  changes: {
    known: true,
    from: 'a1b2c3d4e5f60718293a4b5c6d7e8f9001122334',
    readFrom: 'image',
    ahead: 14,
    behind: 0,
    commits: [
      {
        sha: 'd4e5f6a7b8c9d0e1f2a3b4c5d6e7f8a9b0c1d2e3',
        subject: 'Retry webhooks & keep grace periods',
        author: 'Dana',
      },
      {
        sha: 'c3d4e5f6a7b8c9d0e1f2a3b4c5d6e7f8a9b0c1d2',
        subject: 'Keep what Stripe sent in webhook_events',
        author: 'Alex',
      },
      { sha: 'b2c3d4e5f6a7b8c9d0e1f2a3b4c5d6e7f8a9b0c1', subject: 'Count dead letters', author: 'Dana' },
      { sha: 'a2c3d4e5f6a7b8c9d0e1f2a3b4c5d6e7f8a9b0c1', subject: 'Bump dependencies', author: 'renovate[bot]' },
      {
        sha: '92c3d4e5f6a7b8c9d0e1f2a3b4c5d6e7f8a9b0c1',
        subject: 'Write the audit log in one transaction',
        author: 'Sam',
      },
      { sha: '82c3d4e5f6a7b8c9d0e1f2a3b4c5d6e7f8a9b0c1', subject: 'Grace periods end at midnight UTC', author: 'Alex' },
    ],
    files: 41,
    paths: {
      matching: 3,
      matched: ['k8s/cronjobs/webhook-retry.yaml', 'src/services/billing/grace.ts', 'src/services/billing/webhooks.ts'],
    },
    compareUrl:
      'https://github.com/valuecanvas/valuecanvas/compare/a1b2c3d4e5f60718293a4b5c6d7e8f9001122334...d4e5f6a7b8c9d0e1f2a3b4c5d6e7f8a9b0c1d2e3',
  },
  identities,
  image: {
    reference: `valuecanvas/api@${digest}`,
    digest,
    platforms: ['linux/amd64', 'linux/arm64'],
    revision: 'd4e5f6a7b8c9d0e1f2a3b4c5d6e7f8a9b0c1d2e3',
  },
  current: {
    image: `valuecanvas/api@sha256:${'ab'.repeat(32)}`,
    version: 'v1.1.0',
    revision: '7',
    replicas: 3,
    templateHash: '6d9f',
  },
  migrations: [
    {
      file: '20260101091000_billing_audit_log.sql',
      version: '20260101091000',
      sha256: 'a'.repeat(64),
      findings: [{ rule: 'access-exclusive', message: 'takes an ACCESS EXCLUSIVE lock', line: 12, severity: 'block' }],
    },
    { file: '20260101092000_grace_periods.sql', version: '20260101092000', sha256: 'b'.repeat(64), findings: [] },
    { file: '20260101093000_webhook_retry.sql', version: '20260101093000', sha256: 'c'.repeat(64), findings: [] },
  ],
  cluster: [
    '~ spec.template.spec.containers[0].image',
    '-   valuecanvas/api@sha256:abab',
    '+   valuecanvas/api@sha256:4f4f',
  ],
  stripe: {
    action: 'create',
    endpoint: undefined,
    events: Array.from({ length: 38 }, (_, index) => `invoice.event_${index}`),
    added: [],
    removed: [],
    secret: 'missing',
  },
  cronJobs: [
    {
      name: 'webhook-retry',
      manifest: 'k8s/cronjobs/webhook-retry.yaml',
      schedule: '*/5 * * * *',
      outcome: 'created',
      differences: [],
    },
  ],
  rollback: ['Delete CronJob webhook-retry', 'Disable the Stripe endpoint', 'Deployment back to v1.1.0'],
  risks: ['20260101091000_billing_audit_log.sql takes an ACCESS EXCLUSIVE lock: writers wait while it runs'],
  estimateMinutes: 35,
  monitorMinutes: 30,
}

export const undo: UndoPlan = {
  kind: 'undo',
  run: 42,
  steps: [
    { effect: 9, covers: [9], kind: 'cronjob', target: 'webhook-retry', line: 'CronJob webhook-retry: delete' },
    { effect: 8, covers: [8], kind: 'stripe-endpoint', target: 'we_1', line: 'Stripe endpoint we_1: disable' },
    {
      effect: 7,
      covers: [7],
      kind: 'image',
      target: 'valuecanvas-api',
      line: 'Deployment valuecanvas-api: back to v1.1.0',
    },
  ],
  stays: ['The schema is not rolled back: 20260101091000_billing_audit_log.sql stays applied.'],
  rollbackTarget: {
    kind: 'seen',
    from: {
      image: `valuecanvas/api@sha256:${'ab'.repeat(32)}`,
      version: 'v1.2.0',
      templateHash: 'f'.repeat(64),
    },
    to: {
      revision: '7',
      replicaSet: { name: 'valuecanvas-api-5d4f7c9b8', uid: '9f0c6b1e-7a52-4f0e-9d27-3a1f5f1f2b11' },
      image: `valuecanvas/api@sha256:${'cd'.repeat(32)}`,
      version: 'v1.1.0',
      createdAt: '2026-01-02T09:12:00Z',
      changeCause: 'Purser run #31: deploy v1.1.0',
      health: 'served',
      current: false,
    },
    image: `valuecanvas/api@sha256:${'cd'.repeat(32)}`,
    differences: [
      `spec.containers[api].image: valuecanvas/api@sha256:${'ab'.repeat(32)} → valuecanvas/api@sha256:${'cd'.repeat(32)}`,
      'spec.containers[api].env[WEBHOOK_RETRIES].value: 5 → 3',
    ],
    more: 0,
    kept: 10,
  },
}

export function check(name: string, title: string, value: string, more: Partial<Check> = {}): Check {
  return { name, title, verdict: 'pass', value, threshold: '', milliseconds: 12, ...more }
}

export const verification: Verification = {
  at: '2026-01-05T14:19:00Z',
  counts: [
    check('webhook_events', 'Webhook events of the last hour', '212 processed, 3 not', { threshold: '≥ 1' }),
    check('dead_letters', 'Dead letter queue', '4', { verdict: 'fail', threshold: '0', milliseconds: 1234 }),
  ],
  state: [check('pods', 'Pods', '3 of 3 ready')],
  criteria: [
    check('migrations', 'All database migrations applied', '3 of 3'),
    check('application', 'Application deployed and healthy', '3 of 3 pods ready'),
    check('stripe', 'Stripe webhook receiving events', '212 in the last hour'),
    check('cronjobs', 'CronJobs running on schedule', '1 of 1'),
    check('e2e', 'E2E tests passing', '14 of 14'),
    check('logs', 'No errors in logs', '0 errors'),
    check('metrics', 'Metrics showing normal activity', '4 of 4 within their limits'),
  ],
}

export function phase(name: PhaseState['name'], more: Partial<PhaseState> = {}): PhaseState {
  return {
    name,
    status: 'pending',
    attempt: 1,
    epoch: 0,
    transientFailures: 0,
    budgetMinutes: 10,
    line: '',
    failure: undefined,
    startedAt: undefined,
    finishedAt: undefined,
    ...more,
  }
}

/** Phases before `at` have succeeded, the one at it is as given, the rest waits. */
export function phasesUpTo(at: number, current: Partial<PhaseState> = {}): readonly PhaseState[] {
  const done = {
    status: 'succeeded',
    startedAt: minutesAgo(12),
    finishedAt: minutesAgo(11),
    line: 'as planned',
  } as const
  return [
    phase('plan', { ...done, budgetMinutes: 2 }),
    ...deployPhases.map(({ name }, index) => phase(name, index < at ? done : index === at ? current : {})),
  ]
}

export function minutesAgo(minutes: number): Date {
  return new Date(now.getTime() - minutes * 60_000)
}

export function deploy(more: Partial<Run> = {}): Run {
  return {
    number: 42,
    kind: 'deploy',
    service: 'valuecanvas-api',
    environment: 'production',
    status: 'awaiting_approval',
    version: 'v1.2.0',
    dryRun: false,
    parent: undefined,
    requestedBy: dana,
    channel: 'C01BILLING',
    reason: undefined,
    plan,
    planHash: 'e'.repeat(64),
    approvalsNeeded: 1,
    approvals: [],
    phases: phasesUpTo(0),
    failure: undefined,
    verification: undefined,
    rolledBackBy: undefined,
    hasEffects: false,
    rev: 3,
    createdAt: minutesAgo(15),
    expiresAt: new Date('2026-01-05T15:20:00Z'),
    startedAt: undefined,
    finishedAt: undefined,
    ...more,
  }
}

const approvals = [
  { user: alex, decision: 'approved', planHash: 'e'.repeat(64), at: minutesAgo(13), reason: undefined },
] as const

export const begun = { approvals, startedAt: minutesAgo(12), hasEffects: true } as const
const ended = { ...begun, finishedAt: minutesAgo(1) } as const

export const planning = deploy({
  status: 'planning',
  plan: undefined,
  planHash: undefined,
  phases: [
    phase('plan', { status: 'running', line: 'comparing migrations' }),
    ...deployPhases.map(({ name }) => phase(name)),
  ],
})
export const waiting = deploy()
export const executing = deploy({
  ...begun,
  status: 'executing',
  phases: phasesUpTo(2, {
    status: 'running',
    startedAt: new Date(now.getTime() - 72_000),
    line: '2 of 3 pods updated',
  }),
})
export const failed = deploy({
  ...begun,
  status: 'failed',
  phases: phasesUpTo(2, {
    status: 'failed',
    startedAt: minutesAgo(4),
    finishedAt: minutesAgo(1),
    failure: {
      code: 'rollout_stuck',
      message: 'rolling out valuecanvas-api: 0 of 3 pods became ready',
      hint: 'Add the module to the image, then deploy again.',
      evidence: ['Error: Cannot find module <./billing>', 'exit code 1'],
      serving: { version: 'v1.1.0', ready: 3, of: 3, health: 200 },
    },
  }),
})
export const succeeded = deploy({ ...ended, status: 'succeeded', phases: phasesUpTo(7), verification })
export const rollback = deploy({
  number: 43,
  kind: 'rollback',
  status: 'executing',
  parent: 42,
  plan: undo,
  startedAt: minutesAgo(1),
  approvalsNeeded: 0,
  reason: 'webhooks fail',
  phases: [
    phase('undo', { status: 'running', startedAt: minutesAgo(1), line: 'disabling the endpoint' }),
    phase('check'),
  ],
})
export const verify = deploy({
  number: 44,
  kind: 'verify',
  status: 'succeeded',
  version: '',
  plan: undefined,
  planHash: undefined,
  approvalsNeeded: 0,
  startedAt: minutesAgo(1),
  finishedAt: now,
  verification: { ...verification, criteria: [] },
  phases: [phase('verify', { status: 'succeeded', startedAt: minutesAgo(1), finishedAt: now })],
})

export const restorePlan: RestorePlan = {
  kind: 'restore',
  environment: 'production',
  identities,
  backup: {
    file: 'valuecanvas-run-42.dump',
    run: 42,
    sha256: 'f'.repeat(64),
    bytes: 1_522_000,
    finishedAt: '2026-01-05T14:08:00Z',
    restoreMs: 8_200,
  },
  database: { live: 'valuecanvas', restored: 'valuecanvas_restore_47', kept: 'valuecanvas_before_47' },
  tables: [
    { table: 'public.webhook_events', inBackup: 18_402, now: 18_614 },
    { table: 'public.billing_audit_log', inBackup: 9_120, now: 9_298 },
    { table: 'public.customers', inBackup: 1_204, now: 1_204 },
  ],
  deployment: { name: 'valuecanvas-api', replicas: 3 },
  cronJobs: ['webhook-retry'],
  migrationsLost: [],
  release: {
    after: 'former',
    running: { version: 'v1.3.0', image: 'valuecanvas/api:v1.3.0', templateHash: 't' },
    earlier: { version: 'v1.2.0', image: 'valuecanvas/api:v1.2.0' },
    because: ['v1.3.0 needs 20260201090000, which the backup does not have'],
    undo: {
      kind: 'undo',
      run: 47,
      steps: [
        {
          effect: 8,
          covers: [8],
          kind: 'cronjob',
          target: 'webhook-retry',
          line: 'CronJob webhook-retry: restore the previous manifest',
        },
        {
          effect: 7,
          covers: [7],
          kind: 'image',
          target: 'valuecanvas-api',
          line: 'Deployment valuecanvas-api: back to v1.2.0 (revision 4)',
        },
      ],
      stays: [],
    },
  },
  events: '212 events since 2026-01-05 14:07 UTC',
  risks: [
    'v1.2.0 runs afterwards: v1.3.0 needs 20260201090000, which the backup does not have.',
    'public.webhook_events: 212 rows written since the backup are lost (18614 now, 18402 in the backup).',
    'public.billing_audit_log: 178 rows written since the backup are lost (9298 now, 9120 in the backup).',
    "Edited rows go back too. They can't be counted.",
  ],
}

export const restore = deploy({
  number: 47,
  kind: 'restore',
  version: '',
  plan: restorePlan,
  reason: 'invoices were written twice',
  phases: [
    phase('plan', { status: 'succeeded' }),
    phase('prepare'),
    phase('swap', { budgetMinutes: 2 }),
    phase('check', { budgetMinutes: 5 }),
  ],
})

/** Half an hour of monitoring, a look every 15 s. */
export const watched: Watched = {
  metrics: [
    { name: 'webhooks_processed', title: 'Webhooks processed', unit: 'per minute', compare: 'value' },
    { name: 'grace_periods_created', title: 'New grace periods', compare: 'growth' },
    { name: 'audit_entries', title: 'Audit log entries', compare: 'growth' },
    { name: 'dead_letters', title: 'Dead letters', compare: 'growth' },
  ],
  samples: Array.from({ length: 121 }, (_, index) => [
    { metric: 'webhooks_processed', value: 8 + Math.round(3 * Math.sin(index / 7)) + (index % 5) },
    { metric: 'grace_periods_created', value: 40 + Math.floor(index / 9) },
    { metric: 'audit_entries', value: 1_200 + Math.floor(index / 4) },
    { metric: 'dead_letters', value: 0 },
  ]).flatMap((findings, index) =>
    findings.map((look) => ({ ...look, at: new Date(now.getTime() - 1_800_000 + index * 15_000) })),
  ),
}

export const look = (title: string, seen: string, more: Partial<Finding> = {}): Finding => ({
  name: title,
  title,
  verdict: 'pass',
  seen,
  evidence: [],
  milliseconds: 40,
  ...more,
})

export const looked: Partial<Run> = {
  version: '',
  planHash: undefined,
  approvalsNeeded: 0,
  status: 'succeeded',
  startedAt: minutesAgo(1),
  finishedAt: now,
}
export const diagnosePhase = phase('diagnose', { status: 'succeeded', startedAt: minutesAgo(1), finishedAt: now })

export const diagnosis: Diagnosis = {
  at: now.toISOString(),
  findings: [
    look(
      'CronJob',
      'suspended, last scheduled start 2026-01-05 13:05 UTC, last success 2026-01-05 13:05 UTC, concurrency Forbid',
      {
        verdict: 'fail',
      },
    ),
    look('Schedule', '*/5 * * * * (UTC), next at 2026-01-05 14:25 UTC'),
    look('Jobs', '3 Jobs kept, 0 failed. Latest, webhook-retry-29457785: complete'),
    look('Image', "valuecanvas/api@sha256:4f4f4f4f4f4f…, as the deployment's"),
    look('Warnings of the cluster', 'TooManyMissedTimes: too many missed start times', {
      verdict: 'warn',
      evidence: ['TooManyMissedTimes: too many missed start times'],
    }),
  ],
  causes: [
    {
      code: 'cronjob_suspended',
      sentence: 'CronJob webhook-retry is suspended, so it starts nothing.',
      next: 'Find out who suspended it and why, then resume it.',
      remedies: [
        { kind: 'resume_cronjob', target: 'webhook-retry' },
        { kind: 'run_cronjob', target: 'webhook-retry' },
      ],
    },
  ],
  remedies: [],
}

export const diagnose = deploy({
  ...looked,
  number: 48,
  kind: 'diagnose',
  plan: { kind: 'diagnose', subject: 'cronjob', cronJob: 'webhook-retry' },
  diagnosis,
  phases: [diagnosePhase],
})

export const diagnoseWebhook = deploy({
  ...looked,
  number: 50,
  kind: 'diagnose',
  plan: { kind: 'diagnose', subject: 'webhook' },
  diagnosis: {
    at: now.toISOString(),
    findings: [
      look('Stripe endpoint', 'we_1QzT enabled, 38 event types, API version 2026-10-28.endive'),
      look('Undelivered at Stripe', '14 events, the oldest for 12 min', { verdict: 'fail' }),
      look('Signing secret in the cluster', "fingerprint 0b5d1c9e77aa, but the endpoint's secret has f900e155dda2", {
        verdict: 'fail',
      }),
      look('Signed test event', 'HTTP 200 in 41 ms'),
      look('Unsigned test event', 'HTTP 400 in 12 ms'),
      look('Clocks against ours', 'service agrees, Stripe agrees, cluster agrees'),
      look('Log lines about webhooks', '40 lines, 28 of a refusal or a failure', {
        evidence: ['valuecanvas-api-7bdb: billing webhook refused: no signature matches the payload'],
      }),
      look('Dead letters', 'none'),
    ],
    causes: [
      {
        code: 'secret_mismatch',
        sentence:
          "The Secret doesn't hold the secret with which the endpoint was made, so the service refuses Stripe's events.",
        next: "Redeploy the current version: it issues a new secret. The old one can't be recovered from Stripe.",
        remedies: [{ kind: 'deploy', target: '' }],
      },
    ],
    remedies: [],
  },
  phases: [diagnosePhase],
})

export const fixed = deploy({
  ...looked,
  number: 49,
  kind: 'fix',
  parent: 48,
  requestedBy: alex,
  hasEffects: true,
  plan: {
    kind: 'fix',
    remedy: { kind: 'resume_cronjob', target: 'webhook-retry' },
    diagnose: { kind: 'diagnose', subject: 'cronjob', cronJob: 'webhook-retry' },
  },
  diagnosis: {
    ...diagnosis,
    findings: [look('CronJob', 'active, last scheduled start 2026-01-05 13:05 UTC'), ...diagnosis.findings.slice(1, 4)],
    causes: [],
    remedies: [{ kind: 'run_cronjob', target: 'webhook-retry' }],
  },
  phases: [
    phase('fix', {
      status: 'succeeded',
      startedAt: minutesAgo(1),
      finishedAt: now,
      line: 'CronJob webhook-retry resumed',
    }),
    diagnosePhase,
  ],
})

/** What the failed deploy has changed. */
export const effects: readonly Effect[] = [
  ...plan.migrations.map(({ file }) => ({ kind: 'migration', target: file, before: { applied: false }, after: null })),
  {
    kind: 'image',
    target: 'valuecanvas-api',
    before: { image: 'x', replicaSet: null, templateHash: 'x', version: null },
    after: null,
  },
].map((row, id) => storedEffect({ id, run: 42, phase: 'migrate', status: 'applied', at: minutesAgo(4), ...row }))

/** By name, for tables of tests and for the gallery. */
export const examples: Readonly<Record<string, Run>> = {
  planning,
  waiting,
  executing,
  cancelling: { ...executing, status: 'cancelling' },
  failed,
  left: { ...failed, status: 'left' },
  planned: deploy({ status: 'planned', dryRun: true }),
  succeeded,
  rejected: deploy({
    status: 'rejected',
    approvals: [{ ...approvals[0], decision: 'rejected', reason: 'not on a Friday' }],
  }),
  expired: deploy({ status: 'expired' }),
  cancelled: { ...executing, status: 'cancelled' },
  'rolled back': { ...failed, status: 'left', rolledBackBy: 43, hasEffects: false },
  rollback,
  verify,
  restore,
  diagnose,
  'diagnose webhook': diagnoseWebhook,
  'acted on': { ...diagnose, fixedBy: 49 },
  fixed,
}

export const lock: Lock = {
  environment: 'production',
  reason: 'month-end closing until Friday noon',
  lockedBy: alex,
  at: minutesAgo(40),
  until: undefined,
}

const backup = (run: number, minutes: number): KeptBackup => ({
  run,
  environment: 'production',
  file: `valuecanvas-run-${run}.dump`,
  database: 'valuecanvas',
  bytes: 1_480_000 + run * 1_000,
  sha256: 'f'.repeat(64),
  tables: 14,
  finishedAt: minutesAgo(minutes).toISOString(),
  restoreMs: 8_200,
})

const linked = (run: Run): LinkedRun => ({ run, link: `https://acme.slack.com/archives/C01BILLING/p${run.number}` })

export const backups = [backup(42, 12), backup(39, 6 * 24 * 60)] as const

export const production: HomeEnvironment = {
  name: 'production',
  channel: 'C01BILLING',
  channels: ['C01BILLING'],
  mayDeploy: true,
  waitsForYou: [],
  lock: undefined,
  release: releasedIn([succeeded]),
  backups: { newest: backups[0], count: backups.length },
  open: [linked({ ...executing, number: 45, version: 'v1.2.1' })],
  finished: [
    linked(verify),
    linked({ ...rollback, status: 'succeeded', finishedAt: minutesAgo(30), startedAt: minutesAgo(33), phases: [] }),
    linked(succeeded),
    linked(deploy({ number: 41, status: 'rejected', version: 'v1.2.0', finishedAt: minutesAgo(90) })),
    linked(deploy({ number: 40, status: 'planned', dryRun: true, version: 'v1.2.0', finishedAt: minutesAgo(95) })),
  ],
}

/** App Home on an ordinary day. */
export const home: HomeFacts = {
  service: 'valuecanvas-api',
  environments: [
    production,
    {
      ...production,
      name: 'staging',
      release: releasedIn([]),
      backups: { newest: undefined, count: 0 },
      open: [linked({ ...waiting, number: 46, environment: 'staging' })],
      waitsForYou: [46],
      finished: [],
    },
  ],
  notes: [],
}

const long = '&'.repeat(5000)
const many = <T>(value: T) => Array.from({ length: 250 }, () => value)
const longCheck: Check = check(long, long, long, { verdict: 'fail', threshold: long })
const longFailure = { code: long, message: long, hint: long, evidence: many(long) }

/** Everything as long and as often as it may come from outside. */
export const largest: Run = {
  ...failed,
  reason: long,
  failure: longFailure,
  phases: failed.phases.map((it) => ({ ...it, status: 'failed', failure: longFailure, line: long })),
  verification: { at: long, counts: many(longCheck), state: many(longCheck), criteria: many(longCheck) },
  plan: {
    ...plan,
    version: long,
    commit: { sha: long, subject: long },
    current: { ...plan.current, image: long, version: long, revision: long },
    risks: many(long),
    cluster: many(long),
    rollback: many(long),
    migrations: many({ file: long, version: long, sha256: long, findings: [] }),
    stripe: { ...plan.stripe, endpoint: long, events: many(long), added: many(long), removed: many(long) },
    cronJobs: many({ name: long, manifest: long, schedule: long, outcome: 'changed' as const, differences: [long] }),
  },
}
export const largestUndo: UndoPlan = { ...undo, steps: many({ ...undo.steps[0]!, line: long }), stays: many(long) }
