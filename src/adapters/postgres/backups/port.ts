import type { LeftOut, MissingRight } from '../rights/port.ts'

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

/** Objects that have the same owner and rights, as the catalogs told in the snapshot. */
export interface AccessGroup {
  /** The name of the role, quoted where SQL needs it; empty for what has none of its own, a column. */
  readonly owner: string
  /** Who may do what: "anon: select, update*; app: delete, select". The star is the grant option. */
  readonly rights: string
  /** What PostgreSQL calls them: "table public.secrets", "function public.tell(integer)". */
  readonly objects: readonly string[]
}

export type RestoreTest =
  | {
      readonly outcome: 'passed'
      readonly milliseconds: number
      /** What was left out of it, in words that follow "without": "owners and grants". */
      readonly without?: readonly string[]
    }
  | { readonly outcome: 'skipped'; readonly reason: string }

/** A function that finds what it names only by the search_path, and something that is computed with it in a restore. */
export interface LeaningFunction {
  /** With its schema and arguments, as `alter function` takes it. */
  readonly name: string
  readonly schema: string
  /** "index customers_norm". */
  readonly usedBy: string
  /** What it does not find: "suffix". */
  readonly missing: string
}

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
  /** Owners and rights in the snapshot; manifests of older versions do not say. */
  readonly access?: readonly AccessGroup[]
  readonly restoreTest: RestoreTest
  readonly startedAt: string
  readonly finishedAt: string
}

/** A backup that a command of the team's own made, as that command describes it. */
export interface CommandBackup {
  readonly by: 'command'
  /** The id that the command gave it. */
  readonly file: string
  readonly database: string
  readonly bytes: number
  /** A checksum over what was described, not over its bytes: with another id, time or size it is another backup. */
  readonly sha256: string
  readonly startedAt: string
  readonly finishedAt: string
  /** How it was proven, in the words of the command; undefined when it was not. */
  readonly proof: string | undefined
  /** How long the command took to prove it, where that was just done. */
  readonly verifyMs?: number
}

export type Backup = (BackupManifest & { readonly by?: undefined }) | CommandBackup

/** What is known of the next backup before it is made. */
export type BackupForecast =
  | {
      readonly by: 'pg_dump'
      /** Why it will not be tried out by a restore; undefined when it will. */
      readonly untried: string | undefined
      /** What its test restore leaves out; nothing where it restores everything or there is none. */
      readonly leftOut: readonly LeftOut[]
      /** Functions that will keep it from being restored. */
      readonly leaning: readonly LeaningFunction[]
      /** What keeps the user of the address from making it. */
      readonly missing: readonly MissingRight[]
    }
  | {
      readonly by: 'command'
      readonly program: string
      /** Whether Purser can bring it back. */
      readonly restores: boolean
    }

/** Makes and proves backups of the service's database, whatever makes them, and lets them go. */
export interface Backups {
  /** Raises where no backup could be made here. */
  forecast(signal: AbortSignal): Promise<BackupForecast>
  /**
   * Makes and proves the backup of this name. A repeat gives the same one, if it was finished. Whatever could not be
   * proven, and was to be, raises.
   */
  create(name: string, onProgress: (line: string) => void, signal: AbortSignal): Promise<Backup>
  /** The same as a dump, whatever else makes backups here: what leads back from a restore in place. */
  dump(name: string, onProgress: (line: string) => void, signal: AbortSignal): Promise<BackupManifest>
  /**
   * Looks at a finished backup again and raises when it is gone or damaged: of a dump every byte is read, a command is
   * asked what its backup is now, and whether it is proven.
   */
  verify(file: string, signal: AbortSignal): Promise<Backup>
  /** Looks for a backup; undefined when it is known to be gone. */
  find(file: string, signal: AbortSignal): Promise<Backup | undefined>
  /**
   * Lets go those that are both beyond the newest `keep` and older than `days`. The newest proven one always stays (or
   * the newest, when none is). Gives the names of those that are gone, by whomever.
   */
  retain(
    rule: RetentionRule & { readonly known: readonly KnownBackup[] },
    signal: AbortSignal,
  ): Promise<readonly string[]>
}

/** What the state database knows of a backup. */
export interface KnownBackup {
  readonly file: string
  readonly finishedAt: string
  readonly proven: boolean
}

/**
 * Makes, proves and removes backups of the service's database by `pg_dump` and `pg_restore`. Raises BackupError.
 * Passwords are never in argv.
 */
export interface DumpBackups extends Backups {
  /**
   * Returns the version of the client tools that this server gets: its own major, or the nearest newer one. Raises
   * `client_tools_missing` or `client_tools_too_old`, each with what has to be installed.
   */
  clientVersion(signal: AbortSignal): Promise<{ readonly text: string; readonly major: number }>
  /** Tells why backups are not tried out by a restore; undefined when they are. */
  whyNoTestRestore(signal: AbortSignal): Promise<string | undefined>
  /** Lists what keeps the user of the address from dumping everything, each with the SQL that lets it. Asks the catalogs only. */
  missingRights(signal: AbortSignal): Promise<readonly MissingRight[]>
  /** Lists functions whose search_path would keep a backup from being restored, as far as catalog and text show. */
  leaningFunctions(signal: AbortSignal): Promise<readonly LeaningFunction[]>
  /** Lists what a test restore leaves out here; nothing where it restores everything or there is none. */
  leftOutOfTest(signal: AbortSignal): Promise<readonly LeftOut[]>
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
  find(file: string, signal: AbortSignal): Promise<BackupManifest | undefined>
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
