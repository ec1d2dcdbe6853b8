import { posix } from 'node:path'
import { RepositoryError } from './errors.ts'
import { followed, type Reach } from './links.ts'
import { nearest } from '../../nearest.ts'
import type { Directory } from './port.ts'
import { type TreeEntry, treeEntries } from './tree.ts'

/** Lists a directory, at any depth. Raises when there is none, and names those that are nearest. */
export async function list(reach: Reach, directory: string, signal: AbortSignal): Promise<Directory> {
  const inside = await entriesIn(reach, directory, signal)
  if (inside.length > 0 || directory === '') return listing(directory, inside)
  const end = await followed(reach, directory, signal)
  if (end === undefined) throw await missing(reach, directory, signal)
  if (end.kind !== 'directory')
    throw new RepositoryError('directory_missing', `${reach.doing}: it is a file, not a directory`)
  return listing(end.path, await entriesIn(reach, end.path, signal))
}

function listing(path: string, entries: readonly TreeEntry[]): Directory {
  const names = (kept: (entry: TreeEntry) => boolean) =>
    entries.filter(kept).map((entry) => (path === '' ? entry.path : entry.path.slice(path.length + 1)))
  return {
    path,
    files: names(({ kind }) => kind !== 'submodule').sort(),
    submodules: names(({ kind }) => kind === 'submodule').sort(),
  }
}

async function entriesIn({ mirror, commit, doing }: Reach, directory: string, signal: AbortSignal) {
  const places = directory === '' ? [] : [`${directory}/`]
  const entries = await treeEntries(mirror, commit, places, { doing, options: ['-r'] }, signal)
  // A submodule stands for itself, whatever is asked of it.
  return entries.filter(({ path }) => directory === '' || path.startsWith(`${directory}/`))
}

/** Names the directories that somebody may have meant: of the same name elsewhere, or else of a like path. */
async function missing(
  { mirror, commit, doing }: Reach,
  directory: string,
  signal: AbortSignal,
): Promise<RepositoryError> {
  const options = ['-r', '-d']
  const all = (await treeEntries(mirror, commit, [], { doing, options }, signal)).map(({ path }) => path)
  const name = posix.basename(directory)
  const alike = all.filter((path) => posix.basename(path) === name)
  const near = nearest(directory, alike.length > 0 ? alike : all)
  return new RepositoryError('directory_missing', `${doing}: no such directory`, {
    hint:
      near.length > 0
        ? `The nearest ${near.length === 1 ? 'directory is' : 'directories are'} ${near.join(', ')}: correct the path in purser.yaml.`
        : 'The commit has no directories: correct the path in purser.yaml.',
    evidence: near,
  })
}
