import { sameImage } from '../image-name.ts'

/** A deploy that succeeded in another environment. */
export interface EarlierDeploy {
  readonly run: number
  readonly version: string
  readonly commit: string
  /** What it rolled out, as `repository@sha256:…`. */
  readonly image: string | undefined
  /** The rollback that took it back. */
  readonly rolledBackBy: number | undefined
}

/** What is to be deployed here. */
interface Candidate {
  readonly version: string
  readonly commit: string
  /** `repository@sha256:…`; undefined while the image is still to be built. */
  readonly image: string | undefined
}

/** Why a release has not proven itself in the environment that comes before. */
export type Unproven =
  | { readonly reason: 'never_deployed' }
  | { readonly reason: 'image_to_be_built' }
  /** The version ran there, but its tag named another commit: other code, and other migrations. */
  | { readonly reason: 'other_commit'; readonly run: number; readonly commit: string }
  | { readonly reason: 'other_image'; readonly run: number; readonly image: string }
  | { readonly reason: 'rolled_back'; readonly run: number; readonly by: number }

/**
 * Tells why a release may not come here yet; undefined when a deploy of the same commit and image has succeeded there and
 * stands. The same commit has the same migrations. `deploys` are the successful ones there, the newest first. Pure.
 */
export function whyUnproven(wanted: Candidate, deploys: readonly EarlierDeploy[]): Unproven | undefined {
  const same = deploys.filter(({ version }) => version === wanted.version)
  const [newest] = same
  if (newest === undefined) return { reason: 'never_deployed' }
  const { run, commit, image, rolledBackBy } = newest
  if (rolledBackBy !== undefined) return { reason: 'rolled_back', run, by: rolledBackBy }
  if (commit !== wanted.commit) return { reason: 'other_commit', run, commit }
  if (wanted.image === undefined) return { reason: 'image_to_be_built' }
  if (image !== undefined && sameImage(image, wanted.image)) return undefined
  return { reason: 'other_image', run, image: image ?? 'an unknown image' }
}
