import { firstOf } from '../../outside-text/excerpt.ts'
import { gitFailed } from './git.ts'
import type { Mirror } from './mirror.ts'
import type { ChangedCommit, Changes, ChangesWanted } from './port.ts'

const doing = 'comparing what runs with the new version'
/**
 * The most characters of a subject and of a name that git prints: it cuts them itself, however long they are. It does so by columns, and
 * characters that take none are as many as one likes: so they are cut once more.
 */
const longestSubject = 300
const longestAuthor = 80

/** Compares two commits in a handful of calls of git, however many commits lie between them; undefined when the repository has no commit `from`. Changes nothing. */
export async function changesBetween(
  mirror: Mirror,
  { from, to, paths, mostCommits, mostFiles }: ChangesWanted,
  signal: AbortSignal,
): Promise<Changes | undefined> {
  await mirror.need(to, signal)
  const base = await commitOf(mirror, from, signal)
  if (base === undefined) return undefined
  const [counts, commits, files] = await Promise.all([
    countsOf(mirror, base, to, signal),
    commitsOf(mirror, base, to, mostCommits, signal),
    filesOf(mirror, base, to, [], signal),
  ])
  const matching = paths.length === 0 ? [] : await filesOf(mirror, base, to, paths, signal)
  return {
    from: base,
    ...counts,
    commits,
    files: files.length,
    matching: matching.length,
    matched: matching.slice(0, mostFiles),
  }
}

async function commitOf(mirror: Mirror, from: string, signal: AbortSignal): Promise<string | undefined> {
  // A label of an image is text from outside: nothing but hexadecimal digits reaches git.
  if (!/^[0-9a-f]{7,64}$/.test(from)) return undefined
  const args = ['rev-parse', '--verify', '--quiet', '--end-of-options', `${from}^{commit}`]
  for (const fetched of [false, true]) {
    if (fetched) await mirror.fetch(signal)
    const { exitCode, stdout } = await mirror.ask(args, doing, signal)
    if (exitCode === 0) return stdout.toString().trim()
  }
  return undefined
}

async function countsOf(mirror: Mirror, from: string, to: string, signal: AbortSignal) {
  const printed = await ask(mirror, ['rev-list', '--left-right', '--count', `${from}...${to}`, '--'], signal)
  const [behind = 0, ahead = 0] = printed.trim().split('\t').map(Number)
  return { ahead, behind }
}

async function commitsOf(
  mirror: Mirror,
  from: string,
  to: string,
  most: number,
  signal: AbortSignal,
): Promise<readonly ChangedCommit[]> {
  const format = `--format=%H%x00%<(${longestAuthor},trunc)%an%x00%<(${longestSubject},trunc)%s`
  const args = ['log', '-z', `--max-count=${most}`, '--no-show-signature', '--no-color', '--encoding=UTF-8', format]
  const fields = (await ask(mirror, [...args, `${from}..${to}`, '--'], signal)).split('\0')
  const commits: ChangedCommit[] = []
  for (let at = 0; at + 2 < fields.length; at += 3) {
    const [sha = '', author = '', subject = ''] = fields.slice(at, at + 3)
    commits.push({ sha, author: firstOf(author, longestAuthor), subject: firstOf(subject, longestSubject) })
  }
  return commits
}

/** Lists the files that differ, as git itself matches them; a renamed one is both of its names. */
async function filesOf(
  mirror: Mirror,
  from: string,
  to: string,
  paths: readonly string[],
  signal: AbortSignal,
): Promise<readonly string[]> {
  const globs = ['--no-literal-pathspecs', '--glob-pathspecs']
  const args = [...globs, 'diff-tree', '-r', '-z', '--name-only', '--no-renames', from, to, '--', ...paths]
  return (await ask(mirror, args, signal)).split('\0').filter(Boolean)
}

async function ask(mirror: Mirror, args: readonly string[], signal: AbortSignal): Promise<string> {
  const answer = await mirror.ask(args, doing, signal)
  if (answer.exitCode !== 0) throw gitFailed({ doing }, answer)
  return answer.stdout.toString()
}
