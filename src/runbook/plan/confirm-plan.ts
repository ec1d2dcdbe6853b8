import type { DeploymentState } from '../../adapters/kubernetes/deployments/port.ts'
import { changeSince } from '../../model/foreign-change.ts'
import { foreignChangeSentence } from '../../model/shared-sentences.ts'
import type { EffectOf } from '../../model/effects/effects.ts'
import type { DeployPlan } from '../../model/deploy-plan.ts'
import { type PhaseContext, planOf } from '../phase.ts'
import { PlanOutdated } from '../errors.ts'
import { imageDrift, imageSoFar } from '../rollout/image.ts'
import { currentDeployment } from './plan.ts'

/** Re-checks what people approved; raises PlanOutdated when the tag, the digest or the deployment has changed since. */
export async function confirmPlan(context: PhaseContext): Promise<void> {
  const drift = await driftOf(context, planOf(context.run))
  if (drift !== undefined) throw new PlanOutdated(drift)
}

/** Tells what differs between the approved plan and the world, if anything. */
async function driftOf(context: PhaseContext, approved: DeployPlan): Promise<string | undefined> {
  const { world, signal, run } = context
  const [commit, image, deployment, released] = await Promise.all([
    world.repository.resolveVersion(run.version, signal),
    imageDrift(context, approved),
    currentDeployment(context),
    imageSoFar(context, approved),
  ])
  if (commit.sha !== approved.commit.sha)
    return `tag ${run.version} moved from ${approved.commit.sha.slice(0, 7)} to ${commit.sha.slice(0, 7)}`
  if (image !== undefined) return image
  if (deployment.templateHash === approved.current.templateHash) return undefined
  const set = await imageSet(context)
  const ours =
    deployment.image === released?.reference && (set !== undefined || deployment.image !== approved.current.image)
  return ours ? changedSinceSet(context, set, deployment) : changedDeployment(context, approved)
}

/** The record that this run has set the image, or may have. */
async function imageSet({ records, run, service }: PhaseContext): Promise<EffectOf<'image'> | undefined> {
  const images = (await records.effectsOf(run.number)).filter((effect) => effect.kind === 'image')
  return images.find(({ target }) => target === service.deployment)
}

/** Tells what somebody else has changed of the pods since this run set the image: nobody has tested that. */
async function changedSinceSet(
  { world, service, run, signal }: PhaseContext,
  set: EffectOf<'image'> | undefined,
  { templateHash }: DeploymentState,
): Promise<string | undefined> {
  const ours = set?.after?.templateHash
  if (set === undefined || ours === undefined || ours === templateHash) return undefined
  const seen = await world.cluster.history(service.deployment, service.container, signal)
  const change = changeSince(seen, ours, { ...set, since: { kind: 'set_by_run', run: run.number } })
  return change === undefined ? undefined : foreignChangeSentence(change)
}

/** Words somebody else's change since the plan: who made it, and what it is. */
export async function changedDeployment(
  { world, service, run, signal }: PhaseContext,
  approved: DeployPlan,
): Promise<string> {
  const seen = await world.cluster.history(service.deployment, service.container, signal)
  const change = changeSince(seen, approved.current.templateHash, {
    run: run.number,
    target: service.deployment,
    at: run.createdAt,
    since: { kind: 'planned' },
  })
  return change === undefined
    ? `someone else changed deployment ${service.deployment} (it runs ${seen.image})`
    : foreignChangeSentence(change)
}
