export interface Commit {
  readonly sha: string
  /** First line of the message. */
  readonly subject: string
  readonly committedAt: string
}

export interface Tag {
  readonly name: string
  readonly sha: string
  readonly createdAt: string
}

/** The service's repository. Keeps one bare mirror on disk. Raises RepositoryError (`unknown_version`, transient trouble). */
export interface Repository {
  /** Asks the origin anew, then resolves the tag; raises `unknown_version` naming the nearest tags. */
  resolveVersion(version: string, signal: AbortSignal): Promise<Commit>
  /** Newest first. */
  tags(signal: AbortSignal): Promise<readonly Tag[]>
  /** Names of the files directly in `directory` at the commit, sorted; empty when there is no such directory. */
  list(commit: string, directory: string, signal: AbortSignal): Promise<readonly string[]>
  read(commit: string, path: string, signal: AbortSignal): Promise<string>
  /** A clean checkout of the commit at `directory` (made or reset). Safe to repeat. */
  checkout(commit: string, directory: string, signal: AbortSignal): Promise<void>
  /** Removes a checkout. Missing is fine. */
  discard(directory: string): Promise<void>
}
