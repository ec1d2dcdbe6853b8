import { lstat, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Logger } from 'pino'

/** No phase works that long: what is older was left by a process that was killed. */
const workspaceAgeMs = 24 * 3_600_000
/** No call of git takes that long. */
const gitAgeMs = 3_600_000

interface Leftovers {
  readonly directory: string
  readonly isLeft: (name: string) => boolean
  readonly olderThanMs: number
}

/**
 * Removes what killed processes have left in the data directory: workspaces, half-made mirrors, and in the mirror git's
 * half-written packs and locks, which would refuse each fetch. Returns how many there were.
 */
export async function removeLeftovers(dataDirectory: string, log: Pick<Logger, 'info' | 'warn'>): Promise<number> {
  const mirror = join(dataDirectory, 'mirror.git')
  const places: readonly Leftovers[] = [
    { directory: join(dataDirectory, 'workspaces'), isLeft: () => true, olderThanMs: workspaceAgeMs },
    { directory: dataDirectory, isLeft: (name) => /^mirror\.git\..+\.partial$/.test(name), olderThanMs: gitAgeMs },
    { directory: mirror, isLeft: (name) => name.endsWith('.lock'), olderThanMs: gitAgeMs },
    { directory: join(mirror, 'objects', 'pack'), isLeft: (name) => name.startsWith('tmp_'), olderThanMs: gitAgeMs },
  ]
  let removed = 0
  for (const place of places) removed += await removeFrom(place, log)
  if (removed > 0) log.info({ removed }, 'removed what killed processes have left in the data directory')
  return removed
}

async function removeFrom({ directory, isLeft, olderThanMs }: Leftovers, log: Pick<Logger, 'warn'>): Promise<number> {
  let removed = 0
  for (const name of await readdir(directory).catch(() => [])) {
    if (!isLeft(name)) continue
    const path = join(directory, name)
    const facts = await lstat(path).catch(() => undefined)
    if (facts === undefined || Date.now() - facts.mtimeMs < olderThanMs) continue
    try {
      await rm(path, { recursive: true, force: true })
      removed += 1
    } catch (error) {
      log.warn({ err: error }, `${path} is left over and cannot be removed. Remove it by hand`)
    }
  }
  return removed
}
