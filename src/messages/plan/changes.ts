import type { PlannedChanges } from '../../model/planned-changes.ts'
import { counted, oneLine } from '../../text.ts'
import { clip } from '../blocks/message.ts'
import type { Chapter } from './chapter.ts'

/** "12 new commits (3 files under the watched paths, of 40 changed)", also when none could be told. */
export function changesInShort(changes: PlannedChanges): string {
  if (!changes.known) return `New commits: ${whyUnknown(changes)}`
  const { ahead, behind, files, paths } = changes
  const back =
    behind === 0 ? '' : `, ${counted(behind, 'commit')} of what runs ${behind === 1 ? 'is' : 'are'} not in it`
  const watched =
    paths === undefined ? '' : `; ${paths.matching} of ${counted(files, 'changed file')} under service.paths`
  return `${counted(ahead, 'new commit')}${back}${watched}`
}

/** The newest commits, a line each, for a board: short enough for a phone. */
export function commitLines(changes: PlannedChanges, most: number): readonly string[] {
  if (!changes.known) return []
  const shown = changes.commits.slice(0, most).map(({ sha, subject, author }) => {
    return `${sha.slice(0, 7)} ${clip(oneLine(subject) || '(no subject)', 100)} – ${clip(oneLine(author) || 'unknown author', 40)}`
  })
  const more = changes.ahead - shown.length
  return more > 0 ? [...shown, `… and ${more} older`] : shown
}

export function changesChapters(changes: PlannedChanges | undefined): readonly Chapter[] {
  if (changes === undefined) return []
  if (!changes.known) return [{ title: 'New commits', lines: [whyUnknown(changes)] }]
  const { from, readFrom, ahead, behind, files, paths, compareUrl } = changes
  const read = readFrom === 'image' ? 'as its image says' : 'as its tag says; its image does not tell'
  const commits: Chapter = {
    title: `New commits (${ahead})`,
    lines: [
      `compared with ${from.slice(0, 7)}, which runs now, ${read}`,
      ...(behind === 0
        ? []
        : [`${counted(behind, 'commit')} of what runs ${behind === 1 ? 'is' : 'are'} not in this version`]),
      ...(ahead === 0 ? ['none'] : commitLines(changes, changes.commits.length)),
      `${counted(files, 'file')} changed`,
    ],
    ...(compareUrl === undefined ? {} : { link: { url: compareUrl, label: `Compare on ${new URL(compareUrl).host}` } }),
  }
  return paths === undefined ? [commits] : [commits, watchedFiles(paths, files)]
}

function watchedFiles({ matching, matched }: { matching: number; matched: readonly string[] }, files: number): Chapter {
  const more = matching - matched.length
  return {
    title: `Changed files under service.paths (${matching} of ${files})`,
    lines: matching === 0 ? ['none'] : [...matched, ...(more > 0 ? [`… and ${more} more`] : [])],
  }
}

function whyUnknown(changes: Extract<PlannedChanges, { known: false }>): string {
  return changes.why === 'running_commit_unknown'
    ? 'not known, because neither the image that runs nor a tag says which commit it is'
    : `not known, because the repository has no commit ${changes.commit?.slice(0, 12) ?? ''}, which the running image names`
}
