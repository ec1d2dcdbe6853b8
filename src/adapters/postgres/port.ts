import type { MissingRight } from './rights/port.ts'

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

/** What a migration holds others up with: the strongest lock that it takes on something that was there before it. */
export interface MigrationLock {
  /** The line of the first statement that takes it. */
  readonly line: number
  /** The name, quoted where it has to be, with the schema where the session would not find it without. */
  readonly table: string
  readonly kind: 'table' | 'view' | 'materialized view' | 'foreign table' | 'sequence'
  readonly mode: 'ACCESS EXCLUSIVE' | 'EXCLUSIVE' | 'SHARE ROW EXCLUSIVE' | 'SHARE' | 'SHARE UPDATE EXCLUSIVE'
  readonly blocks: 'reads and writes' | 'writes' | 'only other schema changes'
  /** The index that is locked so; whoever reads its table waits for that as well. */
  readonly index?: string
  /** Its size with indexes and partitions. */
  readonly bytes: number
  /** The server's own estimate. */
  readonly rows: number
}

/** A session that would keep a migration waiting. */
export interface BlockingSession {
  /** The table as the lock names it. */
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

/** What a migration does to those who do not know it. */
export interface FileChanges {
  /** What it takes away: a statement that names it fails. */
  readonly takes: readonly TakenObject[]
  /** What makes some statements fail, depending on their values, on who runs them, or on a branch of the file. */
  readonly may: readonly TakenObject[]
  /** What is there afterwards and was not before: `table t`, `column t.c`, `policy t.p`, `function f(integer)`. */
  readonly makes: readonly string[]
  /** What of it would fail or do nothing, as things are: "makes table t, which exists already". */
  readonly remarks: readonly string[]
  /** The oldest release that runs with it, as a line `-- purser: needs v1.3.0` of it says. */
  readonly needs?: string
}

/** What migrations do one after the other, told before they run. */
export interface SchemaForecast {
  /** One for each file, in their order. */
  readonly files: readonly FileChanges[]
  /** The tables, columns and policies that are there after all of them for certain, and were not before. */
  readonly there: readonly string[]
  /** Those that may be there: a branch decides it, or SQL that nobody can read beforehand. */
  readonly perhaps: readonly string[]
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
  readonly code: 'migration_not_transactional' | 'migration_not_repeatable' | 'migration_unreadable' | 'syntax_error'
}

/** Whether a migration can be applied, read off its text. */
interface Applicability {
  /** What is run: the text without a transaction that the file has around it. Every statement keeps its line. */
  readonly sql: string
  readonly obstacles: readonly MigrationObstacle[]
  /**
   * Statements of the file that would weaken Purser's `lock_timeout`. They are left out, or the limit is set again after them; one that stands
   * `inside` a block or a function counts as long as that runs.
   */
  readonly overruled: readonly {
    readonly line: number
    readonly text: string
    readonly how: 'left out' | 'set again' | 'inside'
  }[]
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
  /** Tells what the server would not take of a text that has no obstacles: its syntax, calls of procedures that commit. Nothing of it is done. */
  serverObstacles(sql: string, signal: AbortSignal): Promise<readonly MigrationObstacle[]>
  /**
   * Lists which rights the user of the address lacks for applying these files, as far as their text says what they need, and for the
   * ledger. Nothing where there are none. Asks the catalogs only.
   */
  missingRights(
    files: readonly Pick<MigrationFile, 'name' | 'sql'>[],
    signal: AbortSignal,
  ): Promise<readonly MissingRight[]>
  /** Lists, as `schema.index` with the quotes that they need, indexes that a broken-off concurrent build left invalid. */
  invalidIndexes(signal: AbortSignal): Promise<readonly string[]>
  /**
   * Tells for each of some migrations, applied in this order, which locks it takes on what exists, and how large that is: by PostgreSQL's own
   * grammar and the catalog. Partitions are told with their table where they are locked alike. What a statement that cannot be read would
   * lock is missing; `risks` names that statement.
   */
  locks(migrations: readonly string[], signal: AbortSignal): Promise<readonly (readonly MigrationLock[])[]>
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
  /**
   * Tells what files that are about to be applied will take away and bring, one after the other: read off their texts and the catalog as
   * it is now. Changes nothing.
   */
  changes(files: readonly Pick<MigrationFile, 'sql'>[], signal: AbortSignal): Promise<SchemaForecast>
  /** Tells which of these (`table t`, `column t.c`, `policy s.t.p`, as `changes` names them) do not exist. */
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
