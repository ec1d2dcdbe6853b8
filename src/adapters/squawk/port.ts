export interface MigrationFinding {
  readonly rule: string
  readonly message: string
  /** The line of the file, from 1. */
  readonly line: number
}

/** Reads migrations for statements that lock or destroy. Raises CommandError when the linter cannot run. */
export interface MigrationLint {
  /** Checks a migration. `serverVersion` is as `15.0`; the file is taken to run inside a transaction. */
  check(sql: string, serverVersion: string, signal: AbortSignal): Promise<readonly MigrationFinding[]>
}
