import { PurserError } from '../../errors.ts'
import { sameImage } from '../../image-name.ts'
import type { DeploymentState } from '../../adapters/kubernetes/deployments/port.ts'
import { changeSince } from '../../model/foreign-change.ts'
import { foreignChangeSentence } from '../../model/shared-sentences.ts'
import type { Effect, EffectOf } from '../../model/effects/effects.ts'
import { identityDrift } from '../../model/identities.ts'
import type { PlanDifference } from '../../model/plan-difference.ts'
import { planDrift } from '../../model/plan-drift.ts'
import type { DeployPlan } from '../../model/deploy-plan.ts'
import { type Phase, type PhaseContext, planOf } from '../phase.ts'
import { PlanOutdated } from '../errors.ts'
import { imageDrift, imageSoFar } from '../rollout/image.ts'
import { currentDeployment, makePlan } from '../plan/plan.ts'
import { identitiesNow } from './identities.ts'

/** A phase of a deploy that begins by confirming the approved plan; only `confirmed` makes one. */
export interface ConfirmedPhase extends Phase {
  readonly confirms: true
}

/** Puts the confirmation before a phase, also when another worker takes it up again. */
export function confirmed(phase: Phase): ConfirmedPhase {
  const act: Phase = async (context) => {
    await confirmPlan(context)
    return phase(context)
  }
  return Object.assign(act, { confirms: true } as const)
}

/**
 * Makes the plan again and compares it with what people approved, less what this run has changed itself. Raises
 * PlanOutdated with every difference. Safe to repeat; changes nothing.
 */
async function confirmPlan(context: PhaseContext): Promise<void> {
  const approved = planOf(context.run)
  const early = await earlyDrift(context, approved)
  if (early.length > 0) throw new PlanOutdated(early)
  const [now, own] = await Promise.all([makePlanAgain(context, approved), effectsSincePlan(context)])
  const differences = [...(await deploymentDrift(context, approved)), ...planDrift(approved, now, own)]
  if (differences.length > 0) throw new PlanOutdated(differences)
  if (own.length === 0) await tellNewRisks(context, approved, now)
}

/** Where a plan cannot even be made any more, what was approved does not hold either. A temporary error is none of that. */
async function makePlanAgain(context: PhaseContext, approved: DeployPlan): Promise<DeployPlan> {
  try {
    return await makePlan(context)
  } catch (error) {
    context.signal.throwIfAborted()
    if (!(error instanceof PurserError) || error.transient) throw error
    const leadsElsewhere = await identityDriftUnlessAway(context, approved)
    throw new PlanOutdated([...leadsElsewhere, { now: `it cannot be made any more: ${error.message}` }])
  }
}

/** On another server or in another account a plan often cannot be made at all: then that is the reason to be told. */
async function identityDriftUnlessAway(
  context: PhaseContext,
  approved: DeployPlan,
): Promise<readonly PlanDifference[]> {
  if (approved.identities === undefined) return []
  try {
    return identityDrift(approved.identities, await identitiesNow(context))
  } catch (error) {
    context.signal.throwIfAborted()
    if (!(error instanceof PurserError)) throw error
    return []
  }
}

/** Where tag or image have moved, a plan cannot be made as before: that is told first. */
async function earlyDrift(context: PhaseContext, approved: DeployPlan): Promise<readonly PlanDifference[]> {
  const { world, signal, run } = context
  const [commit, image] = await Promise.all([
    world.repository.resolveVersion(run.version, signal),
    imageDrift(context, approved),
  ])
  const moved = {
    now: `tag ${run.version} moved to ${commit.sha.slice(0, 7)}`,
    planned: approved.commit.sha.slice(0, 7),
  }
  return [
    ...(commit.sha === approved.commit.sha ? [] : [moved]),
    ...(image === undefined ? [] : [{ now: image, planned: approved.image.reference }]),
  ]
}

/** What the run has changed since the plan was made: an earlier change is part of what people saw. */
async function effectsSincePlan({ records, run }: PhaseContext): Promise<readonly Effect[]> {
  const made = run.phases.find(({ name }) => name === 'plan')?.finishedAt
  const effects = await records.effectsOf(run.number)
  return effects.filter(
    ({ status, settledAt }) =>
      status === 'started' || made === undefined || (settledAt !== undefined && settledAt >= made),
  )
}

/** Risks are no part of what is done, and move with the traffic: a new one stops nothing, but people read it. */
async function tellNewRisks(context: PhaseContext, approved: DeployPlan, now: DeployPlan): Promise<void> {
  const fresh = now.risks.filter((risk) => !approved.risks.includes(risk))
  if (fresh.length > 0)
    await context.tell({ kind: 'note', text: ['New since the plan was made:', ...fresh].join('\n') }, 'new risks')
}

/** Tells what differs between the approved image or pods and those of the Deployment, if anything. */
export async function deploymentDrift(context: PhaseContext, approved: DeployPlan): Promise<readonly PlanDifference[]> {
  const [deployment, released] = await Promise.all([currentDeployment(context), imageSoFar(context, approved)])
  if (deployment.templateHash === approved.current.templateHash) return []
  const set = await imageSet(context)
  const ours =
    released !== undefined &&
    sameImage(deployment.image, released.reference) &&
    (set !== undefined || !sameImage(deployment.image, approved.current.image))
  const foreign = ours ? await changedSinceSet(context, set, deployment) : await changedDeployment(context, approved)
  return foreign === undefined ? [] : [{ now: foreign }]
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
    ? `Deployment ${service.deployment} changed (it runs ${seen.image})`
    : foreignChangeSentence(change)
}
