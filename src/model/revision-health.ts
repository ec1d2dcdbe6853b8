import { sameImage } from '../image-name.ts'
import type { RevisionSeen } from './deployment-seen.ts'
import type { ImageAfter, ImageBefore } from './effects/image.ts'

/** An image that a run set, as the state database has it. */
export interface Release {
  readonly run: number
  readonly version: string
  readonly before: ImageBefore
  readonly after: ImageAfter | undefined
  /** The status of the phase that rolled it out. */
  readonly rollout: string
}

/**
 * - `serves`: its pods serve now
 * - `served`: Purser saw its rollout completed
 * - `failed`: Purser saw its rollout fail
 * - `unknown`: the cluster does not keep how a replaced revision did, and Purser did not see it
 */
export type Health = 'serves' | 'served' | 'failed' | 'unknown'

/** Tells how a revision does or did, from what the cluster shows and what runs have recorded. Pure. */
export function healthOf(seen: RevisionSeen, releases: readonly Release[]): Health {
  if (seen.serves) return 'serves'
  const { uid } = seen.replicaSet
  const same = (after: ImageAfter | undefined) => after?.templateHash === seen.templateHash
  const stoodAs = (before: ImageBefore, proven: boolean) => before.proven === proven && before.replicaSet?.uid === uid
  const served = releases.some(({ before, after }) => stoodAs(before, true) || (after?.served === true && same(after)))
  if (served) return 'served'
  const failed = releases.some(
    ({ before, after, rollout }) => stoodAs(before, false) || (same(after) && rollout === 'failed'),
  )
  return failed ? 'failed' : 'unknown'
}

/** Finds the version that an image is of, as runs have recorded it. Pure. */
export function versionIn(releases: readonly Release[], image: string): string | null {
  const set = releases.find(({ after }) => after !== undefined && sameImage(after.image, image))
  const stood = releases.find(({ before }) => sameImage(before.image, image) && before.version !== null)
  return set?.version ?? stood?.before.version ?? null
}
