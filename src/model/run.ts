import type { RefusedProbe } from './refused-probe.ts'
import type { DiagnosePlan, Diagnosis, FixPlan } from './diagnosis.ts'
import type { DeployPlan } from './deploy-plan.ts'
import type { PhaseName, RunKind } from './kinds.ts'
import type { RestorePlan } from './restore-plan.ts'
import type { RestoreRequest } from './restored-release.ts'
import type { Serving } from './serving.ts'
import type { UndoPlan } from './undo-plan.ts'

/**
 * - `planning`: facts are being gathered, nothing outside changes
 * - `awaiting_approval`: people must approve the plan; holds nothing, expires
 * - `executing`: phases run; holds the environment slot
 * - `cancelling`: someone cancelled, the phase under way is being stopped; still holds it
 * - `failed`: a phase failed; people decide: retry, roll back, leave it
 * - `left`: failed, and left as it is by a person's decision
 * - `planned`: a dry run whose plan is complete
 */
export type RunStatus =
  | 'planning'
  | 'awaiting_approval'
  | 'executing'
  | 'cancelling'
  | 'failed'
  | 'left'
  | 'planned'
  | 'succeeded'
  | 'rejected'
  | 'expired'
  | 'cancelled'

export type PhaseStatus = 'pending' | 'queued' | 'running' | 'succeeded' | 'failed' | 'cancelled'

/** Why something stopped, as it is stored and shown. Everything in it has been masked. */
export interface Failure {
  readonly code: string
  readonly message: string
  readonly hint?: string
  readonly evidence: readonly string[]
  /** What still served; missing where nobody looked, or the cluster gave no answer. */
  readonly serving?: Serving
}

export interface PhaseState {
  readonly name: PhaseName
  readonly status: PhaseStatus
  /** The attempt rises with each retry by a person and with each new plan; steps are recorded for each attempt anew. */
  readonly attempt: number
  /** The epoch rises each time a worker takes the phase; writes with an older one are refused. */
  readonly epoch: number
  /** The temporary errors (a lost connection, a 503) met so far in this attempt. */
  readonly transientFailures: number
  readonly budgetMinutes: number
  /** What happens now, or what came of it: one line. */
  readonly line: string
  readonly failure: Failure | undefined
  readonly startedAt: Date | undefined
  readonly finishedAt: Date | undefined
  /** What a queued phase waits for that nobody has taken within a few seconds. */
  readonly waits?: { readonly for: 'place' | 'worker'; readonly since: Date }
}

export interface Approval {
  readonly user: string
  /** `lapsed`: the person may no longer approve, so it counted no more when the next one approved. */
  readonly decision: 'approved' | 'rejected' | 'lapsed'
  /** The plan that this person saw; an approval of another plan does not count. */
  readonly planHash: string
  readonly at: Date
  readonly reason: string | undefined
}

export interface Run {
  /** The run's number, as in `#42`. */
  readonly number: number
  readonly kind: RunKind
  readonly service: string
  readonly environment: string
  readonly status: RunStatus
  /** The tag of the release; for a rollback the version that is taken back; empty for a verify. */
  readonly version: string
  readonly dryRun: boolean
  /** Whether a deploy also gives the webhook another signing secret. */
  readonly rotateSecret?: boolean
  /** A rollback that somebody began without any approval, as the policy lets them in an emergency. */
  readonly breakGlass?: boolean
  /** The name of the freeze that a deploy was asked for in spite of; `reason` says why. It needs one approval more. */
  readonly freezeOverride?: string
  /** The people who were reminded of the approval that is waited for. */
  readonly reminded?: { readonly at: Date; readonly who: readonly string[] }
  /** The run that a rollback undoes. */
  readonly parent: number | undefined
  readonly requestedBy: string
  readonly channel: string
  readonly reason: string | undefined
  readonly plan: DeployPlan | UndoPlan | RestorePlan | RestoreRequest | DiagnosePlan | FixPlan | undefined
  readonly planHash: string | undefined
  readonly approvalsNeeded: number
  readonly approvals: readonly Approval[]
  readonly phases: readonly PhaseState[]
  /** The reason why the plan itself could not be made, or why the run has to be approved again. */
  readonly failure: Failure | undefined
  readonly verification: Verification | undefined
  /** What this diagnosis found, or the one that ends a fix. */
  readonly diagnosis?: Diagnosis
  /** The run that does what this diagnosis proposed. */
  readonly fixedBy?: number
  readonly rolledBackBy: number | undefined
  /** The watch of the phase `monitor`, from its beginning on. */
  readonly watch?: RunWatch
  /** Whether something outside was changed that a rollback can put back. */
  readonly hasEffects: boolean
  /** The counter of compare-and-set, which rises with every change of the row. */
  readonly rev: number
  readonly createdAt: Date
  readonly expiresAt: Date | undefined
  readonly startedAt: Date | undefined
  readonly finishedAt: Date | undefined
  /** When its samples, log groups, steps and posts were removed, by the policy `retention`. */
  readonly detailsRemovedAt?: Date
}

/**
 * - `unknown`: the look itself failed or was cut off
 * - `inconclusive`: too little was seen to judge
 *
 * Neither is ever a pass.
 */
export type Verdict = 'pass' | 'warn' | 'fail' | 'unknown' | 'inconclusive'

/** The threshold of a number that has no limit: it is shown, and nobody judges it. */
export const noLimit = 'any'

/** One thing that was looked at: value, threshold, verdict, time. */
export interface Check {
  readonly name: string
  readonly title: string
  readonly verdict: Verdict
  /** What was seen, in a few words: "3 of 3 pods ready on sha256:abc…". */
  readonly value: string
  /** What was expected: "≥ 1", "none". */
  readonly threshold: string
  readonly milliseconds: number
  /** The number behind the value, where there is one. */
  readonly number?: number
  /** The same check in the last verification of the environment. */
  readonly former?: Pick<Check, 'verdict' | 'value' | 'number'> & { readonly at: string }
  /** The test events that this check has posted and that the service refused, as it must. */
  readonly refused?: RefusedProbe
}

/** What `/billing verify` and the end of a deploy come to: the same checks, the same words. */
export interface Verification {
  readonly at: string
  readonly counts: readonly Check[]
  readonly state: readonly Check[]
  /** The runbook's seven success criteria; empty for a verify. */
  readonly criteria: readonly Check[]
}

/** What people may decide while a release is watched; the phase reads it and acts. */
export type WatchDecision = 'finish' | 'keep' | 'stop' | 'roll_back'

/** A rule that was broken by enough samples in a row. */
export interface Breach {
  readonly at: string
  readonly text: string
  /** The metrics that broke their rules; missing in the records of earlier versions. */
  readonly metrics?: readonly string[]
}

export interface RunWatch {
  /** The attempt of the phase. */
  readonly attempt: number
  readonly beganAt: Date
  readonly endsAt: Date
  /** The first breach of a rule; people are asked once. */
  readonly breach: Breach | undefined
  readonly decision:
    | {
        readonly kind: WatchDecision
        readonly by: string
        readonly at: Date
        readonly reason: string | undefined
        /** The undo plan that the dialog of a rollback listed; the policy decides without one. */
        readonly undo: UndoPlan | undefined
      }
    | undefined
}

/** The error lines of one watch that are alike. */
export interface LogGroup {
  readonly fingerprint: string
  /** The first of them. */
  readonly example: string
  readonly pod: string
  readonly firstAt: string
  readonly lastAt: string
  readonly count: number
  /** Whether the logs held such lines before the rollout too. */
  readonly known: boolean
}

export interface MetricSample {
  readonly metric: string
  readonly at: Date
  readonly value: number
}

/** Nothing goes on by itself; after a failure people may let it go on. */
export function hasEnded({ status }: Pick<Run, 'status'>): boolean {
  return status === 'failed' || settledStatuses.includes(status)
}

export const settledStatuses: readonly RunStatus[] = [
  'left',
  'planned',
  'succeeded',
  'rejected',
  'expired',
  'cancelled',
]

export function isDeployPlan(plan: Run['plan']): plan is DeployPlan {
  return plan?.kind === 'deploy'
}

export function isUndoPlan(plan: Run['plan']): plan is UndoPlan {
  return plan?.kind === 'undo'
}

export function isDiagnosePlan(plan: Run['plan']): plan is DiagnosePlan {
  return plan?.kind === 'diagnose'
}

export function isFixPlan(plan: Run['plan']): plan is FixPlan {
  return plan?.kind === 'fix'
}

export function isRestorePlan(plan: Run['plan']): plan is RestorePlan {
  return plan?.kind === 'restore'
}

/** Returns the time from start to end, or to now while there is no end; undefined before the start. */
export function elapsed(
  span: { readonly startedAt: Date | undefined; readonly finishedAt: Date | undefined },
  now: Date,
): number | undefined {
  if (span.startedAt === undefined) return undefined
  return Math.max(0, (span.finishedAt ?? now).getTime() - span.startedAt.getTime())
}
