import type { Approval, PhaseState, PhaseStatus, Run, RunStatus } from './run.ts'
import type { PhaseName } from './kinds.ts'

/** What can happen to a run. */
export type RunEvent =
  | { readonly type: 'planned' }
  | {
      readonly type: 'approved'
      readonly by: string
      readonly planHash: string
      /** How many the policy asks for now; the larger of it and what the run began with counts. */
      readonly needed?: number
      /** Who of those that have approved may approve now; nobody else counts. Missing: nobody has looked, all count. */
      readonly entitled?: readonly string[]
    }
  | { readonly type: 'rejected'; readonly by: string }
  | { readonly type: 'expired' }
  | { readonly type: 'phase_succeeded'; readonly phase: PhaseName }
  | { readonly type: 'phase_failed'; readonly phase: PhaseName }
  | { readonly type: 'plan_outdated'; readonly phase: PhaseName }
  | { readonly type: 'retry'; readonly by: string }
  | { readonly type: 'cancel'; readonly by: string }
  | { readonly type: 'stopped'; readonly phase: PhaseName }
  | { readonly type: 'leave'; readonly by: string }

export type RunEventType = RunEvent['type']

/** The part of a run that decides. */
export type RunState = Pick<Run, 'status' | 'kind' | 'dryRun' | 'planHash' | 'approvalsNeeded' | 'rolledBackBy'> & {
  readonly phases: readonly Pick<PhaseState, 'name' | 'status' | 'attempt'>[]
  readonly approvals: readonly Pick<Approval, 'user' | 'decision' | 'planHash'>[]
}

interface PhaseChange {
  readonly name: PhaseName
  readonly status: PhaseStatus
  readonly attempt: number
}

/** Why the lifecycle does not take an event now; `src/messages/refusals.ts` words it. */
export type LifecycleRefusal =
  /** The event does not belong into the status of the run. */
  | { readonly reason: 'wrong_status'; readonly status: RunStatus }
  | { readonly reason: 'phase_not_under_way'; readonly phase: PhaseName }
  /** A rollback takes back what the run changed, so it is not done again. */
  | { readonly reason: 'taken_back'; readonly by: number }
  | { readonly reason: 'no_failed_phase' }
  /** The approval is of another plan than the present one. */
  | { readonly reason: 'stale_plan' }
  | { readonly reason: 'already_approved' }

export type Transition =
  | {
      readonly ok: true
      readonly status: RunStatus
      readonly phases: readonly PhaseChange[]
      /** The phase whose job must be enqueued after the change is stored. */
      readonly enqueue: PhaseName | undefined
    }
  | { readonly ok: false; readonly refusal: LifecycleRefusal }

/** The statuses in which each event may happen. They draw the buttons and refuse the requests. */
const allowedIn = {
  planned: ['planning'],
  approved: ['awaiting_approval'],
  rejected: ['awaiting_approval'],
  expired: ['awaiting_approval'],
  phase_succeeded: ['executing', 'cancelling'],
  phase_failed: ['planning', 'executing', 'cancelling'],
  plan_outdated: ['executing', 'cancelling'],
  retry: ['failed'],
  cancel: ['planning', 'awaiting_approval', 'executing'],
  stopped: ['cancelling'],
  leave: ['failed'],
} as const satisfies Record<RunEventType, readonly RunStatus[]>

export function can(event: RunEventType, run: Pick<Run, 'status'>): boolean {
  return (allowedIn[event] as readonly RunStatus[]).includes(run.status)
}

/**
 * Carries out the lifecycle of every run: state and event in, next state out. Pure; the store applies it with
 * compare-and-set.
 */
export function transition(run: RunState, event: RunEvent): Transition {
  if (!can(event.type, run)) return refuse({ reason: 'wrong_status', status: run.status })
  if ('phase' in event && event.type !== 'stopped' && !underWay(run).some((phase) => phase.name === event.phase))
    return refuse({ reason: 'phase_not_under_way', phase: event.phase })
  switch (event.type) {
    case 'planned':
      return afterPlanning(run)
    case 'approved':
      return afterApproval(run, event)
    case 'rejected':
      return moved('rejected')
    case 'expired':
      return moved('expired')
    case 'phase_succeeded':
      return afterSuccess(run, event.phase)
    case 'phase_failed':
      return moved(run.status === 'cancelling' ? 'cancelled' : 'failed', [change(run, event.phase, 'failed')])
    case 'plan_outdated':
      return afterDrift(run, event.phase)
    case 'retry':
      return afterRetry(run)
    case 'cancel':
      return afterCancel(run)
    case 'stopped':
      return moved('cancelled', stopAll(run))
    case 'leave':
      return moved('left')
  }
}

/** Returns where a run begins: planning, waiting for approval (a plan came with it), or executing at once. */
export function initialState(run: Pick<RunState, 'kind' | 'approvalsNeeded' | 'phases'>): {
  readonly status: RunStatus
  readonly enqueue: PhaseName | undefined
} {
  const first = run.phases[0]?.name
  if (first === 'plan') return { status: 'planning', enqueue: 'plan' }
  if (run.approvalsNeeded > 0) return { status: 'awaiting_approval', enqueue: undefined }
  return { status: 'executing', enqueue: first }
}

/** Counts the approvals of the present plan, one for each person. */
export function countApprovals(run: Pick<RunState, 'approvals' | 'planHash'>): number {
  const users = run.approvals
    .filter((approval) => approval.decision === 'approved' && approval.planHash === run.planHash)
    .map((approval) => approval.user)
  return new Set(users).size
}

function afterPlanning(run: RunState): Transition {
  const plan = change(run, 'plan', 'succeeded')
  if (run.dryRun) return moved('planned', [plan])
  if (run.approvalsNeeded > 0) return moved('awaiting_approval', [plan])
  return startNext(run, [plan])
}

function afterApproval(run: RunState, event: Extract<RunEvent, { type: 'approved' }>): Transition {
  const { by, planHash, entitled, needed = 0 } = event
  if (planHash !== run.planHash) return refuse({ reason: 'stale_plan' })
  const given = run.approvals.filter(({ user }) => entitled === undefined || entitled.includes(user))
  const mine = given.some((approval) => approval.user === by && approval.planHash === planHash)
  const approvals = [...given, { user: by, decision: 'approved' as const, planHash }]
  // A plan that was made again can come out the same, so enough may have approved it before.
  if (countApprovals({ approvals, planHash: run.planHash }) >= Math.max(run.approvalsNeeded, needed))
    return startNext(run, [])
  return mine ? refuse({ reason: 'already_approved' }) : moved(run.status)
}

function afterSuccess(run: RunState, phase: PhaseName): Transition {
  const done = change(run, phase, 'succeeded')
  if (run.status === 'cancelling') return moved('cancelled', [done])
  return startNext(run, [done])
}

/**
 * Plans the run anew. Nothing done under the old plan counts for the new one: another commit has other tests and other
 * migrations. Phases look before they act, so doing them anew repeats no effect.
 */
function afterDrift(run: RunState, phase: PhaseName): Transition {
  if (run.status === 'cancelling') return moved('cancelled', stopAll(run))
  if (!run.phases.some((phase) => phase.name === 'plan')) return moved('failed', [change(run, phase, 'failed')])
  const begun = run.phases.filter((phase) => phase.name !== 'plan' && phase.status !== 'pending')
  return moved('planning', [again(run, 'plan'), ...begun.map((one) => again(run, one.name, 'pending'))], 'plan')
}

function afterRetry(run: RunState): Transition {
  if (run.rolledBackBy !== undefined) return refuse({ reason: 'taken_back', by: run.rolledBackBy })
  const failed = run.phases.find((phase) => phase.status === 'failed')
  if (failed === undefined) return refuse({ reason: 'no_failed_phase' })
  return moved(failed.name === 'plan' ? 'planning' : 'executing', [again(run, failed.name)], failed.name)
}

function afterCancel(run: RunState): Transition {
  if (run.status === 'executing') return moved('cancelling')
  return moved('cancelled', stopAll(run))
}

function stopAll(run: RunState): readonly PhaseChange[] {
  return underWay(run).map((phase) => change(run, phase.name, 'cancelled'))
}

function underWay(run: RunState): RunState['phases'] {
  return run.phases.filter((phase) => phase.status === 'queued' || phase.status === 'running')
}

/** Queues the first phase that has not succeeded; without one, the run has succeeded. */
function startNext(run: RunState, changes: readonly PhaseChange[]): Transition {
  const settled = new Set(changes.filter((change) => change.status === 'succeeded').map((change) => change.name))
  const next = run.phases.find((phase) => phase.status !== 'succeeded' && !settled.has(phase.name))
  if (next === undefined) return moved('succeeded', changes)
  return moved('executing', [...changes, change(run, next.name, 'queued')], next.name)
}

function change(run: RunState, name: PhaseName, status: PhaseStatus): PhaseChange {
  return { name, status, attempt: attemptOf(run, name) }
}

function again(run: RunState, name: PhaseName, status: 'queued' | 'pending' = 'queued'): PhaseChange {
  return { name, status, attempt: attemptOf(run, name) + 1 }
}

function attemptOf(run: RunState, name: PhaseName): number {
  return run.phases.find((phase) => phase.name === name)?.attempt ?? 1
}

function moved(status: RunStatus, phases: readonly PhaseChange[] = [], enqueue?: PhaseName): Transition {
  return { ok: true, status, phases, enqueue }
}

function refuse(refusal: LifecycleRefusal): Transition {
  return { ok: false, refusal }
}
