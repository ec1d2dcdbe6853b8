import type { UndoPlan } from './undo-plan.ts'

/** A release as a plan names it. */
export interface NamedRelease {
  /** Undefined where the image can be traced to no version. */
  readonly version?: string
  readonly image: string
}

/** Which release a restore leaves running, and what it does for that. */
export type RestoredRelease = {
  /** What runs when the plan is made. */
  readonly running: NamedRelease & { readonly templateHash: string }
  /** What makes some statements of the one that runs afterwards fail on the restored schema, a clause each. */
  readonly doubts?: readonly string[]
} & (
  | {
      /** What runs is known to run on the restored schema, or served when the backup was made. */
      readonly after: 'running'
    }
  | {
      /** What served when the backup was made comes back, within the same downtime. */
      readonly after: 'former'
      readonly earlier: NamedRelease
      /** Why what runs cannot stay, a clause each. */
      readonly because: readonly string[]
      /** The recorded changes since the backup that are put back: those which a rollback would undo. */
      readonly undo: UndoPlan
      /** Why Stripe's events are not sent to it; missing when they are. */
      readonly noEvents?: string
    }
  | {
      /** Somebody has decided that what runs stays, although it may not fit. */
      readonly after: 'kept'
      readonly reason: string
      readonly because: readonly string[]
      /** Whether it is known not to run on the restored schema, so that nothing is sent to it. */
      readonly unfit: boolean
    }
)

/** What somebody asked for with a restore before its plan is made: that the running release stays, and why. */
export interface RestoreRequest {
  readonly kind: 'restore-request'
  readonly keep: string
}

/** Words a release by its version, else by its image. */
export function nameOf({ version, image }: NamedRelease): string {
  return version ?? image
}
