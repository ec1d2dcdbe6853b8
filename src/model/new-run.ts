import { type PhaseName, phaseSpecsOf, type RunKind } from './kinds.ts'
import type { Run } from './run.ts'

/** What a run is begun with; the store gives it its number and its first status. */
export interface NewRun {
  readonly kind: RunKind
  readonly service: string
  readonly environment: string
  readonly version: string
  readonly dryRun: boolean
  readonly rotateSecret: boolean
  readonly parent: number | undefined
  readonly requestedBy: string
  readonly channel: string
  readonly reason: string | undefined
  readonly plan: Run['plan']
  readonly approvalsNeeded: number
  readonly phases: readonly { readonly name: PhaseName; readonly budgetMinutes: number }[]
  readonly expiresInMinutes: number
}

type Always = Pick<NewRun, 'service' | 'environment' | 'requestedBy' | 'channel'>

/** Expected duration of phases for which the table of kinds is not right, in minutes. */
export type PhaseMinutes = Readonly<Partial<Record<PhaseName, number>>>

/** Nobody waits for what needs no approval: the time only has to be there. */
const unapprovedMinutes = 5

/** Pure: a run of this kind with all its phases; what is not said is empty, and nobody has to approve. */
export function newRun(
  kind: RunKind,
  facts: Always & Partial<Omit<NewRun, 'kind' | 'phases'>> & { readonly minutes?: PhaseMinutes },
): NewRun {
  const { minutes = {}, ...given } = facts
  return {
    kind,
    version: '',
    dryRun: false,
    rotateSecret: false,
    parent: undefined,
    reason: undefined,
    plan: undefined,
    approvalsNeeded: 0,
    expiresInMinutes: unapprovedMinutes,
    ...given,
    phases: phaseSpecsOf(kind).map((phase) => ({
      name: phase.name,
      budgetMinutes: minutes[phase.name] ?? phase.minutes,
    })),
  }
}
