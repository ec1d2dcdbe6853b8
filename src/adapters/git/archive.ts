import type { Writable } from 'node:stream'
import { RepositoryError } from './errors.ts'
import { gitFailed } from './git.ts'
import { hasLfs, lfsFailed, lfsFiles, lfsMissing, lfsSettings } from './lfs.ts'
import type { Mirror } from './mirror.ts'
import type { FetchedBeside } from './port.ts'
import { submoduleMirror, submodulesOf } from './submodules.ts'

interface Place {
  readonly mirror: Mirror
  /** Where the mirror gets its commits from; submodules may be relative to it. */
  readonly url: string
  /** The mirror of the repository itself; those of submodules lie beside it. */
  readonly mirrorDirectory: string
  /** The directory of the checkout in which the files are put; empty for its top. */
  readonly prefix: string
}

interface ArchiveOptions {
  readonly fetched: FetchedBeside
  /** Opens the mirror of a submodule. */
  readonly open: (url: string, mirrorDirectory: string) => Mirror
}

/** Submodules of submodules, and of those; deeper ones are a circle or a joke. */
const deepest = 5

/**
 * Writes all files of a commit as a tar archive, and one more behind it for each submodule: tar reads them as one by
 * `--ignore-zeros`. The stream is not ended.
 */
export async function archive(
  place: Place,
  commit: string,
  options: ArchiveOptions,
  to: Writable,
  signal: AbortSignal,
  depth = 0,
): Promise<void> {
  const { mirror, url, prefix, mirrorDirectory } = place
  const what = prefix === '' ? `reading ${commit.slice(0, 7)}` : `reading submodule ${prefix} at ${commit.slice(0, 7)}`
  await mirror.need(commit, signal)
  const settings = options.fetched.lfs ? await settingsFor(place, commit, what, signal) : {}
  const args = ['archive', '--format=tar', ...(prefix === '' ? [] : [`--prefix=${prefix}/`]), commit]
  const answer = await mirror.ask(args, what, signal, { stdoutTo: to, settings })
  if (answer.exitCode !== 0)
    throw (options.fetched.lfs ? lfsFailed(what, answer) : undefined) ?? gitFailed({ doing: what }, answer)
  if (!options.fetched.submodules) return
  for (const submodule of await submodulesOf(mirror, commit, url, signal)) {
    const path = prefix === '' ? submodule.path : `${prefix}/${submodule.path}`
    if (submodule.url === undefined || submodule.why !== undefined)
      throw refused(what, path, submodule.why ?? '.gitmodules has no address for it')
    if (depth >= deepest) throw refused(what, path, `it lies in more than ${deepest} others`)
    const own = options.open(submodule.url, submoduleMirror(mirrorDirectory, submodule.url))
    const inside = { mirror: own, url: submodule.url, mirrorDirectory, prefix: path }
    await archive(inside, submodule.commit, options, to, signal, depth + 1)
  }
}

async function settingsFor({ mirror, url }: Place, commit: string, what: string, signal: AbortSignal) {
  const files = await lfsFiles(mirror, commit, signal)
  if (files.length === 0) return {}
  if (await hasLfs(signal)) return lfsSettings(url)
  throw lfsMissing(what, files)
}

function refused(what: string, path: string, why: string): RepositoryError {
  return new RepositoryError('submodule_refused', `${what}: submodule ${path} is not fetched, as ${why}`, {
    hint: 'Correct .gitmodules, or set service.git.submodules to false: the directory is empty then.',
  })
}
