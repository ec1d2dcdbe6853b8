export interface MigrationFinding {
  readonly rule: string
  readonly message: string
  /** The first line of the file that has it, from 1. */
  readonly line: number
  /** How many more lines have it. */
  readonly more: number
}

/** A comment that would have kept the linter from saying something. It is not heeded. */
export interface IgnoreComment {
  readonly line: number
  readonly text: string
}

export interface LintReport {
  /** All that was found; what is said of several lines is one. */
  readonly findings: readonly MigrationFinding[]
  readonly ignored: readonly IgnoreComment[]
}

/** Reads migrations for statements that lock or destroy. Raises CommandError or `lint_failed` when the linter cannot do so. */
export interface MigrationLint {
  /** Checks a migration. `serverVersion` is as `15.0`; the file is taken to run inside a transaction. */
  check(sql: string, serverVersion: string, signal: AbortSignal): Promise<LintReport>
}
