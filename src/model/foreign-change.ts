import { sameImage } from '../image-name.ts'
import type { DeploymentSeen } from './deployment-seen.ts'
import type { EffectOf } from './effects/effects.ts'

/** What the Deployment should still be: what a run made of it, or what it was when a plan was made. */
type Since = { readonly kind: 'set_by_run'; readonly run: number } | { readonly kind: 'planned' }

/** The state of the Deployment that was known last, and when. */
interface FormerState {
  readonly run: number
  /** The name of the Deployment. */
  readonly target: string
  readonly at: Date
  readonly since: Since
}

/** What somebody else made of the Deployment; `foreignChangeSentence` words it. */
export interface ForeignChange {
  readonly deployment: string
  /** The field manager that wrote it last, if it wrote since; undefined when the cluster does not tell. */
  readonly manager: string | undefined
  /** The time of that write, by ISO 8601. */
  readonly at: string | undefined
  /** The other run of Purser, when the change cause names one. */
  readonly otherRun: number | undefined
  /** The change cause that somebody else gave; undefined when there is none or Purser wrote it. */
  readonly changeCause: string | undefined
  readonly since: Since
  /** The image that runs now. */
  readonly image: string
  /** The image that should run, when only the images could be compared. */
  readonly recordedImage: string | undefined
  /** What differs between what the run set and what is there now; empty when the former template is not kept. */
  readonly lines: readonly string[]
}

/**
 * The paths of changes that harm nobody: restarting pods changes nothing of what they run, and other runs of Purser
 * write their own annotations.
 */
const harmless = /^metadata\.annotations(\.|: added \{")(purser\/|kubectl\.kubernetes\.io\/restartedAt)/

/**
 * Tells what somebody else made of the Deployment since the run set its image; undefined when it is as it should be.
 * Pure.
 */
export function foreignChange(
  seen: DeploymentSeen,
  effect: Pick<EffectOf<'image'>, 'run' | 'target' | 'at' | 'before' | 'after'>,
  chosen?: { readonly from?: string; readonly uid?: string },
): ForeignChange | undefined {
  const { before, after } = effect
  const current = seen.revisions.find((revision) => revision.current)
  const back = [before.replicaSet?.uid, chosen?.uid].some((uid) => uid !== undefined && uid === current?.replicaSet.uid)
  if (back || seen.templateHash === before.templateHash) return undefined
  const set = { ...effect, since: { kind: 'set_by_run', run: effect.run } } as const
  // Somebody saw and confirmed the chosen state, so only what came after it is foreign.
  const ours = chosen?.from ?? after?.templateHash
  if (ours !== undefined) return changeSince(seen, ours, set)
  // After a crash between the change and its record nothing is known of what it set.
  if (after === undefined || [after.image, before.image].some((image) => sameImage(image, seen.image))) return undefined
  return { ...whoChanged(seen, set), recordedImage: after.image, lines: [] }
}

/** Tells what somebody made of the template that had this hash; undefined when nothing that runs is another. Pure. */
export function changeSince(seen: DeploymentSeen, templateHash: string, stood: FormerState): ForeignChange | undefined {
  if (seen.templateHash === templateHash) return undefined
  const former = seen.revisions.find((revision) => revision.templateHash === templateHash)
  const lines = former?.changedSince.filter((line) => !harmless.test(line))
  if (lines?.length === 0) return undefined
  return { ...whoChanged(seen, stood), recordedImage: undefined, lines: lines ?? [] }
}

function whoChanged(
  seen: DeploymentSeen,
  { run, target, at, since }: FormerState,
): Omit<ForeignChange, 'recordedImage' | 'lines'> {
  // The cluster's clock knows no parts of a second, so the comparison does not either.
  const second = Math.floor(at.getTime() / 1_000) * 1_000
  const writer = seen.writers.find((writer) => writer.at !== undefined && Date.parse(writer.at) >= second)
  const cause = seen.changeCause === '' ? undefined : seen.changeCause
  const byPurser = /^Purser run #(\d+): /.exec(cause ?? '')
  const otherRun = byPurser === null || Number(byPurser[1]) === run ? undefined : Number(byPurser[1])
  return {
    deployment: target,
    manager: writer?.manager,
    at: writer?.at,
    otherRun,
    changeCause: byPurser === null ? cause : undefined,
    since,
    image: seen.image,
  }
}
