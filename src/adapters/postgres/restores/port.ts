import type { BackupManifest, TableRows } from '../backups/port.ts'

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

/** A backup, as far as it decides whether databases can be swapped, and the name that the live one would be kept under. */
export type BackupToSwap = Pick<BackupManifest, 'access'> & {
  readonly kept?: string
  /** Who made it: which rights its restore takes is known of dumps only. */
  readonly by?: 'command' | undefined
}

/** A backup, as far as it decides whether it can be restored into the live database. */
export type BackupInPlace = Partial<Pick<BackupManifest, 'rows'>> & Pick<BackupManifest, 'access' | 'schemas'>

/** A backup, as far as the risks of its restore depend on it. */
export type RisksAsked = Pick<BackupManifest, 'access' | 'schemas'> &
  Partial<Pick<BackupManifest, 'rows' | 'serverVersion'>> & {
    /** Who made it: of what a command made, neither rows nor rights are known. */
    readonly by?: 'command' | undefined
  }

/**
 * Restores without losing anything: into a new database beside the live one, then by a swap of names. Every method
 * looks before it acts and is safe to repeat after a crash at any point.
 */
export interface Restores {
  names(run: number): RestoreNames
  /**
   * Tells why databases cannot be swapped here (rights, pooler, a managed server, roles that the backup names, whatever else would make the
   * last step fail); undefined when they can.
   */
  whyNotSwap(backup: BackupToSwap, signal: AbortSignal): Promise<string | undefined>
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
  whyNotInPlace(backup: BackupInPlace, signal: AbortSignal): Promise<string | undefined>
  /** Says, one sentence each, what a restore takes from those who hang on the database itself, and what of it stays. Changes nothing. */
  risks(backup: RisksAsked, strategy: 'swap' | 'in-place', signal: AbortSignal): Promise<readonly string[]>
  /**
   * Tries a restore in place without rows, in a scratch database, so that the service need not stand still to find out that it fails. Raises
   * `restore_failed` where it would. Returns why it could not be tried; undefined when it was.
   */
  rehearseInPlace(file: string, onProgress: (line: string) => void, signal: AbortSignal): Promise<string | undefined>
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
