import { changeSince } from '../runs/comeback.ts'
import type { DeployPlan } from '../runs/plan.ts'
import type { PhaseContext } from './context.ts'
import { planOf } from './context.ts'
import { PlanOutdated } from './errors.ts'
import { imageDrift, imageSoFar } from './image.ts'
import { currentDeployment } from './plan.ts'

/** Re-checks what people approved; raises PlanOutdated when the tag, the digest or the deployment has changed since. */
export async function confirmPlan(context: PhaseContext): Promise<void> {
  const drift = await driftOf(context, planOf(context.run))
  if (drift !== undefined) throw new PlanOutdated(drift)
}

/** What differs between the approved plan and the world, if anything. */
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
  const ours = deployment.image === released?.reference && (await mayBeSet(context, approved))
  if (!ours && deployment.templateHash !== approved.current.templateHash) return changedDeployment(context, approved)
  return undefined
}

/** A deploy of the version that runs already (another secret is asked for) has not set its image by finding it there. */
async function mayBeSet({ records, run, service }: PhaseContext, { image, current }: DeployPlan): Promise<boolean> {
  if (current.image !== image.reference) return true
  const effects = await records.effectsOf(run.number)
  return effects.some(({ kind, target }) => kind === 'image' && target === service.deployment)
}

/** Somebody else's change since the plan: who made it, and what it is. */
export async function changedDeployment(
  { world, service, run, signal }: PhaseContext,
  approved: DeployPlan,
): Promise<string> {
  const seen = await world.cluster.history(service.deployment, service.container, signal)
  const since = { run: run.number, target: service.deployment, at: run.createdAt, when: 'since the plan was made' }
  const change = changeSince(seen, approved.current.templateHash, since)
  return change?.text ?? `someone else changed deployment ${service.deployment} (it runs ${seen.image})`
}
