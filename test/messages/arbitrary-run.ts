import fc from 'fast-check'
import type { Check, Failure, PhaseState, Run, Verification } from '../../src/model/run.ts'
import { phasesOf } from '../../src/model/kinds.ts'
import type { RevisionChoice } from '../../src/model/rollback-target.ts'
import type { DiagnosePlan, Diagnosis, Remedy } from '../../src/model/diagnosis.ts'
import type { DeployPlan } from '../../src/model/deploy-plan.ts'
import type { ThreadPost } from '../../src/model/post.ts'
import type { RestorePlan } from '../../src/model/restore-plan.ts'
import type { UndoPlan } from '../../src/model/undo-plan.ts'

/** Runs with whatever the outside may put into them: empty, long, several lines, Slack's own marks, any script. */

const nasty = fc.constantFrom(
  '',
  '\n',
  '<!channel> & <b>',
  '`*_~`',
  '😀'.repeat(200),
  '&'.repeat(2000),
  'x'.repeat(5000),
)
const text = fc.oneof(
  { weight: 4, arbitrary: fc.string({ unit: 'grapheme', maxLength: 60 }) },
  { weight: 1, arbitrary: nasty },
)
const id = fc.constantFrom('U01DANA00', 'U02ALEX00', 'S01ONCALL', 'a telephone number', 'purser')
const hash = fc.constantFrom('a'.repeat(64), 'b'.repeat(64))
const at = fc.integer({ min: 0, max: 200_000_000 }).map((ms) => new Date(Date.UTC(2026, 0, 5) + ms))
const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined })
const many = <T>(arbitrary: fc.Arbitrary<T>, most: number) =>
  fc.oneof(fc.array(arbitrary, { maxLength: 4 }), fc.array(arbitrary, { minLength: most, maxLength: most }))
const count = fc.integer({ min: 0, max: 100_000 })

const failure: fc.Arbitrary<Failure> = fc
  .record({ code: text, message: text, hint: maybe(text), evidence: many(text, 60) })
  .map(({ hint, ...rest }) => (hint === undefined ? rest : { ...rest, hint }))

const check: fc.Arbitrary<Check> = fc.record({
  name: text,
  title: text,
  verdict: fc.constantFrom('pass', 'warn', 'fail', 'unknown'),
  value: text,
  threshold: text,
  milliseconds: fc.integer({ min: 0, max: 60_000 }),
})

export const arbitraryVerification: fc.Arbitrary<Verification> = fc.record({
  at: fc.constant('2026-01-05T14:19:00Z'),
  counts: many(check, 80),
  state: many(check, 80),
  criteria: many(check, 20),
})

export const arbitraryPlan: fc.Arbitrary<DeployPlan> = fc.record({
  kind: fc.constant('deploy'),
  version: text,
  environment: text,
  commit: fc.record({ sha: text, subject: text }),
  image: fc.record({
    reference: text,
    digest: maybe(text),
    platforms: many(text, 5),
    revision: maybe(text),
    build: fc.oneof(
      fc.constantFrom('none' as const, 'reused' as const),
      fc.record({ commands: many(many(text, 40), 5), replaces: fc.oneof(text, fc.constant(null)) }),
    ),
  }),
  current: fc.record({ image: text, version: maybe(text), revision: text, replicas: count, templateHash: text }),
  migrations: many(
    fc.record({
      file: text,
      version: text,
      sha256: text,
      findings: fc.array(
        fc.record({ rule: text, message: text, line: count, severity: fc.constantFrom('block', 'advise') }),
        { maxLength: 5 },
      ),
    }),
    60,
  ),
  cluster: many(text, 200),
  stripe: fc.record({
    action: fc.constantFrom('create', 'replace', 'update', 'enable', 'keep'),
    endpoint: maybe(text),
    events: many(text, 250),
    added: many(text, 100),
    removed: many(text, 100),
    secret: fc.constantFrom('missing', 'present', 'mismatch'),
  }),
  cronJobs: many(
    fc.record({
      name: text,
      manifest: text,
      schedule: text,
      outcome: fc.constantFrom('created', 'changed', 'unchanged'),
      differences: many(text, 30),
    }),
    30,
  ),
  rollback: many(text, 80),
  risks: many(text, 60),
  estimateMinutes: fc.integer({ min: 0, max: 500 }),
  monitorMinutes: fc.double({ min: 0, max: 60, noNaN: true }),
})

export const arbitraryRestore: fc.Arbitrary<RestorePlan> = fc.record({
  kind: fc.constant('restore'),
  environment: text,
  backup: fc.record({
    file: text,
    run: count,
    sha256: text,
    bytes: count,
    finishedAt: fc.constantFrom('2026-01-05T14:08:00Z', 'unknown'),
    restoreMs: maybe(count),
  }),
  database: fc.record({ live: text, restored: text, kept: text }),
  tables: many(fc.record({ table: text, inBackup: count, now: maybe(count) }), 80),
  deployment: fc.record({ name: text, replicas: count }),
  cronJobs: many(text, 30),
  migrationsLost: many(text, 60),
  risks: many(text, 60),
})

const arbitraryChoice: fc.Arbitrary<RevisionChoice> = fc.record({
  revision: text,
  replicaSet: fc.record({ name: text, uid: text }),
  image: text,
  version: fc.option(text),
  createdAt: fc.option(at.map((it) => it.toISOString())),
  changeCause: fc.option(text),
  health: fc.constantFrom('serves', 'served', 'failed', 'unknown'),
  current: fc.boolean(),
})

export const arbitraryUndo: fc.Arbitrary<UndoPlan> = fc.record({
  kind: fc.constant('undo'),
  run: count,
  steps: many(
    fc.record({
      effect: count,
      covers: fc.array(count, { maxLength: 3 }),
      kind: fc.constantFrom('migration', 'image', 'stripe-endpoint', 'secret-key', 'cronjob'),
      target: text,
      line: text,
    }),
    80,
  ),
  stays: many(text, 40),
  rollbackTarget: fc.record({
    kind: fc.constant('seen'),
    from: fc.record({ image: text, version: fc.option(text), templateHash: hash }),
    to: fc.option<RevisionChoice, null>(arbitraryChoice, { nil: null }),
    image: text,
    differences: many(text, 60),
    more: count,
    kept: count,
  }),
})

const phaseFields = {
  status: fc.constantFrom('pending', 'queued', 'running', 'succeeded', 'failed', 'cancelled') as fc.Arbitrary<
    PhaseState['status']
  >,
  attempt: fc.integer({ min: 1, max: 9 }),
  epoch: count,
  transientFailures: fc.integer({ min: 0, max: 3 }),
  budgetMinutes: fc.double({ min: 0, max: 120, noNaN: true }),
  line: text,
  failure: maybe(failure),
  startedAt: maybe(at),
  finishedAt: maybe(at),
}

const arbitraryRemedy: fc.Arbitrary<Remedy> = fc.oneof(
  fc.record({ kind: fc.constantFrom('resume_cronjob', 'run_cronjob', 'enable_endpoint', 'deploy'), target: text }),
  fc.record({ kind: fc.constant('resend_events'), target: text, since: text }),
)
const arbitraryDiagnosePlan: fc.Arbitrary<DiagnosePlan> = fc
  .record({ subject: fc.constantFrom('webhook', 'cronjob', 'grace-period'), name: maybe(text) })
  .map(({ subject, name }) => ({ kind: 'diagnose', subject, ...(name === undefined ? {} : { cronJob: name }) }))
const arbitraryDiagnosis: fc.Arbitrary<Diagnosis> = fc.record({
  at: fc.constant('2026-01-05T14:19:00Z'),
  findings: many(
    fc.record({
      name: text,
      title: text,
      verdict: fc.constantFrom('pass', 'warn', 'fail', 'unknown'),
      seen: text,
      evidence: fc.array(text, { maxLength: 6 }),
      milliseconds: fc.nat(60_000),
    }),
    25,
  ),
  causes: many(
    fc.record({ code: text, sentence: text, next: text, remedies: fc.array(arbitraryRemedy, { maxLength: 4 }) }),
    30,
  ),
  remedies: fc.array(arbitraryRemedy, { maxLength: 3 }),
})

function planOf(kind: Run['kind']): fc.Arbitrary<Run['plan'] & object> {
  if (kind === 'rollback') return arbitraryUndo
  if (kind === 'diagnose') return arbitraryDiagnosePlan
  if (kind === 'fix')
    return fc.record({ kind: fc.constant('fix'), remedy: arbitraryRemedy, diagnose: arbitraryDiagnosePlan })
  return kind === 'restore' ? arbitraryRestore : arbitraryPlan
}

export const arbitraryRun: fc.Arbitrary<Run> = fc
  .constantFrom('deploy', 'rollback', 'verify', 'restore', 'diagnose', 'fix')
  .chain((kind) =>
    fc.record({
      number: fc.integer({ min: 1, max: 1_000_000 }),
      kind: fc.constant(kind),
      service: text,
      environment: text,
      status: fc.constantFrom(
        'planning',
        'awaiting_approval',
        'executing',
        'cancelling',
        'failed',
        'left',
        'planned',
        'succeeded',
        'rejected',
        'expired',
        'cancelled',
      ),
      version: text,
      dryRun: fc.boolean(),
      parent: maybe(count),
      requestedBy: id,
      channel: fc.constant('C01BILLING'),
      reason: maybe(text),
      plan: maybe<Run['plan'] & object>(planOf(kind)),
      planHash: maybe(hash),
      approvalsNeeded: fc.integer({ min: 0, max: 5 }),
      approvals: many(
        fc.record({
          user: id,
          decision: fc.constantFrom('approved', 'rejected'),
          planHash: hash,
          at,
          reason: maybe(text),
        }),
        12,
      ),
      phases: fc.tuple(...phasesOf(kind).map((name) => fc.record({ name: fc.constant(name), ...phaseFields }))),
      failure: maybe(failure),
      verification: maybe(arbitraryVerification),
      ...(kind === 'deploy' ? { freezeOverride: text, reminded: fc.record({ at, who: many(id, 30) }) } : {}),
      ...(kind === 'diagnose' || kind === 'fix' ? { diagnosis: arbitraryDiagnosis } : {}),
      rolledBackBy: maybe(count),
      hasEffects: fc.boolean(),
      rev: count,
      createdAt: at,
      expiresAt: maybe(at),
      startedAt: maybe(at),
      finishedAt: maybe(at),
    }),
  )

export const arbitraryPost: fc.Arbitrary<ThreadPost> = fc.oneof(
  fc.constant({ kind: 'plan' } as const),
  fc.record({ kind: fc.constant('approval_request' as const), approvers: many(id, 30) }),
  fc.record({
    kind: fc.constant('approval_request' as const),
    approvers: many(id, 30),
    withPlan: fc.constant(true as const),
  }),
  fc.record({ kind: fc.constant('reminder' as const), approvers: many(id, 30) }),
  fc.record({
    kind: fc.constant('decision' as const),
    user: id,
    decision: fc.constantFrom('approved', 'rejected', 'cancelled', 'retried', 'left'),
    reason: text,
  }),
  fc.record({ kind: fc.constant('output' as const), title: text, lines: many(text, 300) }),
  fc.record({ kind: fc.constant('note' as const), text }),
  fc.record({
    kind: fc.constant('failed' as const),
    phase: fc.constantFrom('plan', 'migrate', 'undo', 'verify'),
    failure,
    onCall: maybe(id),
  }),
  fc.record({ kind: fc.constant('verification' as const), verification: arbitraryVerification }),
  fc.record({ kind: fc.constant('report' as const), fileName: text, markdown: text }),
)
