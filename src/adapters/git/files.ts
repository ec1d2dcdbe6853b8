import { posix } from 'node:path'
import { Readable, Writable } from 'node:stream'
import { BatchReader } from './batch.ts'
import { RepositoryError } from './errors.ts'
import { gitFailed } from './git.ts'
import { isPointer } from './lfs-pointer.ts'
import type { Mirror } from './mirror.ts'

interface Entry {
  readonly path: string
  /** The id of the file's content. */
  readonly object: string
}

/** Lists the names of the files directly in the directory. */
export async function list(
  mirror: Mirror,
  commit: string,
  directory: string,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const doing = `listing ${directory || '.'} at ${commit.slice(0, 7)}`
  const entries = await entriesOf(mirror, commit, directory === '' ? [] : [`${directory}/`], doing, signal)
  return entries.map(({ path }) => posix.basename(path)).sort()
}

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
  const entries = await entriesOf(mirror, commit, [...places], doing, signal)
  const objects = new Map(entries.map(({ path, object }) => [path, object]))
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

/** Lists the files, without directories and submodules. */
async function entriesOf(
  mirror: Mirror,
  commit: string,
  places: readonly string[],
  doing: string,
  signal: AbortSignal,
): Promise<readonly Entry[]> {
  const look = () => mirror.ask(['ls-tree', '-z', commit, '--', ...places], doing, signal)
  let answer = await look()
  if (answer.exitCode !== 0) {
    await mirror.need(commit, signal)
    answer = await look()
  }
  if (answer.exitCode !== 0) throw notThere(doing, answer.stderr.split('\n').filter(Boolean).slice(-3))
  return answer.stdout
    .toString()
    .split('\0')
    .flatMap((line) => {
      const [, object, path] = /^\d+ blob (\S+)\t(.*)$/s.exec(line) ?? []
      return object === undefined || path === undefined ? [] : [{ object, path }]
    })
}

/** Reads the contents of objects by their ids, in one look. */
export async function contents(
  mirror: Mirror,
  objects: ReadonlySet<string>,
  options: { readonly doing: string; readonly mostBytes: number },
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  const texts = new Map<string, string>()
  const reader = new BatchReader(options, (object, content) => void texts.set(object, content.toString()))
  const unfit = new AbortController()
  const stdoutTo = new Writable({
    write(chunk: Buffer, _encoding, done) {
      try {
        if (!unfit.signal.aborted) reader.take(chunk)
      } catch (error) {
        // This ends git at once, rather than when it has printed all the rest.
        unfit.abort(error)
      }
      done()
    },
  })
  const stdin = Readable.from([`${[...objects].join('\n')}\n`])
  const args = ['cat-file', '--batch', '--buffer']
  const either = AbortSignal.any([signal, unfit.signal])
  const answer = await mirror.ask(args, options.doing, either, { stdin, stdoutTo })
  await new Promise<void>((resolve) => stdoutTo.end(resolve))
  unfit.signal.throwIfAborted()
  if (answer.exitCode !== 0) throw gitFailed({ doing: options.doing }, answer)
  reader.end()
  return texts
}

function notHere(doing: string): RepositoryError {
  return new RepositoryError(
    'git_lfs_pointer',
    `${doing}: it is kept in Git LFS, and the repository has its pointer only`,
    {
      hint: 'Take migrations and manifests out of Git LFS: they are read from the repository itself.',
    },
  )
}

function notThere(doing: string, evidence: readonly string[]): RepositoryError {
  return new RepositoryError('file_missing', `${doing}: it is not there`, {
    hint: 'Check the path in the configuration against the repository at this version.',
    evidence,
  })
}
