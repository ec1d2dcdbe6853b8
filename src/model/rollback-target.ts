import type { EffectOf } from './effects/effects.ts'
import type { ImageAfter, ImageBefore } from './effects/image.ts'

/** A revision of the Deployment that the cluster still keeps; see the cluster's port. */
export interface RevisionSeen {
  readonly revision: string
  readonly replicaSet: { readonly name: string; readonly uid: string }
  readonly image: string
  readonly createdAt: string | undefined
  readonly changeCause: string | undefined
  readonly templateHash: string
  readonly current: boolean
  readonly serves: boolean
  readonly differences: readonly string[]
  readonly changedSince: readonly string[]
}

/** What the cluster says of the Deployment; see the cluster's port. */
export interface DeploymentSeen {
  readonly image: string
  readonly templateHash: string
  readonly paused: boolean
  readonly revisionHistoryLimit: number
  readonly changeCause: string | undefined
  readonly writers: readonly { readonly manager: string; readonly at: string | undefined }[]
  readonly revisions: readonly RevisionSeen[]
}

/** An image that a run set, as the state database has it. */
export interface Release {
  readonly run: number
  readonly version: string
  readonly before: ImageBefore
  readonly after: ImageAfter | undefined
  /** Status of the phase that rolled it out. */
  readonly rollout: string
}

/**
 * - `serves`: its pods serve now
 * - `served`: Purser saw its rollout completed
 * - `failed`: Purser saw its rollout fail
 * - `unknown`: the cluster does not keep how a replaced revision did, and Purser did not see it
 */
type Health = 'serves' | 'served' | 'failed' | 'unknown'

export interface RevisionChoice {
  readonly revision: string
  readonly replicaSet: { readonly name: string; readonly uid: string }
  readonly image: string
  readonly version: string | null
  readonly createdAt: string | null
  readonly changeCause: string | null
  readonly health: Health
  readonly current: boolean
}

/** What will run when the deployment has been put back, as its confirmer saw it: the rollback is bound to it. */
export type RollbackTarget =
  | {
      readonly kind: 'seen'
      /** What ran then. The rollback stops when something else runs. */
      readonly from: { readonly image: string; readonly version: string | null; readonly templateHash: string }
      /** Null: the cluster keeps no such revision any more, and only the image is set. */
      readonly to: RevisionChoice | null
      readonly image: string
      /** One line for each field of the pod template that changes. */
      readonly differences: readonly string[]
      /** Lines that did not find room. */
      readonly more: number
      readonly kept: number
    }
  /** The cluster could not be asked. */
  | { readonly kind: 'unseen'; readonly why: string }

export type RollbackTargetAnswer =
  | { readonly ok: true; readonly rollbackTarget: Extract<RollbackTarget, { kind: 'seen' }> }
  | { readonly ok: false; readonly why: string; readonly next: string; readonly choices: readonly RevisionChoice[] }

/** Pure: what a rollback of this image would bring back, or why it may not be. `wanted` is a revision's number. */
export function rollbackTargetOf(
  seen: DeploymentSeen,
  effect: EffectOf<'image'>,
  releases: readonly Release[],
  wanted: number | undefined,
): RollbackTargetAnswer {
  const { before } = effect
  const choices = choicesOf(seen, releases)
  const refuse = (why: string, next: string, listed = false): RollbackTargetAnswer => ({
    ok: false,
    why,
    next,
    choices: listed ? choices : [],
  })
  if (seen.paused)
    return refuse(
      `Deployment ${effect.target} is paused: what is put back would not be rolled out.`,
      `kubectl rollout resume deployment/${effect.target}, then ask again.`,
    )
  const foreign = foreignChange(seen, effect)
  if (foreign !== undefined)
    return refuse(
      `${foreign.text} A rollback would take that away too, so it stops.`,
      'Put the deployment back by hand if it must go, or deploy the version that you want.',
    )
  const to = choices.find((choice) =>
    wanted === undefined ? choice.replicaSet.uid === before.replicaSet?.uid : choice.revision === String(wanted),
  )
  const another = `Choose one that has served: /billing rollback #${effect.run} --to-revision K`
  if (wanted !== undefined) {
    if (to === undefined) return refuse(`Deployment ${effect.target} has no revision ${wanted}.`, another, true)
    if (to.current) return refuse(`Revision ${wanted} is what runs now.`, another, true)
    if (to.health === 'failed' || to.health === 'unknown')
      return refuse(`Revision ${wanted} ${healthWords(to)}.`, another, true)
  }
  const lines = seen.revisions.find((revision) => revision.replicaSet.uid === to?.replicaSet.uid)?.differences
  const image = to?.image ?? before.image
  return {
    ok: true,
    rollbackTarget: {
      kind: 'seen',
      from: { image: seen.image, version: versionIn(releases, seen.image), templateHash: seen.templateHash },
      to: to === undefined ? null : proven(to, before),
      image,
      differences: lines ?? (image === seen.image ? [] : [`image: ${seen.image} → ${image}`]),
      more: 0,
      kept: seen.revisionHistoryLimit,
    },
  }
}

/** What was recorded when the run began outweighs what is known since: it was looked at before it was replaced. */
function proven(to: RevisionChoice, before: ImageBefore): RevisionChoice {
  if (to.replicaSet.uid !== before.replicaSet?.uid) return to
  const health =
    to.health !== 'unknown' || before.proven === undefined ? to.health : before.proven ? 'served' : 'failed'
  return { ...to, health, version: to.version ?? before.version }
}

/** Every revision that the cluster keeps, newest first. */
function choicesOf(seen: DeploymentSeen, releases: readonly Release[]): readonly RevisionChoice[] {
  return seen.revisions.map((revision) => ({
    revision: revision.revision,
    replicaSet: revision.replicaSet,
    image: revision.image,
    version: versionIn(releases, revision.image),
    createdAt: revision.createdAt ?? null,
    changeCause: revision.changeCause ?? null,
    health: healthOf(revision, releases),
    current: revision.current,
  }))
}

/** "never became healthy", after "Revision 3". */
export function healthWords({ health, current }: Pick<RevisionChoice, 'health' | 'current'>): string {
  switch (health) {
    case 'serves':
      return current ? 'runs now' : 'still serves'
    case 'served':
      return 'has served'
    case 'failed':
      return 'never became healthy'
    case 'unknown':
      return current ? 'is not healthy now' : 'was never seen healthy by Purser'
  }
}

function healthOf(seen: RevisionSeen, releases: readonly Release[]): Health {
  if (seen.serves) return 'serves'
  const { uid } = seen.replicaSet
  const same = (after: ImageAfter | undefined) => after?.templateHash === seen.templateHash
  const served = releases.some(
    ({ before, after }) =>
      (before.proven === true && before.replicaSet?.uid === uid) || (after?.served === true && same(after)),
  )
  if (served) return 'served'
  const failed = releases.some(
    ({ after, before, rollout }) => (same(after) && rollout === 'failed') || failedBefore(before),
  )
  return failed ? 'failed' : 'unknown'

  function failedBefore(before: ImageBefore): boolean {
    return before.proven === false && before.replicaSet?.uid === uid
  }
}

function versionIn(releases: readonly Release[], image: string): string | null {
  const set = releases.find(({ after }) => after?.image === image)
  const stood = releases.find(({ before }) => before.image === image && before.version !== null)
  return set?.version ?? stood?.before.version ?? null
}

interface ForeignChange {
  /** One sentence: who changed what, and when. */
  readonly text: string
  /** From what the run set to what stands there now. */
  readonly lines: readonly string[]
}

/** Restarting pods changes nothing of what they run; other runs of Purser write their own annotations. */
const harmless = /^metadata\.annotations(\.|: added \{")(purser\/|kubectl\.kubernetes\.io\/restartedAt)/

/** Pure: what somebody else made of the Deployment since the run set its image; undefined when it stands as it should. */
export function foreignChange(
  seen: DeploymentSeen,
  effect: Pick<EffectOf<'image'>, 'run' | 'target' | 'at' | 'before' | 'after'>,
  chosen?: { readonly from?: string; readonly uid?: string },
): ForeignChange | undefined {
  const { before, after } = effect
  const current = seen.revisions.find((revision) => revision.current)
  const back = [before.replicaSet?.uid, chosen?.uid].some((uid) => uid !== undefined && uid === current?.replicaSet.uid)
  if (back || seen.templateHash === before.templateHash) return undefined
  // Confirmed by somebody who saw it: only what came after that is foreign.
  const ours = chosen?.from ?? after?.templateHash
  if (ours === undefined) {
    // A crash between the change and its record: then nothing is known of what it set.
    if (after === undefined || [after.image, before.image].includes(seen.image)) return undefined
    const who = whoChanged(seen, { ...effect, when: `after run #${effect.run} had set it` })
    return { text: `${who}: it runs ${seen.image}, not ${after.image}.`, lines: [] }
  }
  return changeSince(seen, ours, { ...effect, when: `after run #${effect.run} had set it` })
}

/** Pure: what somebody made of the template that had this hash; undefined when nothing that runs is another. */
export function changeSince(
  seen: DeploymentSeen,
  templateHash: string,
  since: { readonly run: number; readonly target: string; readonly at: Date; readonly when: string },
): ForeignChange | undefined {
  if (seen.templateHash === templateHash) return undefined
  const stood = seen.revisions.find((revision) => revision.templateHash === templateHash)
  const lines = stood?.changedSince.filter((line) => !harmless.test(line))
  if (lines?.length === 0) return undefined
  const [first = `it runs ${seen.image}`, ...others] = lines ?? []
  const rest = others.length === 0 ? '' : ` and ${others.length} more`
  return { text: `${whoChanged(seen, since)}: ${first}${rest}.`, lines: lines ?? [] }
}

/** "kubectl-set changed deployment valuecanvas-api at 11:20 UTC, after run #2 had set it" */
function whoChanged(
  seen: DeploymentSeen,
  { run, target, at, when }: { run: number; target: string; at: Date; when: string },
): string {
  // The cluster's clock knows no parts of a second.
  const second = Math.floor(at.getTime() / 1_000) * 1_000
  const writer = seen.writers.find((writer) => writer.at !== undefined && Date.parse(writer.at) >= second)
  const time = writer?.at === undefined ? '' : ` at ${writer.at.slice(11, 16)} UTC`
  const cause = seen.changeCause ?? ''
  const byPurser = /^(Purser run #(\d+)): /.exec(cause)
  const other = byPurser !== null && Number(byPurser[2]) !== run ? byPurser[1] : undefined
  const why = cause === '' || byPurser !== null ? '' : ` (“${cause}”)`
  return `${writer?.manager ?? other ?? 'Somebody'} changed deployment ${target}${time}${why}, ${when}`
}

/** Pure: which version a rollback brings back: the one that was chosen in its dialog, else what stood there before. */
export function targetOf(
  { before }: Pick<EffectOf<'image'>, 'before'>,
  rollbackTarget: RollbackTarget | undefined,
): { readonly version: string | null; readonly image: string } {
  if (rollbackTarget?.kind !== 'seen' || rollbackTarget.to === null) return before
  return { version: rollbackTarget.to.version ?? null, image: rollbackTarget.image }
}
