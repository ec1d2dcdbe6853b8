import { deployPhases, type PhaseSpec, planPhase } from './phases.ts'

interface KindSpec {
  /** The phases in the order in which they are executed. */
  readonly phases: readonly PhaseSpec[]
  /**
   * Whether it only looks: then it holds no environment slot and runs beside whatever else runs. The slot's unique
   * index says the same.
   */
  readonly readOnly: boolean
  /** Whether `/billing rollback` can put back what it changed. */
  readonly undoable: boolean
}

const diagnosePhase = { name: 'diagnose', title: 'Diagnose', minutes: 1, changes: false } as const satisfies PhaseSpec

/**
 * Every kind of run and its phases. `src/runbook/runbook.ts` has the function of each; the compiler compares the two.
 */
const runKinds = {
  deploy: { readOnly: false, undoable: true, phases: [planPhase, ...deployPhases] },
  rollback: {
    readOnly: false,
    undoable: false,
    // These are the runbook's "Rollback Time: 10 minutes", and a few more to look at the result.
    phases: [
      { name: 'undo', title: 'Put back what the run changed', minutes: 10, changes: true },
      { name: 'check', title: 'Check the previous version', minutes: 5, changes: true },
    ],
  },
  restore: {
    readOnly: false,
    undoable: true,
    phases: [
      planPhase,
      { name: 'prepare', title: 'Restore into a new database', minutes: 5, changes: false, heavy: true },
      { name: 'swap', title: 'Put the backup in place', minutes: 10, changes: true, heavy: true },
      // Events since the backup are sent again, which takes longer than looking.
      { name: 'check', title: 'Check the restored service', minutes: 10, changes: false },
    ],
  },
  verify: {
    readOnly: true,
    undoable: false,
    phases: [{ name: 'verify', title: 'Verify billing', minutes: 1, changes: false }],
  },
  diagnose: { readOnly: true, undoable: false, phases: [diagnosePhase] },
  fix: {
    readOnly: false,
    undoable: false,
    phases: [{ name: 'fix', title: 'Fix', minutes: 5, changes: true }, diagnosePhase],
  },
} as const satisfies Readonly<Record<string, KindSpec>>

export type RunKind = keyof typeof runKinds

export const allKinds = Object.keys(runKinds) as RunKind[]
export type PhaseOf<K extends RunKind> = (typeof runKinds)[K]['phases'][number]['name']
export type PhaseName = PhaseOf<RunKind>

type NamedPhase = PhaseSpec & { readonly name: PhaseName }

/** Lists the phases of a kind of run, in order. */
export function phaseSpecsOf(kind: RunKind): readonly NamedPhase[] {
  return runKinds[kind].phases
}

export function phasesOf(kind: RunKind): readonly PhaseName[] {
  return phaseSpecsOf(kind).map(({ name }) => name)
}

export function phaseSpec(kind: RunKind, name: PhaseName): NamedPhase | undefined {
  return phaseSpecsOf(kind).find((phase) => phase.name === name)
}

/** The kinds whose changes a rollback puts back. */
export const undoableKinds = allKinds.filter((kind) => runKinds[kind].undoable)

export function isUndoable({ kind }: { readonly kind: RunKind }): boolean {
  return runKinds[kind].undoable
}

/** The kinds that only look. */
export const readOnlyKinds = allKinds.filter((kind) => runKinds[kind].readOnly)

/** Tells the runs that only look. */
export function isReadOnly({ kind }: { readonly kind: RunKind }): boolean {
  return runKinds[kind].readOnly
}
