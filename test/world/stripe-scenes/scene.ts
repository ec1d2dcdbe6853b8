import type { Stage, Theatre } from './stage.ts'

export const groups = {
  A: 'No event lost',
  B: "Others' trouble",
  C: 'Causes that are causes',
  D: 'No dead end',
} as const
export type Group = keyof typeof groups

/**
 * Pieces of what Purser says, in its own words; `…` stands for anything within a line, and `#` for a number. `never` is what it
 * must not say.
 */
export interface Words {
  readonly says: readonly string[]
  readonly never?: readonly string[]
}

/** It does not come to that, and why. */
export interface NotReached {
  readonly notReached: string
}

export type Said = Words | NotReached

export type Act = 'deploy' | 'retry' | 'new state database' | 'verify' | 'diagnose' | 'send again' | 'enable'

/** Changes of purser.yaml: path, separated by dots, and value; undefined takes it out. */
export type Changes = Readonly<Record<string, unknown>>

/** What becomes of every event that the account has made in the scene and that is of the service's types. */
export interface Events {
  /** `traffic`: as many as there came by. */
  readonly made: number | 'traffic'
  /** How many of them the service's table lacks in the end; every other one is in it, processed exactly once. */
  readonly missing: number
  /** How Purser says that some are missing. Without it each of them is named by its id. */
  readonly told?: string
}

export interface Scene {
  readonly group: Group
  /** Its place in the table, such as `A1`. */
  readonly id: string
  readonly name: string
  readonly configuration?: Changes | ((stage: Stage) => Changes)
  /** Variables of Purser that differ. */
  readonly environment?: Readonly<Record<string, string>>
  readonly prepare?: (stage: Stage) => Promise<void>
  /** What is typed or pressed, in this order. */
  readonly acts: readonly Act[]
  /** What is typed for `deploy`; `deploy v1.2.0` unless told. */
  readonly typed?: string
  /** What is typed for a second `deploy`; the same unless told. */
  readonly typedAgain?: string
  /** Happens while the deploy waits for its approval. */
  readonly beforeApproval?: (stage: Stage) => Promise<void>
  /** Happens while the deploy watches the release. */
  readonly whileWatched?: (theatre: Theatre) => Promise<unknown>
  /** Happens before the act of that name. */
  readonly before?: Partial<Readonly<Record<Act, (stage: Stage) => Promise<void>>>>
  readonly plan: Said
  readonly deploy: Said
  readonly verify: Said
  readonly monitor: Said
  readonly diagnose: Said
  readonly events: Events
}
