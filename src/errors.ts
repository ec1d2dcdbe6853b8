/** What every error of Purser tells its reader, beside the message. */
export interface ErrorFacts {
  /** What to do next, as one sentence. */
  readonly hint?: string
  /** Lines that prove what happened: log lines, SQL, test output. Masked at every exit. */
  readonly evidence?: readonly string[]
  /** True when the same call may succeed later although nobody changed anything (a dropped connection, a 503). */
  readonly transient?: boolean
  readonly cause?: unknown
}

/**
 * The root of all errors that Purser raises on purpose. The message says what was being done, in lower case
 * ("rolling out valuecanvas-api: …"). Each class has a closed list of codes, which are stored and never renamed;
 * docs/errors.md tells what each means and what to do.
 */
export abstract class PurserError extends Error {
  abstract readonly code: string
  readonly hint: string | undefined
  readonly evidence: readonly string[]
  readonly transient: boolean

  constructor(message: string, facts: ErrorFacts = {}) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause })
    this.name = new.target.name
    this.hint = facts.hint
    this.evidence = facts.evidence ?? []
    this.transient = facts.transient ?? false
  }
}

/** The repository raises this code and the model judges by it; neither may import the other. */
export const unknownVersion = 'unknown_version'
