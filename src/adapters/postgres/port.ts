export { DatabaseError } from './errors.ts'

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
  /** The checksum; undefined when `supabase db push` applied it, which keeps none. */
  readonly sha256: string | undefined
  /** The time at which it was applied; empty when the ledger does not say. */
  readonly appliedAt: string
  readonly appliedBy: string
}

export interface DatabaseFacts {
  readonly serverVersion: string
  readonly serverVersionNumber: number
  readonly database: string
  readonly user: string
  /** Whether the connection goes through a transaction-mode pooler, where locks and settings do not hold. */
  readonly transactionPooled: boolean
  readonly inRecovery: boolean
  readonly sizeBytes: number
}

export interface DatabaseIdentity {
  /** What tells this server from every other one, and stays the same in its replicas; undefined where it is not told. */
  readonly systemIdentifier: string | undefined
  /** The name of the database on the server, and its number, which no other database there ever has. */
  readonly database: string
  readonly oid: string
  /** Host and port as the address names them. */
  readonly address: string
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
  /** Whether sessions in the way are ended before the last try; otherwise they are only named. */
  readonly endBlockers?: boolean
  /** Gets who was ended, one line each. */
  readonly onEnded?: (sessions: readonly string[]) => void
}

/** What a statement of a migration holds others up with. */
export interface MigrationLock {
  readonly line: number
  /** The table as the migration names it. */
  readonly table: string
  readonly mode: 'ACCESS EXCLUSIVE' | 'SHARE ROW EXCLUSIVE' | 'SHARE' | 'SHARE UPDATE EXCLUSIVE'
  readonly blocks: 'reads and writes' | 'writes' | 'only other schema changes'
  /** Its size with indexes and partitions. */
  readonly bytes: number
  /** The server's own estimate. */
  readonly rows: number
}

/** A session that would keep a migration waiting. */
export interface BlockingSession {
  /** The table as the migration names it. */
  readonly table: string
  readonly pid: number
  /** The name that the program gave itself, else the user. */
  readonly who: string
  readonly user: string
  /** What it does: "active", "idle in transaction". */
  readonly state: string
  /** The age of its transaction. */
  readonly seconds: number
  /** Its statement, without literals and cut to a line. */
  readonly query: string
}

/** Something that releases from before a migration may rely on. */
export interface TakenObject {
  /** What it is and its name, without `public`: `column customers.note`. */
  readonly object: string
  /** The change in words: "drops column customers.note". */
  readonly what: string
}

/** What the text of a migration does to those who do not know it. */
export interface SchemaChanges {
  /** What it takes away, in the order of its statements. */
  readonly takes: readonly TakenObject[]
  /** What is there afterwards: `table t`, `column t.c`, `policy t.p`, `function f`. */
  readonly makes: readonly string[]
  /** The oldest release that runs with it, as a line `-- purser: needs v1.3.0` of it says. */
  readonly needs?: string
}

/**
 * How dangerous a statement of a migration is, the most dangerous first: rows are lost; nobody can tell what it does; rows are changed;
 * somebody may do more or less than before; something is defined otherwise; others wait for it.
 */
export type RiskWeight = (typeof riskWeights)[number]
export const riskWeights = ['lost', 'unreadable', 'changes', 'access', 'structure', 'load'] as const

/** What whoever approves a migration has to know of it. */
export interface StatementRisk {
  readonly weight: RiskWeight
  /** The line of the first statement that does it, from 1. */
  readonly line: number
  /** How many more statements do the same. */
  readonly more: number
  /** In words that follow the place: "drops table customers". */
  readonly what: string
  /** The server's estimate of the rows of the table concerned; null when it has none, undefined when it is about no rows. */
  readonly rows?: number | null
}

/** A statement that keeps its file from being applied as it is. */
export interface MigrationObstacle {
  readonly line: number
  /** The beginning of the statement. */
  readonly text: string
  /** In words that follow the place: "copies rows from stdin". */
  readonly what: string
  /** One sentence that says what to do about it. */
  readonly fix: string
  readonly code: 'migration_not_transactional' | 'migration_not_repeatable'
}

/** Whether a migration can be applied, read off its text. */
interface Applicability {
  /** What is run: the text without a transaction that the file has around it. Every statement keeps its line. */
  readonly sql: string
  readonly obstacles: readonly MigrationObstacle[]
  /** Statements of the file that would weaken Purser's `lock_timeout`, and are left out. */
  readonly overruled: readonly { readonly line: number; readonly text: string }[]
}

/** A migration as PostgreSQL's own grammar reads it. */
export interface MigrationReading {
  readonly statements: number
  /** The most dangerous first. */
  readonly risks: readonly StatementRisk[]
  /** How many risks, less dangerous than those, are left out. */
  readonly left: number
}

/** The answer of a read-only query, one row or many; every value is text, as psql shows it. */
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
  /** Tells this database from every other one. Changes nothing. */
  identity(signal: AbortSignal): Promise<DatabaseIdentity>
  /**
   * Reads Purser's ledger in the service's database (schema `purser`) and Supabase's beside it; empty without. Creates
   * nothing.
   */
  ledger(signal: AbortSignal): Promise<readonly LedgerEntry[]>
  /**
   * Applies a migration in one transaction: ledger row and SQL together, under the migration advisory lock and
   * `lock_timeout`, with retries on lock time-outs. A file that is in the ledger with the same checksum is
   * `already_applied`; with another checksum it raises `migration_drift`. A file with statements that cannot run in a
   * transaction (`create index concurrently`) is run statement by statement, and goes on where it was broken off. Safe
   * to repeat after a crash at any point.
   */
  apply(migration: ApplyMigration, signal: AbortSignal): Promise<MigrationOutcome>
  /** Tells what keeps a migration from being applied as it is, and what of it would be overruled. It only reads the text. */
  applicability(sql: string, limits: { readonly lockTimeoutMs: number }, signal: AbortSignal): Promise<Applicability>
  /** Lists, as `schema.index`, indexes that a broken-off concurrent build left invalid. */
  invalidIndexes(signal: AbortSignal): Promise<readonly string[]>
  /** Tells which locks a migration's statements take on tables that exist, and how large those are. */
  locks(sql: string, signal: AbortSignal): Promise<readonly MigrationLock[]>
  /**
   * Finds sessions whose transactions have for a while held what these locks would have to wait for, the oldest first.
   */
  blocking(
    locks: readonly Pick<MigrationLock, 'table' | 'mode'>[],
    signal: AbortSignal,
  ): Promise<readonly BlockingSession[]>
  /**
   * Reads a migration by PostgreSQL's own grammar, whatever its statements are nested in, and names each that is a risk. What cannot be
   * read is a risk. Functions that it calls are looked up in the catalog.
   */
  risks(sql: string, signal: AbortSignal): Promise<MigrationReading>
  /** Tells what a migration takes away and brings, read off its text. */
  changes(sql: string, signal: AbortSignal): Promise<SchemaChanges>
  /**
   * Tells which of these (`table t`, `column t.c`, `policy s.t.p`, as `changes` names them) do not exist; odd names are
   * not looked for.
   */
  missing(objects: readonly string[], signal: AbortSignal): Promise<readonly string[]>
  /** Tells which of these tables do not exist (search_path aware, `schema.table` allowed). */
  missingTables(tables: readonly string[], signal: AbortSignal): Promise<readonly string[]>
  /**
   * Runs a query in a read-only transaction with a statement time-out. Raises `not_read_only` when it could change something all the same:
   * a read-only transaction stops neither `pg_terminate_backend` nor what a function does elsewhere.
   */
  query(sql: string, options: { readonly timeoutMs: number }, signal: AbortSignal): Promise<QueryAnswer>
  /** Tells why `query` would refuse this one; undefined when it would not. */
  whyNotReadOnly(sql: string, signal: AbortSignal): Promise<string | undefined>
}

export interface TableRows {
  /** The table as `schema.table`, unquoted. */
  readonly table: string
  readonly rows: number
}

/** A sequence held these values when the dump began and when it ended; null means that it was never used. */
export interface SequenceRange {
  readonly sequence: string
  readonly first: string | null
  readonly last: string | null
}

export type RestoreTest =
  | { readonly outcome: 'passed'; readonly milliseconds: number }
  | { readonly outcome: 'skipped'; readonly reason: string }

export interface BackupManifest {
  /** The name of a directory (`pg_dump -Fd`) below the backup directory. */
  readonly file: string
  readonly database: string
  /** The schemas that it was restricted to; absent when it holds the whole database. */
  readonly schemas?: readonly string[]
  readonly serverVersion: string
  readonly clientVersion: string
  /** The bytes that its tables took on the server's disk, without indexes; manifests of older versions do not say. */
  readonly sourceBytes?: number
  /** The size of all its files together. */
  readonly bytes: number
  /** The checksum over the names and checksums of all files. */
  readonly sha256: string
  readonly tables: readonly string[]
  /** The rows, counted in the snapshot that was dumped. */
  readonly rows: readonly TableRows[]
  readonly sequences: readonly SequenceRange[]
  readonly restoreTest: RestoreTest
  readonly startedAt: string
  readonly finishedAt: string
}

/**
 * Makes, proves and removes backups of the service's database by `pg_dump` and `pg_restore`. Raises BackupError.
 * Passwords are never in argv.
 */
export interface Backups {
  /**
   * Returns the version of the client tools that this server gets: its own major, or the nearest newer one. Raises
   * `client_tools_missing` or `client_tools_too_old`, each with what has to be installed.
   */
  clientVersion(signal: AbortSignal): Promise<{ readonly text: string; readonly major: number }>
  /** Tells why backups are not tried out by a restore; undefined when they are. */
  whyNoTestRestore(signal: AbortSignal): Promise<string | undefined>
  /**
   * Estimates whether the disk has room for it (`backup_disk_full`), dumps (directory format, as many jobs as cores)
   * one snapshot to `<name>.partial` and counts that snapshot's rows, then proves it: exit code, table of contents,
   * SHA-256, and a restore into a scratch database whose counts must equal the snapshot's (or a read-through of the
   * whole archive); then moves the files to where backups are kept and writes the manifest beside them. A repeat
   * overwrites only its own remains; a finished backup of this name is verified and returned.
   */
  create(name: string, onProgress: (line: string) => void, signal: AbortSignal): Promise<BackupManifest>
  /** Repeats the proof on a finished backup, without the restore; raises `backup_damaged`. */
  verify(file: string, signal: AbortSignal): Promise<BackupManifest>
  /** Lists finished backups, the newest first. What has no manifest is none. */
  list(signal: AbortSignal): Promise<readonly BackupManifest[]>
  /**
   * Removes finished backups of this database that are both beyond the newest `keep` and older than `days`. The newest
   * that passed its test restore always stays (or the newest, when none did). Gives the names of those removed.
   */
  retain(rule: RetentionRule, signal: AbortSignal): Promise<readonly string[]>
}

export interface RetentionRule {
  readonly keep: number
  readonly days: number
  readonly now: Date
  /** Tells the backups that the rule is about: several environments may share a directory. */
  readonly owns: (file: string) => boolean
}

/** The three databases of a restore; which of them exist tells how far it has come. */
export interface RestoreNames {
  readonly live: string
  /** The name under which the backup is restored, before it takes the live name. */
  readonly restored: string
  /** The name that the database which served before has afterwards. */
  readonly kept: string
}

export type SwapState = 'absent' | 'unfinished' | 'prepared' | 'swapped'

export interface PrepareRestore {
  readonly names: RestoreNames
  readonly file: string
  readonly sha256: string
  readonly onProgress: (line: string) => void
}

export interface RestoreInPlace {
  readonly run: number
  readonly file: string
  readonly sha256: string
  /** The dump of what is there now, which leads back. */
  readonly safety: string
  readonly onProgress: (line: string) => void
}

/**
 * Restores without losing anything: into a new database beside the live one, then by a swap of names. Every method
 * looks before it acts and is safe to repeat after a crash at any point.
 */
export interface Restores {
  names(run: number): RestoreNames
  /** Tells why databases cannot be swapped here (rights, pooler, a managed server); undefined when they can. */
  whyNotSwap(signal: AbortSignal): Promise<string | undefined>
  swapState(names: RestoreNames, signal: AbortSignal): Promise<SwapState>
  /** Creates, fills, analyzes and checks `restored`; the live database is only read. */
  prepare(restore: PrepareRestore, signal: AbortSignal): Promise<{ readonly milliseconds: number }>
  /**
   * Ends every connection to the live database and renames both in one transaction. The live name never stays without a
   * database.
   */
  swap(names: RestoreNames, signal: AbortSignal): Promise<{ readonly milliseconds: number }>
  /** Swaps the names back. */
  swapBack(names: RestoreNames, signal: AbortSignal): Promise<{ readonly milliseconds: number }>
  /** Lets connections to the live name in again, whichever database has it now. */
  reopen(names: RestoreNames, signal: AbortSignal): Promise<void>
  /** Lists what restores have left beside the live database, the newest first. */
  kept(signal: AbortSignal): Promise<
    readonly {
      readonly name: string
      readonly run: number
      readonly kind: 'before' | 'restore'
      readonly bytes: number | undefined
    }[]
  >
  /** Drops `restored`, unless it serves. */
  discard(names: RestoreNames, signal: AbortSignal): Promise<void>
  /**
   * Tells why a backup (of these schemas, or of everything) cannot be restored into the live database itself; undefined
   * when it can.
   */
  whyNotInPlace(schemas: readonly string[] | undefined, signal: AbortSignal): Promise<string | undefined>
  /**
   * Puts the content of a backup in the place of what the live database (or its schemas that were backed up) holds:
   * emptied, filled, compared with the snapshot, analyzed and noted in one transaction. It is done once for a run,
   * however often it is called.
   */
  inPlace(restore: RestoreInPlace, signal: AbortSignal): Promise<{ readonly milliseconds: number }>
  /** Tells whether the restore in place of this run was committed, and which dump leads back from it. */
  doneInPlace(run: number, signal: AbortSignal): Promise<{ readonly safety: string } | undefined>
  /** Counts the rows now of these tables (`schema.table`), of those that can be counted within the time. */
  countNow(tables: readonly string[], timeoutMs: number, signal: AbortSignal): Promise<readonly TableRows[]>
}
