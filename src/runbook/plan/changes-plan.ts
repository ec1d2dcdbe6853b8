import type { Tag } from '../../adapters/git/port.ts'
import { PurserError } from '../../errors.ts'
import { imageName, sameRepository } from '../../image-name.ts'
import { compareUrl } from '../../model/compare-url.ts'
import { commitIn } from '../../model/revision-label.ts'
import type { PlannedChanges } from '../../model/planned-changes.ts'
import type { PhaseContext } from '../phase.ts'

const mostCommits = 30
const mostFiles = 30

interface Running {
  readonly image: string
  readonly version: string | undefined
}

/** Tells what is new in the commit against what runs. What cannot be told is said, and keeps no plan from being made. */
export async function planChanges(context: PhaseContext, running: Running, to: string): Promise<PlannedChanges> {
  try {
    const found = await runningCommit(context, running)
    return found === undefined ? { known: false, why: 'running_commit_unknown' } : await compared(context, found, to)
  } catch (error) {
    context.signal.throwIfAborted()
    if (!(error instanceof PurserError)) throw error
    return { known: false, why: 'not_compared', because: error.message }
  }
}

interface RunningCommit {
  readonly commit: string
  readonly readFrom: Extract<PlannedChanges, { known: true }>['readFrom']
}

async function compared(context: PhaseContext, found: RunningCommit, to: string): Promise<PlannedChanges> {
  const { world, service, signal } = context
  const wanted = { from: found.commit, to, paths: service.paths, mostCommits, mostFiles }
  const changes = await world.repository.changesBetween(wanted, signal)
  if (changes === undefined) return { known: false, why: 'not_in_repository', commit: found.commit }
  const { from, ahead, behind, commits, files, matching, matched } = changes
  const url = compareUrl(service.repository, from, to, service.forge)
  return {
    known: true,
    from,
    readFrom: found.readFrom,
    ahead,
    behind,
    commits,
    files,
    ...(service.paths.length === 0 ? {} : { paths: { matching, matched } }),
    ...(url === undefined ? {} : { compareUrl: url }),
  }
}

/** The image knows best what it was built from: its tag may have moved since. */
export async function runningCommit(
  context: PhaseContext,
  { image, version }: Running,
): Promise<RunningCommit | undefined> {
  const labelled = await commitOfImage(context, image)
  if (labelled !== undefined) return labelled
  if (version === undefined) return undefined
  const tags: readonly Tag[] = await context.world.repository.tags(context.signal)
  const tag = tags.find(({ name }) => name === version)
  return tag === undefined ? undefined : { commit: tag.sha, readFrom: 'tag' }
}

async function commitOfImage(context: PhaseContext, image: string): Promise<RunningCommit | undefined> {
  const { world, service, signal } = context
  const { tag, digest } = imageName(image)
  const reference = digest ?? tag
  // What another repository has under the same tag says nothing of what runs.
  if (reference === undefined || !sameRepository(image, service.image.repository)) return undefined
  try {
    const { revision } = await world.registry.resolve(service.image.repository, reference, signal)
    const named = commitIn(revision)
    // What was built from a commit and changed is none that could be compared with.
    if (named === undefined || named.changed) return undefined
    return { commit: named.digits, readFrom: digest === undefined ? 'tagged image' : 'image' }
  } catch (error) {
    signal.throwIfAborted()
    if (!(error instanceof PurserError)) throw error
    // The registry may have removed what runs; its tag in the repository still tells.
    return undefined
  }
}
