import type { PlannedChanges } from '../../model/planned-changes.ts'
import { counted, oneLine } from '../../text.ts'
import { clip } from '../../outside-text/cut.ts'
import type { Chapter } from './chapter.ts'

/** Says in a few words how many commits are new, also when none could be listed. */
export function commitsInShort(changes: PlannedChanges): string {
  if (!changes.known) return "commits couldn't be listed"
  if (changes.behind > 0) return relation(changes)
  return changes.ahead === 0 ? 'the same commit' : counted(changes.ahead, 'commit')
}

/** How the new version relates to the running one. A version that lacks commits of the running one takes them back. */
function relation({ from, ahead, behind }: Extract<PlannedChanges, { known: true }>): string {
  return `the running version (${from.slice(0, 7)}) isn't an ancestor: ${counted(behind, 'commit')} only there, ${ahead} only here`
}

/** The newest commits, a line each. */
export function commitLines(changes: PlannedChanges, most: number): readonly string[] {
  if (!changes.known) return []
  const shown = changes.commits.slice(0, most).map(({ sha, subject, author }) => {
    return `${sha.slice(0, 7)} ${clip(oneLine(subject) || '(no subject)', 100)} – ${clip(oneLine(author) || 'unknown author', 40)}`
  })
  const more = changes.ahead - shown.length
  return more > 0 ? [...shown, `… and ${more} older`] : shown
}

const readFromWords = {
  image: '(from its image)',
  'tagged image': '(from the image that its tag names in the registry today)',
  tag: "(from its tag, as its image doesn't say)",
} as const

export function changesChapters(changes: PlannedChanges | undefined): readonly Chapter[] {
  if (changes === undefined) return []
  if (!changes.known) return [{ title: 'New commits', lines: [whyUnknown(changes)] }]
  const { from, readFrom, ahead, behind, files, paths, compareUrl } = changes
  const commits: Chapter = {
    title: `New commits (${ahead})`,
    lines: [
      `compared with ${from.slice(0, 7)}, running now ${readFromWords[readFrom]}`,
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
      return "couldn't be listed: neither the running image nor a tag says which commit it is"
    case 'not_in_repository':
      return `couldn't be listed: the repository has no commit ${changes.commit.slice(0, 12)}, which the running image names`
    case 'not_compared':
      return `couldn't be listed: ${clip(oneLine(changes.because), 200)}`
  }
}
