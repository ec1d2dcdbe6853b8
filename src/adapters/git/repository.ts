import { posix } from 'node:path'
import { archive } from './archive.ts'
import { changesBetween } from './changes.ts'
import { RepositoryError } from './errors.ts'
import { list } from './directory.ts'
import { readAll } from './files.ts'
import { gitFailed } from './git.ts'
import { hasLfs, lfsFiles } from './lfs.ts'
import { type Mirror, openMirror, type RepositoryLogin } from './mirror.ts'
import { records } from './records.ts'
import { nearest } from '../../nearest.ts'
import { firstOf } from '../../outside-text/excerpt.ts'
import type { Commit, FetchedBeside, Repository, Tag } from './port.ts'
import { submodulesOf } from './submodules.ts'

interface RepositoryOptions {
  readonly url: string
  /** The directory of the bare mirror; it is made when missing. */
  readonly mirrorDirectory: string
  /** The login for a private repository over https. */
  readonly login?: RepositoryLogin
  /** The time limit of each call of git. */
  readonly timeoutMs?: number
  /** The most bytes of all files that one look reads. */
  readonly mostBytes?: number
  /** What a checkout gets beside the files of the commit; nothing by default. */
  readonly fetched?: FetchedBeside
}

/** The most characters of a commit's subject. */
const longestSubject = 300
const defaultTimeoutMs = 60_000
const defaultMostBytes = 256 * 1024 * 1024

export function openRepository(options: RepositoryOptions): Repository {
  const timeoutMs = options.timeoutMs ?? defaultTimeoutMs
  const mostBytes = options.mostBytes ?? defaultMostBytes
  const mirror = openMirror({ ...options, timeoutMs })
  const { fetched = { lfs: false, submodules: false } } = options
  return {
    resolveVersion: (version, signal) => resolveTag(mirror, version, signal),
    tagNames: (signal) => mirror.originTags(signal),
    async tags(signal) {
      await mirror.fetch(signal)
      return listTags(mirror, signal)
    },
    async list(commit, directory, signal) {
      const doing = `listing ${directory || '.'} at ${checkedCommit(commit).slice(0, 7)}`
      return list({ mirror, commit, doing, mostBytes }, checkedPath(directory), signal)
    },
    async readAll(commit, wanted, signal) {
      const files = wanted.map((one) => ({ one, path: checkedPath(one.path) }))
      const found = await readAll(mirror, checkedCommit(commit), files, mostBytes, signal)
      return found.map(({ one, text }) => ({ ...one, text }))
    },
    changesBetween: (wanted, signal) => changesBetween(mirror, { ...wanted, to: checkedCommit(wanted.to) }, signal),
    async elsewhere(commit, signal) {
      await mirror.need(checkedCommit(commit), signal)
      const [lfs, submodules] = await Promise.all([
        lfsFiles(mirror, commit, signal),
        submodulesOf(mirror, commit, options.url, signal),
      ])
      return { lfs, submodules, lfsInstalled: fetched.lfs && lfs.length > 0 && (await hasLfs(signal)) }
    },
    async archive(commit, to, signal) {
      const { url, mirrorDirectory } = options
      const place = { mirror, url, mirrorDirectory, prefix: '' }
      // The login is the host's, and submodules of other hosts are refused.
      const open = (address: string, directory: string) =>
        openMirror({ ...options, url: address, mirrorDirectory: directory, timeoutMs })
      await archive(place, checkedCommit(commit), { fetched, open }, to, signal)
    },
  }
}

async function resolveTag(mirror: Mirror, version: string, signal: AbortSignal): Promise<Commit> {
  const doing = `looking for version ${JSON.stringify(version)}`
  // A tag's name may not look like an option, a range or a path upwards; git refuses most of it too.
  const plausible = /^[A-Za-z0-9][\w.+/-]{0,199}$/.test(version) && !version.includes('..')
  const object = plausible ? await mirror.fetchTag(version, signal) : undefined
  if (object !== undefined) {
    const format = '--format=%H%x00%cI%x00%s'
    const answer = await mirror.ask(['log', '-1', format, `refs/tags/${version}^{commit}`, '--'], doing, signal)
    if (answer.exitCode === 0) {
      const [sha = '', committedAt = '', subject = ''] = answer.stdout.toString().trimEnd().split('\0')
      const subjectShown = firstOf(subject, longestSubject)
      return { sha, subject: subjectShown, committedAt, ...(object === sha ? {} : { tagObject: object }) }
    }
  }
  const near = nearest(version, await mirror.originTags(signal))
  throw new RepositoryError('unknown_version', `${doing}: there's no such tag`, {
    hint: near.length > 0 ? `Closest: ${near.join(', ')}.` : 'The repository has no tags.',
    evidence: near,
  })
}

async function listTags(mirror: Mirror, signal: AbortSignal): Promise<readonly Tag[]> {
  const format =
    '--format=%(refname:strip=2)%00%(if)%(*objectname)%(then)%(*objectname)%(else)%(objectname)%(end)%00%(creatordate:iso-strict)'
  const args = ['for-each-ref', '--sort=-version:refname', '--sort=-creatordate', format, 'refs/tags/']
  const answer = await mirror.ask(args, 'listing the tags', signal)
  if (answer.exitCode !== 0) throw gitFailed({ doing: 'listing the tags' }, answer)
  return records(answer.stdout, '\n', (line) => {
    const [name = '', sha = '', createdAt = ''] = line.split('\0')
    return name === '' ? undefined : { name, sha, createdAt }
  })
}

function checkedCommit(commit: string): string {
  if (/^[0-9a-f]{40}([0-9a-f]{24})?$/.test(commit)) return commit
  throw new RepositoryError(
    'unknown_commit',
    `reading the repository: ${JSON.stringify(commit)} is not a full commit id`,
  )
}

function checkedPath(path: string): string {
  const normal = posix.normalize(path).replace(/\/+$/, '')
  if (path.includes('\0') || normal.startsWith('/') || normal.split('/').includes('..')) {
    throw new RepositoryError('file_missing', `reading the repository: ${JSON.stringify(path)} is outside of it`)
  }
  return normal === '.' ? '' : normal.replace(/^\.\//, '')
}
