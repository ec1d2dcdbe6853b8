import type { PlannedChanges } from '../../model/planned-changes.ts'
import { counted, oneLine } from '../../text.ts'
import { clip } from '../../outside-text/cut.ts'
import type { Chapter } from './chapter.ts'

/** "12 new commits; 3 of 40 changed files under service.paths", also when none could be told. */
export function changesInShort(changes: PlannedChanges): string {
  if (!changes.known) return `New commits: ${whyUnknown(changes)}`
  const { files, paths } = changes
  const watched =
    paths === undefined ? '' : `; ${paths.matching} of ${counted(files, 'changed file')} under service.paths`
  return `${relation(changes)}${watched}`
}

/** How the new version stands to what runs. A version that lacks commits of what runs takes them back. */
function relation({ from, ahead, behind }: Extract<PlannedChanges, { known: true }>): string {
  if (behind > 0)
    return `What runs (${from.slice(0, 7)}) is not an ancestor: ${counted(behind, 'commit')} only there, ${ahead} only here`
  return ahead === 0 ? 'No new commits: what runs is this commit' : counted(ahead, 'new commit')
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

const readFromWords = {
  image: 'as its image says',
  'tagged image': 'as the image says that its tag names in the registry today',
  tag: 'as its tag says; its image does not tell',
} as const

export function changesChapters(changes: PlannedChanges | undefined): readonly Chapter[] {
  if (changes === undefined) return []
  if (!changes.known) return [{ title: 'New commits', lines: [whyUnknown(changes)] }]
  const { from, readFrom, ahead, behind, files, paths, compareUrl } = changes
  const commits: Chapter = {
    title: `New commits (${ahead})`,
    lines: [
      `compared with ${from.slice(0, 7)}, which runs now, ${readFromWords[readFrom]}`,
      ...(behind === 0 ? [] : [relation(changes)]),
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
  switch (changes.why) {
    case 'running_commit_unknown':
      return 'not known, because neither the image that runs nor a tag says which commit it is'
    case 'not_in_repository':
      return `not known, because the repository has no commit ${changes.commit.slice(0, 12)}, which the running image names`
    case 'not_compared':
      return `not known: ${clip(oneLine(changes.because), 200)}`
  }
}
