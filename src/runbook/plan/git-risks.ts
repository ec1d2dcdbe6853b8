import type { FilesElsewhere } from '../../adapters/git/port.ts'
import { clipped } from '../../outside-text/excerpt.ts'
import { visible } from '../../outside-text/visible.ts'
import { counted, oneLine } from '../../text.ts'
import type { PhaseContext } from '../phase.ts'

const mostNamed = 3
const longestPath = 80

/** Says what commands of the version will not find in their checkout, or whether it can be fetched. Changes nothing. */
export async function gitRisks(
  { world, service, run, signal }: PhaseContext,
  commit: string,
): Promise<readonly string[]> {
  const elsewhere = await world.repository.elsewhere(commit, signal)
  return [
    ...lfsRisk(elsewhere, service.git.lfs, run.version),
    ...submoduleRisks(elsewhere, service.git.submodules, run.version),
  ]
}

function lfsRisk({ lfs, lfsInstalled }: FilesElsewhere, fetched: boolean, version: string): readonly string[] {
  if (lfs.length === 0 || (fetched && lfsInstalled)) return []
  const files = `${counted(lfs.length, 'file')} of ${version} ${lfs.length === 1 ? 'is' : 'are'} kept in Git LFS (${named(lfs)})`
  if (fetched)
    return [`${files}, and git-lfs is not installed where Purser runs: every phase that runs a command will fail.`]
  return [`${files}: its commands find pointers in their place. service.git.lfs fetches them.`]
}

function submoduleRisks({ submodules }: FilesElsewhere, fetched: boolean, version: string): readonly string[] {
  if (submodules.length === 0) return []
  const what = `${version} has ${counted(submodules.length, 'submodule')} (${named(submodules.map(({ path }) => path))})`
  if (!fetched)
    return [`${what}: its commands find empty directories in their place. service.git.submodules fetches them.`]
  return submodules.flatMap(({ path, why }) =>
    why === undefined
      ? []
      : [
          `Submodule ${shown(path)} is not fetched, as ${oneLine(visible(why))}: every phase that runs a command will fail.`,
        ],
  )
}

function named(paths: readonly string[]): string {
  const more = paths.length - mostNamed
  return [...paths.slice(0, mostNamed).map(shown), ...(more > 0 ? [`${more} more`] : [])].join(', ')
}

function shown(path: string): string {
  return clipped(oneLine(path), longestPath)
}
