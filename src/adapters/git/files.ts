import { posix } from 'node:path'
import { contents } from './contents.ts'
import { RepositoryError } from './errors.ts'
import { isPointer } from './lfs-pointer.ts'
import type { Mirror } from './mirror.ts'
import { followed, type Reach } from './links.ts'
import { treeEntries } from './tree.ts'

/** How many paths are looked for behind links, each by a look of its own. */
const mostLinked = 100

/**
 * Returns each of the wanted with the text of its file, by one look at the directories and one at the contents, however
 * many files there are.
 */
export async function readAll<Wanted extends { readonly path: string }>(
  mirror: Mirror,
  commit: string,
  wanted: readonly Wanted[],
  mostBytes: number,
  signal: AbortSignal,
): Promise<readonly (Wanted & { readonly text: string })[]> {
  const paths = wanted.map(({ path }) => path)
  if (paths.length === 0) return []
  const at = `at ${commit.slice(0, 7)}`
  const doing = `reading ${paths.length === 1 ? paths[0] : `${paths.length} files`} ${at}`
  // A directory stands for the files in it: all their paths could be more than a command line takes.
  const places = new Set(paths.map((path) => (path.includes('/') ? `${posix.dirname(path)}/` : path)))
  const entries = await treeEntries(mirror, commit, [...places], { doing }, signal)
  const objects = new Map(
    entries.flatMap(({ path, object, kind }) => (kind === 'file' ? [[path, object] as const] : [])),
  )
  const reach: Reach = { mirror, commit, doing, mostBytes }
  // What is no file may be one at the end of a link, or below one.
  const elsewhere = paths.filter((path) => !objects.has(path)).slice(0, mostLinked)
  for (const path of elsewhere) {
    const end = await followed(reach, path, signal)
    if (end?.kind === 'file') objects.set(path, end.object)
  }
  const missing = paths.filter((path) => !objects.has(path))
  if (missing.length > 0) throw notThere(`reading ${missing[0]} ${at}`, missing)
  const ids = new Set(paths.flatMap((path) => objects.get(path) ?? []))
  const texts = await contents(mirror, ids, { doing, mostBytes }, signal)
  return wanted.map((one) => {
    const text = texts.get(objects.get(one.path) ?? '')
    if (text === undefined) throw new RepositoryError('git_failed', `${doing}: git gave nothing of ${one.path}`)
    if (isPointer(text)) throw notHere(`reading ${one.path} ${at}`)
    return { ...one, text }
  })
}

function notHere(doing: string): RepositoryError {
  return new RepositoryError(
    'git_lfs_pointer',
    `${doing}: it is kept in Git LFS, and the repository has its pointer only`,
    {
      hint: "Don't keep migrations and manifests in Git LFS: Purser reads them from the repository.",
    },
  )
}

function notThere(doing: string, evidence: readonly string[]): RepositoryError {
  return new RepositoryError('file_missing', `${doing}: it is not there`, {
    hint: 'Check the path in the configuration against the repository at this version.',
    evidence,
  })
}
