import type { Failure, Verification, WatchDecision } from './run.ts'
import type { PhaseName } from './kinds.ts'

/**
 * What goes to the thread of a run's board. It is stored as data in the state database (in order, posted once) and
 * rendered when it is posted, so that a message can be made better without touching what happened.
 */
export type ThreadPost =
  /** The whole plan is told, with nothing cut off. */
  | { readonly kind: 'plan' }
  /** A new message mentions the approvers, because edits of the board do not notify. It may tell the whole plan as well. */
  | { readonly kind: 'approval_request'; readonly approvers: readonly string[]; readonly withPlan?: true }
  /** Half of the time for an approval is over. */
  | { readonly kind: 'reminder'; readonly approvers: readonly string[] }
  | {
      readonly kind: 'decision'
      readonly user: string
      readonly decision: 'approved' | 'rejected' | 'cancelled' | 'retried' | 'left' | WatchDecision
      readonly reason?: string
      /** How things stood when a person approved. */
      readonly approvals?: { readonly given: number; readonly needed: number; readonly lapsed: readonly string[] }
    }
  /**
   * A command has printed this, or a pod has logged it. Posts with the same title are joined while they wait. A quiet one is
   * kept for the report only: what went well is in nobody's way.
   */
  | { readonly kind: 'output'; readonly title: string; readonly lines: readonly string[]; readonly quiet?: true }
  | { readonly kind: 'note'; readonly text: string }
  | {
      readonly kind: 'failed'
      readonly phase: PhaseName
      readonly failure: Failure
      readonly onCall: string | undefined
    }
  /** The approved plan no longer held before this phase: every difference is told. */
  | { readonly kind: 'replanned'; readonly phase: PhaseName; readonly failure: Failure }
  /** Monitoring has found a problem: those on call are asked what to do. */
  | {
      readonly kind: 'breach'
      readonly text: string
      readonly evidence: readonly string[]
      readonly onCall: string | undefined
      readonly automatic: boolean
    }
  | { readonly kind: 'verification'; readonly verification: Verification }
  /** The report is rendered when it is posted, and uploaded as a file, with what the verification came to. */
  | { readonly kind: 'report'; readonly fileName: string; readonly verification?: Verification }
  /** The newest audit event at the end of the run: what a verification is compared with from outside the database. */
  | { readonly kind: 'audit_head'; readonly sequence: number; readonly hash: string }
