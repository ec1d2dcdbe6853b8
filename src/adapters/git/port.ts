import type { Writable } from 'node:stream'

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

export interface ChangesWanted {
  /** The commit that runs: at least seven hexadecimal digits, and nothing else. */
  readonly from: string
  readonly to: string
  /** Globs as git reads them, `src/billing/**`. */
  readonly paths: readonly string[]
  readonly mostCommits: number
  readonly mostFiles: number
}

export interface ChangedCommit {
  readonly sha: string
  readonly subject: string
  readonly author: string
}

export interface Changes {
  /** The whole id of the commit that was compared. */
  readonly from: string
  /** Commits that only the new version has, and that only the old one has. */
  readonly ahead: number
  readonly behind: number
  /** The newest commits of those that are new. */
  readonly commits: readonly ChangedCommit[]
  /** How many files differ, and how many of them the globs match. */
  readonly files: number
  readonly matching: number
  readonly matched: readonly string[]
}

/** What is in a directory of a commit. The names begin below it, and are sorted. */
export interface Directory {
  /** Where it is, once links are followed. */
  readonly path: string
  readonly files: readonly string[]
  readonly submodules: readonly string[]
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
   * Lists what is in `directory` at the commit, at any depth. Symbolic links inside of the repository are followed.
   * Raises `directory_missing`, which names the nearest ones, and `in_submodule`.
   */
  list(commit: string, directory: string, signal: AbortSignal): Promise<Directory>
  /**
   * Reads the text of every file that is wanted, beside what wants it and in that order, by one look for all of them;
   * those at the end of symbolic links take a look each.
   * Raises `file_missing`, and `file_too_large` when they are too many bytes together.
   */
  readAll<Wanted extends { readonly path: string }>(
    commit: string,
    wanted: readonly Wanted[],
    signal: AbortSignal,
  ): Promise<readonly (Wanted & { readonly text: string })[]>
  /** Compares two commits; undefined when there is no commit `from`. */
  changesBetween(wanted: ChangesWanted, signal: AbortSignal): Promise<Changes | undefined>
  /**
   * Writes all files of the commit as a tar archive, `export-ignore` or not; the stream is not ended. Nothing of the mirror is in
   * it, and nothing that is unpacked from it is ever read by our git.
   */
  archive(commit: string, to: Writable, signal: AbortSignal): Promise<void>
}
