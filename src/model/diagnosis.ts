import type { Configuration } from './configuration.ts'

/** Sections of the runbook's troubleshooting. */
export const subjects = ['webhook', 'cronjob', 'grace-period'] as const
export type Subject = (typeof subjects)[number]

/** What a diagnosis is about; the `plan` of its run. */
export interface DiagnosePlan {
  readonly kind: 'diagnose'
  readonly subject: Subject
  /** The CronJob; undefined when it is about every CronJob of purser.yaml. */
  readonly cronJob?: string
}

/** One thing that was looked at. */
export interface Finding {
  readonly name: string
  readonly title: string
  readonly verdict: 'pass' | 'warn' | 'fail' | 'unknown'
  /** What was seen, in a few words. */
  readonly seen: string
  /** The lines that show it, of a log or a probe, masked. */
  readonly evidence: readonly string[]
  readonly milliseconds: number
}

/** The target of a deploy that sets another signing secret, also where the present one looks right. */
export const rotate = 'rotate'

/**
 * What Purser can do about a cause once an approver says so. `deploy` only opens the dialog; its target is empty, or
 * `rotate`.
 */
export type Remedy =
  | { readonly kind: 'resume_cronjob' | 'run_cronjob'; readonly target: string }
  | { readonly kind: 'enable_endpoint'; readonly target: string }
  | {
      readonly kind: 'resend_events'
      readonly target: string
      readonly since: string
      /** Only Stripe sends: whether the service takes what Stripe signs is in question, and Purser's signature proves nothing. */
      readonly byStripe?: true
    }
  | { readonly kind: 'deploy'; readonly target: string }

export const remedyKinds = ['resume_cronjob', 'run_cronjob', 'enable_endpoint', 'resend_events', 'deploy'] as const
export type RemedyKind = (typeof remedyKinds)[number]

export interface Cause {
  readonly code: string
  /** One sentence that says what is wrong, with the facts. */
  readonly sentence: string
  /** One sentence that says what to do. */
  readonly next: string
  readonly remedies: readonly Remedy[]
}

export interface Diagnosis {
  readonly at: string
  readonly findings: readonly Finding[]
  /** The causes, the most likely first; empty when none was found. */
  readonly causes: readonly Cause[]
  /** What can be done whatever the cause. */
  readonly remedies: readonly Remedy[]
}

/** What a fix will do; the `plan` of its run. */
export interface FixPlan {
  readonly kind: 'fix'
  readonly remedy: Remedy
  /** The diagnosis that is made again when the fix is done. */
  readonly diagnose: DiagnosePlan
  /** The settings of purser.yaml under which it was pressed; missing in runs of earlier versions. */
  readonly configuration?: Configuration
}

/** Lists the remedies that may be pressed: each kind once, of the most likely cause that has it. */
export function offeredRemedies({ causes, remedies }: Diagnosis): readonly Remedy[] {
  const all = [...causes.flatMap((cause) => cause.remedies), ...remedies]
  return all.filter((one, index) => all.findIndex((other) => other.kind === one.kind) === index)
}
