import type { Tag } from '../../adapters/git/port.ts'
import { compareUrl } from '../../model/compare-url.ts'
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
  const { world, service, signal } = context
  const found = await runningCommit(context, running)
  if (found === undefined) return { known: false, why: 'running_commit_unknown' }
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

interface RunningCommit {
  readonly commit: string
  readonly readFrom: 'image' | 'tag'
}

/** The image knows best what it was built from: its tag may have moved since. */
async function runningCommit(context: PhaseContext, { image, version }: Running): Promise<RunningCommit | undefined> {
  const revision = await revisionOf(context, image)
  if (revision !== undefined) return { commit: revision, readFrom: 'image' }
  if (version === undefined) return undefined
  const tags: readonly Tag[] = await context.world.repository.tags(context.signal)
  const tag = tags.find(({ name }) => name === version)
  return tag === undefined ? undefined : { commit: tag.sha, readFrom: 'tag' }
}

async function revisionOf({ world, service, signal }: PhaseContext, image: string): Promise<string | undefined> {
  const named = /(?:@(?<digest>sha256:[0-9a-f]{64})|:(?<tag>[\w.-]+))$/.exec(image)?.groups
  const reference = named?.['digest'] ?? named?.['tag']
  if (reference === undefined) return undefined
  try {
    const { revision } = await world.registry.resolve(service.image.repository, reference, signal)
    return revision !== undefined && /^[0-9a-f]{7,64}$/.test(revision) ? revision : undefined
  } catch {
    signal.throwIfAborted()
    // The registry may have removed what runs; its tag in the repository still tells.
    return undefined
  }
}
