/** Something that the user of the database address may not do, and what lets it. */
export interface MissingRight {
  /** What is missing, in words: "purser may not read public.invoices". */
  readonly what: string
  /** The SQL that mends it, to be run by a superuser or the owner. */
  readonly mend: string
}

/** What a test restore leaves out here, and why. */
export interface LeftOut {
  /** In words that follow "without": "owners and grants". */
  readonly what: string
  readonly why: string
  /** The SQL that would let it be tried out too; undefined where none does. */
  readonly mend?: string
}
