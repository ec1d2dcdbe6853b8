import { sameImage } from '../image-name.ts'
import type { DeploymentSeen } from './deployment-seen.ts'
import type { EffectOf } from './effects/effects.ts'
import type { ImageBefore } from './effects/image.ts'
import { type ForeignChange, foreignChange } from './foreign-change.ts'
import { type Health, healthOf, type Release, versionIn } from './revision-health.ts'

/*
 * What a rollback of the image would bring back, decided purely from what the cluster shows and what runs have
 * recorded. The dialog asks before anyone confirms and carries the answer along; the rollback is bound to it and stops,
 * before it puts anything back, when something else runs by then. So it may be asked again at any time, and a repeat
 * after a crash goes back to the same revision. A paused Deployment, somebody else's change and a chosen revision that
 * nobody saw serve are refused.
 */

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
      /**
       * The revision that comes back; null when the cluster keeps no such revision any more, and only the image is set.
       */
      readonly to: RevisionChoice | null
      readonly image: string
      /** The differences, one line for each field of the pod template that changes. */
      readonly differences: readonly string[]
      /** The number of lines that did not find room. */
      readonly more: number
      readonly kept: number
    }
  /** The cluster could not be asked. */
  | { readonly kind: 'unseen'; readonly why: string }

/** Why the deployment cannot be put back; `src/messages/refusals.ts` words it. */
export type RollbackTargetRefusal =
  /** The Deployment is paused, so nothing that is put back would be rolled out. */
  | { readonly reason: 'paused'; readonly deployment: string }
  /** A rollback would take somebody else's change away too. */
  | { readonly reason: 'foreign_change'; readonly change: ForeignChange }
  | { readonly reason: 'no_such_revision'; readonly deployment: string; readonly revision: number }
  | { readonly reason: 'runs_now'; readonly revision: number }
  /** Nobody knows that the chosen revision ever served. */
  | { readonly reason: 'unproven'; readonly revision: number; readonly health: 'failed' | 'unknown' }

type RollbackTargetAnswer =
  | { readonly ok: true; readonly rollbackTarget: Extract<RollbackTarget, { kind: 'seen' }> }
  | {
      readonly ok: false
      readonly refusal: RollbackTargetRefusal
      /** The revisions that could be chosen instead; empty when choosing another one would not help. */
      readonly choices: readonly RevisionChoice[]
    }

/**
 * Tells what a rollback of this image would bring back, or why it may not be. `wanted` is a revision's number. Pure.
 */
export function rollbackTargetOf(
  seen: DeploymentSeen,
  effect: EffectOf<'image'>,
  releases: readonly Release[],
  wanted: number | undefined,
): RollbackTargetAnswer {
  if (seen.paused) return { ok: false, refusal: { reason: 'paused', deployment: effect.target }, choices: [] }
  const change = foreignChange(seen, effect)
  if (change !== undefined) return { ok: false, refusal: { reason: 'foreign_change', change }, choices: [] }
  const { before } = effect
  const choices = choicesOf(seen, releases)
  const to = choices.find((choice) =>
    wanted === undefined ? choice.replicaSet.uid === before.replicaSet?.uid : choice.revision === String(wanted),
  )
  const refusal = wanted === undefined ? undefined : whyNotChoose(wanted, to, effect.target)
  if (refusal !== undefined) return { ok: false, refusal, choices }
  const lines = seen.revisions.find((revision) => revision.replicaSet.uid === to?.replicaSet.uid)?.differences
  const image = to?.image ?? before.image
  return {
    ok: true,
    rollbackTarget: {
      kind: 'seen',
      from: { image: seen.image, version: versionIn(releases, seen.image), templateHash: seen.templateHash },
      to: to === undefined ? null : proven(to, before),
      image,
      differences: lines ?? (sameImage(image, seen.image) ? [] : [`image: ${seen.image} → ${image}`]),
      more: 0,
      kept: seen.revisionHistoryLimit,
    },
  }
}

function whyNotChoose(
  revision: number,
  choice: RevisionChoice | undefined,
  deployment: string,
): RollbackTargetRefusal | undefined {
  if (choice === undefined) return { reason: 'no_such_revision', deployment, revision }
  if (choice.current) return { reason: 'runs_now', revision }
  const { health } = choice
  return health === 'failed' || health === 'unknown' ? { reason: 'unproven', revision, health } : undefined
}

/**
 * Takes what was recorded when the run began for more certain than what is known since: it was looked at before it was
 * replaced.
 */
function proven(to: RevisionChoice, before: ImageBefore): RevisionChoice {
  if (to.replicaSet.uid !== before.replicaSet?.uid) return to
  const health =
    to.health !== 'unknown' || before.proven === undefined ? to.health : before.proven ? 'served' : 'failed'
  return { ...to, health, version: to.version ?? before.version }
}

/** Lists every revision that the cluster keeps, the newest first. */
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

/**
 * Tells which version a rollback brings back: the one that was chosen in its dialog, else what was there before. Pure.
 */
export function targetOf(
  { before }: Pick<EffectOf<'image'>, 'before'>,
  rollbackTarget: RollbackTarget | undefined,
): { readonly version: string | null; readonly image: string } {
  if (rollbackTarget?.kind !== 'seen' || rollbackTarget.to === null) return before
  return { version: rollbackTarget.to.version ?? null, image: rollbackTarget.image }
}
