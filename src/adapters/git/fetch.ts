import { randomBytes } from 'node:crypto'
import { chmod, mkdir, mkdtemp, readdir, readFile, rename, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { RepositoryError } from './errors.ts'
import { keepSettings } from './settings.ts'
import { git, type GitAnswer, type GitRequest, gitText, lines } from './git.ts'
import { records } from './records.ts'

/** The place from which a mirror gets its commits, and the place where it is. */
export interface Origin {
  /** The directory of the mirror. */
  readonly directory: string
  readonly timeoutMs: number
  /** Makes a call of git in the mirror or another directory; there the origin has the name `origin`. */
  request(args: readonly string[], doing: string, gitDirectory?: string): GitRequest
}

const doing = 'fetching the repository'
const fetching = ['fetch', '--quiet', '--no-tags', '--no-write-fetch-head'] as const
const everything = ['--prune', 'origin', '+refs/heads/*:refs/heads/*', '+refs/tags/*:refs/tags/*'] as const

/**
 * The tries for git's locks, which refuse a worker for a moment while another one on this machine fetches into the
 * mirror.
 */
const lockTries = 6
const lockRefused = /cannot lock ref|\.lock': File exists|unable to create .*lock/i
const noSuchTag = /couldn't find remote ref|invalid refspec/i

/**
 * Fetches unless the mirror has every branch and tag as the origin has them now: to compare two lists of names and ids
 * takes a third of a fetch that finds nothing.
 */
export async function fetchChanges(origin: Origin, signal: AbortSignal): Promise<void> {
  if (!(await isMade(origin))) return fetchAll(origin, signal)
  const format = '--format=%(objectname)%09%(refname)'
  const [there, here] = await Promise.all([
    refsOfOrigin(origin, ['--heads', '--tags'], doing, signal),
    gitText(origin.request(['for-each-ref', format, 'refs/heads/', 'refs/tags/'], doing), signal),
  ])
  // Both lists are in the order of the names. If ever they were not, a fetch would find nothing new.
  if (there === here) await tidy(origin, signal)
  else await fetchAll(origin, signal)
}

async function fetchAll(origin: Origin, signal: AbortSignal): Promise<void> {
  if (!(await isMade(origin))) await make(origin, signal)
  const request = origin.request([...fetching, ...everything], doing)
  for (let attempt = 1; ; attempt += 1) {
    const answer = await git(request, signal)
    if (answer.exitCode === 0) break
    if (!lockRefused.test(answer.stderr) || attempt >= lockTries) throw fetchFailed(request, answer)
    await sleep(50 * 2 ** attempt, undefined, { signal }).catch(() => signal.throwIfAborted())
  }
  await tidy(origin, signal)
}

/**
 * Fetches one tag into a repository that shares the mirror's objects, but has no other tag. Git reads every tag of the
 * repository that it fetches into, to see what of the origin's is there already: most of a second when they are twenty
 * thousand. Returns the object that the tag names: the commit, or the tag's own when it is annotated; undefined without such
 * a tag.
 */
export async function fetchTag(origin: Origin, name: string, signal: AbortSignal): Promise<string | undefined> {
  const tag = `refs/tags/${name}`
  if (await isMade(origin)) {
    const found = await askForTag(origin, tag, signal)
    if (found === 'missing') return undefined
    if (!found.changed) return found.object
    const { exitCode } = await git(origin.request(['update-ref', tag, found.object], doing), signal)
    // A failure says that another worker is at it, or that a tag is in the way that the origin no longer has (`v1` of
    // `v1/x`).
    if (exitCode === 0) return found.object
  }
  await fetchAll(origin, signal)
  const { exitCode, stdout } = await git(origin.request(['rev-parse', '--verify', '--quiet', tag], doing), signal)
  return exitCode === 0 ? stdout.toString().trim() : undefined
}

async function askForTag(
  origin: Origin,
  tag: string,
  signal: AbortSignal,
): Promise<'missing' | { readonly object: string; readonly changed: boolean }> {
  const known = await refsFor(origin, tag, signal)
  const directory = await mkdtemp(join(tmpdir(), 'purser-tag-'))
  try {
    await mkdir(join(directory, 'refs'))
    await symlink(join(origin.directory, 'objects'), join(directory, 'objects'))
    await writeFile(join(directory, 'HEAD'), 'ref: refs/heads/main\n')
    await writeFile(join(directory, 'packed-refs'), known)
    // Maintenance is off: it would take what only the mirror's other tags need for rubbish.
    const args = [...fetching, '--no-auto-maintenance', 'origin', `+${tag}:${tag}`]
    const request = origin.request(args, doing, directory)
    const answer = await git(request, signal)
    if (noSuchTag.test(answer.stderr)) return 'missing'
    if (answer.exitCode !== 0) throw fetchFailed(request, answer)
    // Git writes a ref of its own beside the packed ones when it is new, or another than before.
    const written = await readFile(join(directory, tag), 'utf8').catch(() => undefined)
    if (written !== undefined) return { object: written.trim(), changed: true }
    const [object = ''] =
      known
        .split('\n')
        .find((line) => line.endsWith(` ${tag}`))
        ?.split(' ') ?? []
    return { object, changed: false }
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

/** Lists the tag as the mirror has it, and its branches, which tell what need not be sent and are few. */
async function refsFor(origin: Origin, tag: string, signal: AbortSignal): Promise<string> {
  const args = ['for-each-ref', '--format=%(objectname) %(refname)', 'refs/heads/', tag]
  const listed = await gitText(origin.request(args, doing), signal)
  // Git lists `v1/x` for `v1` as well, which would be in the way.
  return listed.replaceAll(/^\S+ (refs\/tags\/.*)\n/gm, (line, ref: string) => (ref === tag ? line : ''))
}

export async function tagsOfOrigin(origin: Origin, signal: AbortSignal): Promise<readonly string[]> {
  if (!(await isMade(origin))) await make(origin, signal)
  const listed = await refsOfOrigin(origin, ['--tags'], 'listing the tags of the repository', signal)
  return records(Buffer.from(listed), '\n', (line) => /\trefs\/tags\/(.+)$/.exec(line)?.[1])
}

async function refsOfOrigin(
  origin: Origin,
  which: readonly string[],
  asking: string,
  signal: AbortSignal,
): Promise<string> {
  const request = origin.request(['ls-remote', '--quiet', '--refs', ...which, 'origin'], asking)
  const answer = await git(request, signal)
  if (answer.exitCode !== 0) throw fetchFailed(request, answer)
  return answer.stdout.toString()
}

export async function needCommit(origin: Origin, commit: string, signal: AbortSignal): Promise<void> {
  // A worker whose disk is new has no mirror yet.
  if (!(await isMade(origin))) return fetchAll(origin, signal)
  const request = origin.request(['cat-file', '-e', `${commit}^{commit}`], `looking for ${commit.slice(0, 7)}`)
  const { exitCode } = await git(request, signal)
  if (exitCode !== 0) await fetchAll(origin, signal)
}

async function isMade({ directory }: Origin): Promise<boolean> {
  return (await stat(join(directory, 'HEAD')).catch(() => undefined)) !== undefined
}

/** Makes the empty mirror aside and moves it into place: two workers may begin at once. */
async function make(origin: Origin, signal: AbortSignal): Promise<void> {
  const { directory, timeoutMs } = origin
  const aside = `${directory}.${randomBytes(4).toString('hex')}.partial`
  await mkdir(dirname(directory), { recursive: true, mode: 0o700 })
  const args = ['init', '--quiet', '--bare', '--template=', '--', aside]
  await gitText({ args, cwd: dirname(directory), doing: 'making the mirror of the repository', timeoutMs }, signal)
  await chmod(aside, 0o700)
  await keepSettings(aside)
  await rename(aside, directory).catch(async (error: unknown) => {
    await rm(aside, { recursive: true, force: true })
    if (!(await isMade(origin))) throw error
  })
}

/**
 * The number of loose refs from which the mirror is tidied: git keeps each fetched ref in a file of its own, and opens
 * all of these files on every fetch.
 */
const mostLooseRefs = 500

/**
 * Puts many refs into one file, and what fetches look up about their commits into another. Without them git is only
 * slow.
 */
async function tidy(origin: Origin, signal: AbortSignal): Promise<void> {
  const loose = await readdir(join(origin.directory, 'refs'), { recursive: true }).catch(() => [])
  if (loose.length < mostLooseRefs) return
  for (const args of [
    ['pack-refs', '--all'],
    ['commit-graph', 'write', '--reachable'],
  ])
    await git(origin.request(args, 'tidying the mirror of the repository'), signal).catch(() => signal.throwIfAborted())
}

function fetchFailed({ doing: what, masked }: GitRequest, { stderr }: GitAnswer): RepositoryError {
  const evidence = lines(stderr, masked)
  if (/Authentication failed|Permission denied|could not read Username|403/.test(stderr)) {
    const hint = 'Check the repository token (service.repositoryTokenEnv) and that it can read the repository.'
    return new RepositoryError('repository_denied', `${what}: access is denied`, { hint, evidence })
  }
  if (/does not appear to be a git repository|Repository not found|does not exist|not found/i.test(stderr)) {
    const hint = 'Check the repository’s address in the configuration.'
    return new RepositoryError('repository_missing', `${what}: no such repository`, { hint, evidence })
  }
  const hint = 'Check that Purser can reach the repository, then try again.'
  return new RepositoryError('repository_unreachable', `${what}: can't reach it`, {
    hint,
    evidence,
    transient: true,
  })
}
