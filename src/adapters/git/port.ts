export interface Commit {
  readonly sha: string
  /** The first line of the message. */
  readonly subject: string
  readonly committedAt: string
}

export interface Tag {
  readonly name: string
  readonly sha: string
  readonly createdAt: string
}

/**
 * The service's repository. Keeps one bare mirror on disk. Raises RepositoryError (`unknown_version`, transient
 * trouble).
 */
export interface Repository {
  /** Asks the origin anew, then resolves the tag; raises `unknown_version` naming the nearest tags. */
  resolveVersion(version: string, signal: AbortSignal): Promise<Commit>
  /** Lists the tags, the newest first. */
  tags(signal: AbortSignal): Promise<readonly Tag[]>
  /**
   * Lists the names of the files directly in `directory` at the commit, sorted; empty when there is no such directory.
   */
  list(commit: string, directory: string, signal: AbortSignal): Promise<readonly string[]>
  /**
   * Reads the text of every file that is wanted, beside what wants it and in that order, by one look for all of them.
   * Raises `file_missing`, and `file_too_large` when they are too many bytes together.
   */
  readAll<Wanted extends { readonly path: string }>(
    commit: string,
    wanted: readonly Wanted[],
    signal: AbortSignal,
  ): Promise<readonly (Wanted & { readonly text: string })[]>
  /** Makes or resets a clean checkout of the commit at `directory`. Safe to repeat. */
  checkout(commit: string, directory: string, signal: AbortSignal): Promise<void>
  /** Removes a checkout; a missing one is fine. */
  discard(directory: string): Promise<void>
}
