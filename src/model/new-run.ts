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
  readonly breakGlass: boolean
  readonly freezeOverride: string | undefined
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

/** The expected duration of phases for which the table of kinds is not right, in minutes. */
export type PhaseMinutes = Readonly<Partial<Record<PhaseName, number>>>

/** A run that needs no approval has to have a time for it, but nobody waits that long. */
const unapprovedMinutes = 5

/** Makes a run of this kind with all its phases. What is not said is empty, and nobody has to approve. Pure. */
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
    breakGlass: false,
    freezeOverride: undefined,
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
