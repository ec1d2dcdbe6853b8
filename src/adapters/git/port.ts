import type { Writable } from 'node:stream'

export interface Commit {
  readonly sha: string
  /** The first line of the message. */
  readonly subject: string
  readonly committedAt: string
  /** The object of its own that an annotated or signed tag has, when a tag was asked for. */
  readonly tagObject?: string
}

export interface Tag {
  readonly name: string
  readonly sha: string
  readonly createdAt: string
}

/** What is no plain file of a commit: a checkout has it only where it is fetched from elsewhere. */
export interface FilesElsewhere {
  /** Files of which the commit has a pointer into Git LFS. */
  readonly lfs: readonly string[]
  /** Whether git-lfs is installed, where it is needed: `service.git.lfs` is on and there are such files. */
  readonly lfsInstalled: boolean
  readonly submodules: readonly Submodule[]
}

export interface Submodule {
  readonly path: string
  readonly commit: string
  /** Its address, as far as `.gitmodules` tells one. */
  readonly url?: string
  /** Why it is not fetched, whatever the configuration says. */
  readonly why?: string
}

/** What of it is fetched into a checkout. */
export interface FetchedBeside {
  readonly lfs: boolean
  readonly submodules: boolean
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
  /** Lists the names of the tags that the origin has now. Nothing is fetched, so it takes one answer. */
  tagNames(signal: AbortSignal): Promise<readonly string[]>
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
  /** Tells what a checkout of the commit lacks, or has from elsewhere. */
  elsewhere(commit: string, signal: AbortSignal): Promise<FilesElsewhere>
  /**
   * Writes all files of the commit as a tar archive, `export-ignore` or not; the stream is not ended. Nothing of the mirror is in
   * it, and nothing that is unpacked from it is ever read by our git. Behind it comes an archive for each submodule, where they
   * are fetched: tar wants `--ignore-zeros`.
   */
  archive(commit: string, to: Writable, signal: AbortSignal): Promise<void>
}
