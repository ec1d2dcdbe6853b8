/** A migration file of the service's repository. `version` is the digits that begin its name. */
export interface MigrationFile {
  readonly version: string
  readonly name: string
  readonly sha256: string
  readonly sql: string
}

export interface LedgerEntry {
  readonly version: string
  readonly name: string
  readonly sha256: string
  readonly appliedAt: string
  readonly appliedBy: string
}

export interface DatabaseFacts {
  readonly serverVersion: string
  readonly serverVersionNumber: number
  readonly database: string
  readonly user: string
  /** True when the connection goes through a transaction-mode pooler, where locks and settings do not hold. */
  readonly transactionPooled: boolean
  readonly inRecovery: boolean
  readonly sizeBytes: number
}

export interface MigrationOutcome {
  readonly outcome: 'applied' | 'already_applied'
  readonly milliseconds: number
}

export interface ApplyMigration {
  readonly file: MigrationFile
  readonly run: number
  readonly release: string
  readonly lockTimeoutMs: number
  readonly statementTimeoutMs: number
  /** Called when a lock was not had in time and another try follows. */
  readonly onRetry?: (attempt: number, blockers: readonly string[]) => void
}

/** A read-only query's single-row or many-row answer; every value as text, as psql shows it. */
export interface QueryAnswer {
  readonly columns: readonly string[]
  readonly rows: readonly (readonly (string | null)[])[]
}

/**
 * The service's database. Raises DatabaseError (SQLSTATE, statement excerpt, hint; `transient` for lost connections,
 * lock time-outs, serialization failures). Abort cancels the statement on the server too.
 */
export interface ServiceDatabase {
  facts(signal: AbortSignal): Promise<DatabaseFacts>
  /** Purser's ledger in the service's database (schema `purser`); empty when there is none yet. Creates nothing. */
  ledger(signal: AbortSignal): Promise<readonly LedgerEntry[]>
  /**
   * One transaction: ledger row and SQL together, under the migration advisory lock and `lock_timeout`, with retries on
   * lock time-outs. A file that is in the ledger with the same checksum is `already_applied`; with another checksum
   * raises `migration_drift`. Safe to repeat after a crash at any point.
   */
  apply(migration: ApplyMigration, signal: AbortSignal): Promise<MigrationOutcome>
  /** Which of these tables do not exist (search_path aware, `schema.table` allowed). */
  missingTables(tables: readonly string[], signal: AbortSignal): Promise<readonly string[]>
  /** In a read-only transaction with a statement time-out. */
  query(sql: string, options: { readonly timeoutMs: number }, signal: AbortSignal): Promise<QueryAnswer>
}

export interface BackupManifest {
  /** File name below the backup directory. */
  readonly file: string
  readonly database: string
  readonly serverVersion: string
  readonly clientVersion: string
  readonly bytes: number
  readonly sha256: string
  readonly tables: readonly string[]
  readonly startedAt: string
  readonly finishedAt: string
}

/** `pg_dump` and `pg_restore` of the service's database. Raises BackupError. Passwords never in argv. */
export interface Backups {
  /** Version of the client tools; raises `client_tools_missing` with the command that installs them. */
  clientVersion(signal: AbortSignal): Promise<{ readonly text: string; readonly major: number }>
  /**
   * Dumps (custom format) to `<name>.partial`, then proves it: exit code, size, table of contents, a read-through of the
   * whole archive, SHA-256; then renames and writes the manifest beside it. A repeat overwrites only its own partial; a finished backup
   * of this name is verified and returned.
   */
  create(name: string, onProgress: (line: string) => void, signal: AbortSignal): Promise<BackupManifest>
  /** Repeats the proof on a finished backup; raises `backup_damaged`. */
  verify(file: string, signal: AbortSignal): Promise<BackupManifest>
}
