import type { HomeView, ModalView } from '@slack/types'
import {
  help,
  historyMessage,
  runHistoryMessage,
  statusMessage,
  unknownCommand,
} from '../../src/messages/answers/answers.ts'
import { deployCommand } from '../../src/commands/deploy.ts'
import { grammar } from '../../src/commands/grammar.ts'
import { deployView, diagnoseView, lockView } from '../../src/messages/dialogs/ask-dialogs.ts'
import { boardMessage } from '../../src/messages/board/board.ts'
import {
  detailsView,
  rejectView,
  rollbackLookingView,
  rollbackRefusedView,
  rollbackView,
} from '../../src/messages/dialogs/dialogs.ts'
import { homeView } from '../../src/messages/home/home.ts'
import { breakGlassAnnouncement } from '../../src/messages/answers/break-glass.ts'
import { lockAnnouncement, lockedRefusal } from '../../src/messages/answers/lock.ts'
import type { Message } from '../../src/messages/blocks/message.ts'
import { noSuchVersion } from '../../src/messages/answers/no-such-version.ts'
import { notAllowed } from '../../src/messages/answers/not-allowed.ts'
import { backupsMessage } from '../../src/messages/answers/backups.ts'
import { restoreView } from '../../src/messages/dialogs/restore.ts'
import type { Watched } from '../../src/messages/blocks/charts.ts'
import type { StateView } from '../../src/messages/board/state.ts'
import { threadMessage } from '../../src/messages/thread/thread.ts'
import type { PhaseName } from '../../src/model/kinds.ts'
import type { Run, Verification } from '../../src/model/run.ts'
import type { ThreadPost } from '../../src/model/post.ts'
import * as example from './example-runs.ts'
import * as state from './example-states.ts'

/** What the gallery shows: every message in its typical states, in the order in which people meet them. */
export type Picture = { readonly name: string; readonly title: string; readonly about: string } & (
  | { readonly kind: 'message'; readonly message: Message }
  | { readonly kind: 'dialog'; readonly view: ModalView }
  | { readonly kind: 'home'; readonly view: HomeView }
)

export const people = {
  dana: { id: example.dana, name: 'dana', realName: 'Dana' },
  alex: { id: example.alex, name: 'alex', realName: 'Alex' },
} as const

const { now } = example
const tomorrow = new Date(now.getTime() + 86_400_000)
const pace = {
  preflight: 95_000,
  migrate: 40_000,
  rollout: 80_000,
  stripe: 6_000,
  cronjobs: 20_000,
  e2e: 65_000,
  monitor: 1_800_000,
}

function board(name: string, title: string, about: string, run: Run, more: Partial<StateView> = {}): Picture {
  const view = { now, rollbackUntil: tomorrow, onCall: 'S01ONCALL', approvers: [example.alex], pace, ...more }
  return { kind: 'message', name: `board-${name}`, title: `Board: ${title}`, about, message: boardMessage(run, view) }
}

function thread(
  name: string,
  title: string,
  about: string,
  post: ThreadPost,
  run: Run,
  watched: Watched = state.wholeWell,
): Picture {
  const message = threadMessage(post, run, { watched, rollback: { now, until: tomorrow } })
  return { kind: 'message', name: `thread-${name}`, title: `Thread: ${title}`, about, message }
}

function dialog(name: string, title: string, about: string, view: ModalView): Picture {
  return { kind: 'dialog', name: `dialog-${name}`, title: `Dialog: ${title}`, about, view }
}

function answer(name: string, title: string, about: string, message: Message): Picture {
  return { kind: 'message', name: `answer-${name}`, title: `Answer: ${title}`, about, message }
}

/** Budgets, times and results as a real run has them. */
const lifelike: Readonly<Partial<Record<PhaseName, { budget: number; seconds: number; line: string }>>> = {
  preflight: { budget: 5, seconds: 96, line: '14 of 14 checks passed, backup valuecanvas-run-42.dump (1.5 MB) proven' },
  migrate: { budget: 5, seconds: 41, line: '3 migrations applied, 3 tables there' },
  rollout: { budget: 10, seconds: 83, line: '3 of 3 pods ready on sha256:4f4f4f4f4f4f' },
  stripe: { budget: 5, seconds: 6, line: 'endpoint enabled with 38 events, delivery proven' },
  cronjobs: { budget: 5, seconds: 22, line: 'webhook-retry runs every 5 minutes, tried once' },
  e2e: { budget: 10, seconds: 67, line: '14 of 14 tests passed' },
  monitor: { budget: 30, seconds: 1_800, line: '7 of 7 success criteria met in 30 min' },
  undo: { budget: 10, seconds: 40, line: '' },
  check: { budget: 5, seconds: 20, line: '' },
}

/** The phases that have succeeded end one after the other, just before the one that has not. */
function lively(run: Run): Run {
  let at = (run.finishedAt ?? now).getTime()
  const phases = run.phases.toReversed().map((phase) => {
    const it = lifelike[phase.name]
    if (it === undefined) return phase
    const told = { ...phase, budgetMinutes: it.budget }
    if (phase.status !== 'succeeded') {
      at = (phase.startedAt ?? new Date(at)).getTime()
      return told
    }
    const finishedAt = new Date(at)
    at -= it.seconds * 1_000
    return { ...told, line: it.line, startedAt: new Date(at), finishedAt }
  })
  return { ...run, phases: phases.toReversed(), startedAt: run.startedAt === undefined ? undefined : new Date(at) }
}

const stopped: Run = {
  ...example.executing,
  status: 'cancelled',
  finishedAt: now,
  phases: example.executing.phases.map((it) =>
    it.status === 'running' ? { ...it, status: 'cancelled', finishedAt: now } : it,
  ),
}
const allWell: Verification = {
  ...example.verification,
  counts: example.verification.counts.map((check) => ({
    ...check,
    verdict: 'pass',
    value: check.verdict === 'fail' ? '0' : check.value,
  })),
}
const executing = lively(example.executing)
const failed = lively({ ...example.failed, finishedAt: example.minutesAgo(1) })
const cancelled = lively(stopped)
const succeeded = lively({ ...example.succeeded, verification: allWell })
const rollback = lively(example.rollback)
const waiting = lively(example.waiting)
const { verify } = example
const failure = failed.phases.find((phase) => phase.failure !== undefined)?.failure ?? {
  code: '',
  message: '',
  evidence: [],
}
const late = lively({
  ...example.executing,
  phases: example.executing.phases.map((it) =>
    it.status === 'running' ? { ...it, startedAt: example.minutesAgo(12) } : it,
  ),
})
const versions = ['v1.3.0', 'v1.2.1', 'v1.2.0', 'v1.1.0'].map((name, index) => ({
  name,
  createdAt: example.minutesAgo(60 + index * 9_000).toISOString(),
}))
const events = [
  { at: example.minutesAgo(15), actor: example.dana, kind: 'requested', text: 'deploy v1.2.0 in production' },
  { at: example.minutesAgo(14), actor: 'worker-1', kind: 'planned', text: 'v1.1.0 → v1.2.0 in production' },
  { at: example.minutesAgo(13), actor: example.alex, kind: 'approved', text: '' },
  { at: example.minutesAgo(1), actor: 'worker-1', kind: 'phase_failed', text: 'rollout: 0 of 3 pods became ready' },
]
const price = {
  environment: 'production',
  backup: example.backups[0],
  approvals: 2,
  tables: example.restorePlan.tables,
  now,
}
const decided = (kind: 'cancel' | 'leave') => ({ decisions: [{ kind, by: example.alex, at: now }] })

export const pictures: readonly Picture[] = [
  board('planning', 'planning', 'Facts are being gathered; nothing has changed.', example.planning),
  board(
    'waiting',
    'waiting for approval',
    'Risks first, then what changes; only now there is something to decide.',
    waiting,
  ),
  board(
    'waiting-build',
    'Purser builds the image',
    'Its digest is known once it is pushed; the plan says by which commands.',
    lively(state.withBuild),
  ),
  board(
    'waiting-rotation',
    'a new signing secret',
    'Who else reads the Secret, and what has to be done by hand.',
    lively(state.withRotation),
  ),
  board('no-plan', 'a plan that could not be made', 'Nothing was changed, and nobody has to decide.', state.noRoom, {
    onCall: undefined,
  }),
  thread(
    'approval',
    'approval is requested, with the whole plan',
    'A new message, because edits notify nobody. Long parts are folded into the Details dialog, and say so.',
    { kind: 'approval_request', approvers: [example.alex], withPlan: true },
    waiting,
  ),
  dialog('reject', 'reject', 'A reason is optional; the board shows it.', rejectView(waiting, '{}')),
  board('rejected', 'rejected', 'Who rejected it, and why.', example.examples['rejected'] ?? waiting),
  thread('plan-build', 'the plan of a build', 'What is run, from which commit.', { kind: 'plan' }, state.withBuild),
  thread(
    'plan-rotation',
    'the plan of a new signing secret',
    'What changes at Stripe, in which pods, and the way back.',
    { kind: 'plan' },
    state.withRotation,
  ),
  thread(
    'decision',
    'a decision',
    'Who approved, in the record.',
    { kind: 'decision', user: example.alex, decision: 'approved' },
    { ...executing },
  ),
  thread(
    'replanned',
    'the plan no longer holds',
    'Everything that is not as it was approved, a line for each.',
    {
      kind: 'replanned',
      phase: 'stripe',
      failure: {
        code: 'plan_outdated',
        message: 'the approved plan no longer holds',
        evidence: [
          'Stripe endpoint we_1QzExample was disabled (planned: enabled)',
          'the Secret holds a different value (fingerprint 1f2e3d4c5b6a) (planned: 0a1b2c3d4e5f)',
          'service.e2e.run in purser.yaml is ["true"] (planned: ["./scripts/tests/billing-e2e.sh"])',
        ],
      },
    },
    executing,
  ),
  board('running', 'running', 'What is done, what is under way, and when it will be done.', executing),
  board('late', 'a phase over its budget', 'Said in words, not by colour.', late),
  board('watching', 'monitoring', 'How the metrics move, so far.', lively(state.watched), { watched: state.well }),
  board(
    'breach',
    'monitoring found a problem',
    'The number is the headline; monitoring continues while people decide.',
    lively(state.breached),
    { watched: state.growing },
  ),
  thread(
    'breach',
    'monitoring found a problem',
    'The people on call are asked once, with the same buttons.',
    state.breachPost,
    state.breached,
    state.growing,
  ),
  board(
    'breach-kept',
    'somebody keeps monitoring',
    'Who decided; rolling back stays possible.',
    lively(state.keptWatching),
    {
      watched: state.growing,
    },
  ),
  board(
    'inconclusive',
    'too little was seen',
    'No pass: what could not be seen may be broken.',
    lively(state.unjudged),
  ),
  thread(
    'inconclusive',
    'criteria after monitoring with gaps',
    'What was not seen is said, in words and in the charts.',
    { kind: 'verification', verification: state.gapped },
    state.unjudged,
    state.withGaps,
  ),
  thread(
    'inconclusive-failed',
    'too little was seen to judge',
    'What can be done about it.',
    { kind: 'failed', phase: 'monitor', failure: state.inconclusive, onCall: 'S01ONCALL' },
    state.unjudged,
    state.withGaps,
  ),
  board(
    'failed',
    'failed',
    "What broke in the service's own words, what is up, what changed, and what people can do.",
    failed,
    {
      effects: example.effects,
    },
  ),
  thread(
    'failed',
    'what failed',
    'Evidence, what can be done, and those on call, mentioned once.',
    { kind: 'failed', phase: 'rollout', failure, onCall: 'S01ONCALL' },
    failed,
  ),
  board(
    'left',
    'left as is',
    'Somebody decided; the rollback is still offered.',
    { ...failed, status: 'left' },
    decided('leave'),
  ),
  board('cancelled', 'cancelled', 'Who stopped it, and what stands.', cancelled, decided('cancel')),
  board('succeeded', 'succeeded', 'A finished board reads as a report.', succeeded),
  thread(
    'verification',
    'success criteria and metrics',
    'What was watched, as line charts; in words where Slack takes no charts.',
    { kind: 'verification', verification: allWell },
    succeeded,
  ),
  thread(
    'audit-head',
    'the head of the audit',
    'At the end of each run, out of reach of whoever can write the database.',
    { kind: 'audit_head', sequence: 512, hash: '6b1f2c9e'.repeat(8) },
    example.succeeded,
  ),
  board('rollback', 'rolling back', 'Newest change first, and what stays.', rollback),
  board('restore', 'a restore waits for approval', 'What is lost, and that what serves now is kept.', example.restore),
  board(
    'restore-in-place',
    'a restore in place waits for approval',
    'How long the service stands still, and why it cannot be swapped.',
    state.restoreInPlace,
  ),
  board('verify-trend', 'a verification beside the last one', 'Invariants with ids, and what has moved.', state.trends),
  board('verify', 'a verification', 'What has to be looked at comes first.', verify),
  board(
    'diagnose-webhook',
    'a diagnosis of the webhook',
    'The most likely cause first, then what shows it.',
    example.diagnoseWebhook,
  ),
  board(
    'diagnose-cronjob',
    'a diagnosis of a CronJob',
    'What Purser can do about it waits for an approver.',
    example.diagnose,
  ),
  board('diagnose-grace-period', 'a diagnosis that finds nothing', 'Every check passed.', state.healthy),
  board('fix', 'a cause that was fixed', 'What was done, and the same diagnosis once more.', example.fixed),
  dialog(
    'diagnose',
    'diagnose',
    '`/billing diagnose` without a subject.',
    diagnoseView({ environments: ['production', 'staging'], cronJobs: ['webhook-retry'] }, '{}'),
  ),
  dialog(
    'deploy',
    'deploy',
    '`/billing deploy` without a version.',
    deployView({ environments: ['production', 'staging'], versions, dryRun: false, now }, '{}'),
  ),
  dialog(
    'rollback-looking',
    'roll back, at once',
    'What is undone is known; what will run is asked of the cluster.',
    rollbackLookingView(failed, example.undo),
  ),
  dialog(
    'rollback',
    'roll back',
    'Exactly what is undone, what will run then, and what stays, before anyone confirms.',
    rollbackView(failed, example.undo, '{}', now),
  ),
  dialog(
    'rollback-unseen',
    'roll back while the cluster is silent',
    'It can go ahead, and says what it will look at.',
    rollbackView(failed, state.unseenUndo, '{}', now),
  ),
  dialog(
    'rollback-revision',
    'roll back to a revision that never served',
    'Refused, with those that there are.',
    rollbackRefusedView(failed, state.otherRevision, now),
  ),
  dialog(
    'rollback-schema',
    'roll back to a version that the schema is too new for',
    'Refused, with the ways that are open.',
    rollbackRefusedView(failed, state.schemaTooNew, now),
  ),
  dialog(
    'restore',
    'restore',
    'The price first; then the name of the environment has to be typed.',
    restoreView({ ...price, strategy: { kind: 'swap' } }, '{}'),
  ),
  dialog(
    'restore-in-place',
    'restore in place',
    'Where databases cannot be swapped: how long the service stands still.',
    restoreView({ ...price, strategy: { kind: 'in-place', why: state.inPlace.why } }, '{}'),
  ),
  dialog(
    'rollback-break-glass',
    'roll back by break-glass',
    'Nobody is asked for approval; a reason is a must.',
    rollbackView(failed, example.undo, '{}', now, true),
  ),
  answer(
    'break-glass',
    'a rollback without approval',
    'Told in every channel of the environment.',
    breakGlassAnnouncement({ ...rollback, breakGlass: true, reason: 'payments fail since the deploy' }, 'S01ONCALL'),
  ),
  dialog('lock', 'lock', '`/billing lock` without a reason.', lockView(['production', 'staging'], '{}')),
  dialog('details', 'details', 'The plan in full.', detailsView(executing)),
  {
    kind: 'home',
    name: 'home',
    title: 'App Home',
    about: 'What runs where, and the common commands as buttons for those who may.',
    view: homeView(example.home),
  },
  answer('help', 'help', 'Every command on one screen.', help(grammar)),
  answer(
    'no-such-version',
    'a version that is none',
    'Told to its typist alone; the closest tag is a button.',
    noSuchVersion({ version: 'v1.2.9', environment: 'production', dryRun: false, rotateSecret: false }, [
      'v1.2.0',
      'v1.1.0',
    ]),
  ),
  answer(
    'unknown',
    'a command that is none',
    'The nearest one is suggested.',
    unknownCommand('deplyo', 'deploy', deployCommand.usage),
  ),
  answer(
    'refused',
    'not allowed',
    'Why, and who can.',
    notAllowed({ reason: 'right', right: 'approve', environment: 'production', ask: [example.alex] }),
  ),
  answer(
    'lock-announcement',
    'a lock, as everybody sees it',
    'In the channels of the environment.',
    lockAnnouncement(example.lock),
  ),
  answer('locked', 'a locked environment', 'Who locked it, since when, and why.', lockedRefusal(example.lock)),
  answer(
    'status',
    'status',
    'What runs and what waits.',
    statusMessage([executing, { ...waiting, number: 46, environment: 'staging' }], now, ['production', 'staging']),
  ),
  answer(
    'backups',
    'backups',
    'What there is to go back to, and what restores have left on the server.',
    backupsMessage('production', example.backups, now, state.keptDatabases),
  ),
  answer(
    'history',
    'history',
    'Finished runs, newest first.',
    historyMessage(
      example.production.finished.map(({ run }) => run),
      now,
      ['production', 'staging'],
    ),
  ),
  answer('run-history', 'the history of a run', 'Everything that happened in one.', runHistoryMessage(failed, events)),
]
