export interface MigrationFinding {
  readonly rule: string
  readonly message: string
  /** 1-based line of the file. */
  readonly line: number
}

/** Reads migrations for statements that lock or destroy. Raises CommandError when the linter cannot run. */
export interface MigrationLint {
  /** `serverVersion` as `15.0`; the file is taken to run inside a transaction. */
  check(sql: string, serverVersion: string, signal: AbortSignal): Promise<readonly MigrationFinding[]>
}
