import type { DeploymentHistory, KnownRevision } from '../../../adapters/kubernetes/deployments/port.ts'
import { foreignChange } from '../../../model/foreign-change.ts'
import type { RollbackTarget } from '../../../model/rollback-target.ts'
import { foreignChangeSentence } from '../../../model/shared-sentences.ts'
import type { EffectOf } from '../../../model/effects/effects.ts'
import { causeOf, type PhaseContext } from '../../phase.ts'
import { CheckFailed } from '../../errors.ts'
import { containersBeside } from '../../rollout/going-along.ts'
import { watchRollout } from '../../rollout/watch-rollout.ts'

/**
 * Raises, before anything is put back, when somebody else has changed the Deployment since, which is not what this
 * rollback was confirmed for, or when it is paused, so that nothing would roll out. Tells now what comes back, if the
 * confirmer could not see it.
 */
export async function confirmRollbackTarget(
  context: PhaseContext,
  effect: EffectOf<'image'>,
  rollbackTarget: RollbackTarget | undefined,
) {
  const { world, service, signal } = context
  const history = await world.cluster.history(effect.target, service.container, signal)
  requireOurs(history, effect, rollbackTarget, 'It stopped before it changed anything.')
  if (rollbackTarget?.kind !== 'seen') await tellRollbackTarget(context, history, effect)
}

/** Puts the deployment back to the revision that was chosen or recorded, and watches it come up. */
export async function undoImage(
  context: PhaseContext,
  effect: EffectOf<'image'>,
  signal: AbortSignal,
  rollbackTarget: RollbackTarget | undefined,
): Promise<void> {
  await watchRollout(context, await putImageBack(context, effect, signal, rollbackTarget), signal)
}

/** Puts the deployment back, and returns the image that it has then. Nothing is waited for. Safe to repeat. */
export async function putImageBack(
  context: PhaseContext,
  effect: EffectOf<'image'>,
  signal: AbortSignal,
  rollbackTarget: RollbackTarget | undefined,
): Promise<string> {
  const { world, service } = context
  const { image, uid } = targetOf(effect, rollbackTarget)
  const history = await world.cluster.history(effect.target, service.container, signal)
  requireOurs(history, effect, rollbackTarget, "The Deployment wasn't rolled back. The steps before it were.")
  const change = {
    deployment: effect.target,
    container: service.container,
    image,
    // Where the revision is gone only images are set: those that run the same image now go back together.
    along: containersBeside(history.images, service.container).along,
    changeCause: causeOf(context),
    onlyIfTemplate: history.templateHash,
  }
  if (uid === undefined) await world.cluster.setImage(change, signal)
  else await world.cluster.restoreReplicaSet({ ...change, replicaSetUid: uid }, signal)
  return image
}

function targetOf(
  effect: EffectOf<'image'>,
  rollbackTarget: RollbackTarget | undefined,
): { image: string; uid: string | undefined } {
  if (rollbackTarget?.kind === 'seen' && rollbackTarget.to !== null)
    return { image: rollbackTarget.image, uid: rollbackTarget.to.replicaSet.uid }
  return { image: effect.before.image, uid: effect.before.replicaSet?.uid }
}

function requireOurs(
  history: DeploymentHistory,
  effect: EffectOf<'image'>,
  rollbackTarget: RollbackTarget | undefined,
  stands: string,
): void {
  const chosen = rollbackTarget?.kind === 'seen' ? { from: rollbackTarget.from.templateHash } : {}
  const uid = targetOf(effect, rollbackTarget).uid
  const foreign = foreignChange(history, effect, { ...chosen, ...(uid === undefined ? {} : { uid }) })
  if (foreign !== undefined)
    throw new CheckFailed('deployment_changed', `rolling back ${effect.target}: ${foreignChangeSentence(foreign)}`, {
      evidence: foreign.lines,
      hint: `${stands} Roll the Deployment back by hand and retry the phase, or leave it and deploy the version you want.`,
    })
  if (!history.paused) return
  throw new CheckFailed('deployment_paused', `rolling back ${effect.target}: the deployment is paused`, {
    hint: `${stands} Run kubectl rollout resume deployment/${effect.target}, then retry the phase.`,
  })
}

/** Tells what comes back beyond the image, as somebody may have changed variables meanwhile. */
async function tellRollbackTarget(
  context: PhaseContext,
  history: DeploymentHistory,
  effect: EffectOf<'image'>,
): Promise<void> {
  const { uid, image } = targetOf(effect, undefined)
  const target = history.revisions.find(({ replicaSet }) => replicaSet.uid === uid)
  const text =
    target === undefined ? `The cluster keeps no such revision any more: only ${image} is set.` : told(target)
  await context.tell({ kind: 'note', text }, `undo-target-${effect.id}`)
}

function told({ revision, image, createdAt, differences }: KnownRevision): string {
  const since = createdAt === undefined ? '' : `, made ${createdAt.slice(0, 16).replace('T', ' ')} UTC`
  const changes = differences.length === 0 ? ['• nothing: it runs already'] : differences.map((line) => `• ${line}`)
  return [`Going back to revision ${revision} (${image}${since}). What changes:`, ...changes].join('\n')
}
