import type { Node } from 'libpg-query'

/** What a file does, as far as schemas are concerned, in its order. */
export type Step =
  | { readonly kind: 'statement'; readonly stmt: Node }
  /** Functions that are called at once, each with its schema if one is named. */
  | { readonly kind: 'calls'; readonly names: readonly (readonly string[])[] }
  /** Done or not, wholly or in part, once or often. */
  | { readonly kind: 'branch'; readonly steps: readonly Step[] }
  /** SQL that nobody can read beforehand. */
  | { readonly kind: 'anything'; readonly what: string }

/** A migration, read without the catalog: plain data, so that it may come from another thread. */
export interface Script {
  readonly steps: readonly Step[]
  /** The oldest release that runs with it, as a line `-- purser: needs v1.3.0` of it says. */
  readonly needs?: string
  /** Whether each statement is a transaction of its own, so that `set local` ends with it. */
  readonly byStatement: boolean
}
