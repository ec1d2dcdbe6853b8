import { tmpdir } from 'node:os'
import { pathToFileURL } from 'node:url'
import { resolve } from 'node:path'
import { PurserError } from '../../errors.ts'
import { RepositoryError } from './errors.ts'
import { contents } from './contents.ts'
import { git, type GitAnswer, gitFailed, lines } from './git.ts'
import { isPointer, longestPointer } from './lfs-pointer.ts'
import type { Mirror } from './mirror.ts'
import { records } from './records.ts'

const doing = 'looking for files in Git LFS'
/** Bytes of the shortest pointer that there can be. */
const smallest = 100

/** Lists the files of a commit that are pointers into Git LFS. A repository that names it in no `.gitattributes` has none. */
export async function lfsFiles(mirror: Mirror, commit: string, signal: AbortSignal): Promise<readonly string[]> {
  const attributes = [
    '--no-literal-pathspecs',
    'grep',
    '-q',
    '-E',
    'filter=lfs',
    commit,
    '--',
    ':(glob)**/.gitattributes',
  ]
  const named = await mirror.ask(attributes, doing, signal)
  if (named.exitCode === 1) return []
  if (named.exitCode !== 0) throw gitFailed({ doing }, named)
  const tree = await mirror.ask(['ls-tree', '-r', '-z', '--long', commit], doing, signal)
  if (tree.exitCode !== 0) throw gitFailed({ doing }, tree)
  const small = await records(tree.stdout, '\0', (line) => {
    const [, object, size, path] = /^100\d+ blob (\S+) +(\d+)\t(.*)$/s.exec(line) ?? []
    if (object === undefined || path === undefined) return undefined
    return Number(size) >= smallest && Number(size) <= longestPointer ? { object, path } : undefined
  })
  if (small.length === 0) return []
  const ids = new Set(small.map(({ object }) => object))
  const texts = await contents(mirror, ids, { doing, mostBytes: ids.size * longestPointer }, signal)
  return small.filter(({ object }) => isPointer(texts.get(object) ?? '')).map(({ path }) => path)
}

/** Whether git-lfs is installed where Purser runs. */
export async function hasLfs(signal: AbortSignal): Promise<boolean> {
  try {
    const { exitCode } = await git({ args: ['lfs', 'version'], cwd: tmpdir(), doing, timeoutMs: 10_000 }, signal)
    return exitCode === 0
  } catch (error) {
    signal.throwIfAborted()
    if (error instanceof PurserError) return false
    throw error
  }
}

/**
 * The settings with which git writes the content of a pointer in its place, and fails rather than leaves the pointer. The address is
 * the repository's own: what a version's `.lfsconfig` says comes after it.
 */
export function lfsSettings(url: string): Readonly<Record<string, string>> {
  return {
    'filter.lfs.process': 'git-lfs filter-process',
    'filter.lfs.smudge': 'git-lfs smudge -- %f',
    'filter.lfs.clean': 'git-lfs clean -- %f',
    'filter.lfs.required': 'true',
    'lfs.url': lfsUrl(url),
    'lfs.locksverify': 'false',
    'lfs.fetchexclude': '',
    'lfs.fetchinclude': '',
  }
}

export function lfsUrl(url: string): string {
  const plain = url.replace(/\/+$/, '')
  if (/^https?:\/\//i.test(plain)) return `${plain.endsWith('.git') ? plain : `${plain}.git`}/info/lfs`
  // ssh is asked for the address of the server by git-lfs itself; a path is one of this machine.
  return /^[a-z][a-z0-9+.-]*:\/\//i.test(plain) || /^[^/]*:/.test(plain) ? plain : pathToFileURL(resolve(plain)).href
}

export function lfsMissing(what: string, files: readonly string[]): RepositoryError {
  return new RepositoryError(
    'git_lfs_missing',
    `${what}: ${files.length} of its files are kept in Git LFS, and git-lfs is not installed`,
    {
      hint: 'Install git-lfs where Purser runs (apt-get install git-lfs), or set service.git.lfs to false: commands then find pointers.',
      evidence: files.slice(0, 10),
    },
  )
}

/** Git tells of a file that could not be fetched in its errors only. */
export function lfsFailed(what: string, { stderr }: GitAnswer): RepositoryError | undefined {
  if (!/smudge|git-lfs|\blfs\b/i.test(stderr)) return undefined
  return new RepositoryError('git_lfs_failed', `${what}: a file could not be fetched from Git LFS`, {
    hint: 'See whether the object was pushed (git lfs push --all), and whether the login may read it.',
    evidence: lines(stderr),
    transient: /timeout|timed out|connection|5\d\d|temporarily/i.test(stderr),
  })
}
