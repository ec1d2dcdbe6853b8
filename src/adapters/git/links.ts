import { posix } from 'node:path'
import { RepositoryError } from './errors.ts'
import { contents } from './contents.ts'
import type { Mirror } from './mirror.ts'
import { clipped } from '../../outside-text/excerpt.ts'
import { type TreeEntry, treeEntries } from './tree.ts'

/** Where a path is looked for. */
export interface Reach {
  readonly mirror: Mirror
  readonly commit: string
  readonly doing: string
  readonly mostBytes: number
}

/** As many as Linux follows before it says that they go round in circles. */
const mostLinks = 40
const longestShown = 200

/**
 * Goes along a path, follows symbolic links inside of the repository, and returns what is at its end; undefined when
 * nothing is. Raises when a link leads out of the repository or in a circle, and at a submodule: git keeps its files in
 * another repository.
 */
export async function followed(reach: Reach, path: string, signal: AbortSignal): Promise<TreeEntry | undefined> {
  let rest = path.split('/')
  let here: TreeEntry = { path: '', object: '', kind: 'directory' }
  for (let links = 0; ;) {
    const name = rest.shift()
    if (name === undefined) return here
    if (here.kind !== 'directory') return undefined
    const next: TreeEntry | undefined = await entryAt(reach, posix.join(here.path, name), signal)
    if (next === undefined) return undefined
    if (next.kind === 'submodule') throw inSubmodule(reach, next.path)
    if (next.kind !== 'link') {
      here = next
      continue
    }
    links += 1
    if (links > mostLinks) throw unreadableLink(reach, next.path, 'its links go round in circles')
    rest = [...(await targetOf(reach, next, signal)), ...rest]
    here = { path: '', object: '', kind: 'directory' }
  }
}

async function entryAt({ mirror, commit, doing }: Reach, path: string, signal: AbortSignal) {
  return (await treeEntries(mirror, commit, [path], { doing }, signal)).find((entry) => entry.path === path)
}

/** Reads where a link leads, as a path from the root of the repository. */
async function targetOf(reach: Reach, link: TreeEntry, signal: AbortSignal): Promise<readonly string[]> {
  const texts = await contents(reach.mirror, new Set([link.object]), reach, signal)
  const target = texts.get(link.object) ?? ''
  const path = posix.normalize(posix.join(posix.dirname(link.path), target)).replace(/\/$/, '')
  if (target.startsWith('/') || path === '..' || path.startsWith('../'))
    throw unreadableLink(reach, link.path, `it leads to ${clipped(target, longestShown)}, outside of the repository`)
  return path === '.' ? [] : path.split('/')
}

function unreadableLink({ doing }: Reach, path: string, why: string): RepositoryError {
  return new RepositoryError('link_unreadable', `${doing}: ${path} is a symbolic link, and ${why}`, {
    hint: 'Point the link inside the repository, or commit the files themselves.',
  })
}

function inSubmodule({ doing }: Reach, path: string): RepositoryError {
  return new RepositoryError('in_submodule', `${doing}: ${path} is a submodule`, {
    hint: "Its files are in a different repository, which Purser doesn't read. Commit them to this one.",
  })
}
