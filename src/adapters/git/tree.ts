import { RepositoryError } from './errors.ts'
import type { Mirror } from './mirror.ts'
import { records } from './records.ts'

export interface TreeEntry {
  readonly path: string
  /** The id of the content: of a file, of the text of a link, of a directory, or of a submodule's commit. */
  readonly object: string
  readonly kind: 'file' | 'link' | 'directory' | 'submodule'
}

/** Modes as git stores them; every other one is a file. */
const kinds: Readonly<Record<string, TreeEntry['kind']>> = {
  '040000': 'directory',
  '120000': 'link',
  '160000': 'submodule',
}

/** Lists what stands at the places of a commit; a place that ends with `/` stands for what is in it. */
export async function treeEntries(
  mirror: Mirror,
  commit: string,
  places: readonly string[],
  { doing, options = [] }: { readonly doing: string; readonly options?: readonly string[] },
  signal: AbortSignal,
): Promise<readonly TreeEntry[]> {
  const look = () => mirror.ask(['ls-tree', '-z', ...options, commit, '--', ...places], doing, signal)
  let answer = await look()
  if (answer.exitCode !== 0) {
    await mirror.need(commit, signal)
    answer = await look()
  }
  if (answer.exitCode !== 0)
    throw new RepositoryError('file_missing', `${doing}: it is not there`, {
      hint: 'Check the path in the configuration against the repository at this version.',
      evidence: answer.stderr.split('\n').filter(Boolean).slice(-3),
    })
  return records(answer.stdout, '\0', (line) => {
    const [, mode = '', object, path] = /^(\d+) \w+ (\S+)\t(.*)$/s.exec(line) ?? []
    return object === undefined || path === undefined ? undefined : { object, path, kind: kinds[mode] ?? 'file' }
  })
}
