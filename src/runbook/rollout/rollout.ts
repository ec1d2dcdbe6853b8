import type { DeploymentState } from '../../adapters/kubernetes/deployments/port.ts'
import type { PodState } from '../../adapters/kubernetes/pods/port.ts'
import type { ImageAfter, ImageBefore } from '../../model/effects/image.ts'
import { sameImage } from '../../image-name.ts'
import { sampleBaseline } from '../monitor/baseline.ts'
import { changedDeployment } from '../confirm/confirm-plan.ts'
import { causeOf, type Phase, type PhaseContext, planOf } from '../phase.ts'
import { provideCredentials } from '../stripe/credentials.ts'
import { CheckFailed, PlanOutdated } from '../errors.ts'
import { containersBeside } from './going-along.ts'
import { type ReleasedImage, releasedImage } from './image.ts'
import { currentDeployment } from '../plan/plan.ts'
import { watchRollout } from './watch-rollout.ts'
import { recordThatItRuns } from '../migrate/schema-check.ts'
import { restartConsumers, secretAnnotation } from '../stripe/signing-secret.ts'

/** Chapter 2, Deploy Application Code: credentials before pods, then the image by digest, watched to its verdict. */
export const rollout: Phase = async (context) => {
  const { world, service, run } = context
  const plan = planOf(run)
  await context.step('sample the baseline again', () => sampleBaseline(context))
  await provideCredentials(context)

  const image = await releasedImage(context)
  await context.report(`setting the image to ${run.version}`)
  const set = await context.change('set the image', {
    kind: 'image',
    target: service.deployment,
    before: async () => imageBefore(await currentDeployment(context), plan.current.version),
    act: (_before, signal) => setImage(context, image, signal),
  })

  await context.step('watch the rollout', async (signal) => {
    await watchRollout(context, image.reference, signal)
    await rememberServed(context, set)
  })
  await restartConsumers(context)
  const pods = await world.cluster.currentPods(service.deployment, service.container, context.signal)
  requirePods(pods, context)
  requireDigest(pods, image.digest, image.platforms.length > 1)
  await context.step('record that it runs on this schema', () =>
    recordThatItRuns(context, { version: run.version, image: image.reference, commit: plan.commit.sha }),
  )
  const ready = pods.filter((pod) => pod.ready).length
  return { line: `${ready} of ${pods.length} pods run ${run.version} (${image.digest.slice(0, 19)}…)` }
}

async function setImage(context: PhaseContext, image: ReleasedImage, signal: AbortSignal): Promise<ImageAfter> {
  const { world, service } = context
  const plan = planOf(context.run)
  const { name, key } = service.stripe.secret
  const current = await currentDeployment(context)
  const secret = await world.cluster.secretKey(name, key, signal)
  // Somebody else has changed the Deployment since the approval, and Purser does not overwrite that.
  if (!sameImage(current.image, image.reference) && current.templateHash !== plan.current.templateHash)
    throw new PlanOutdated([{ now: await changedDeployment(context, plan) }])
  const { templateHash } = await world.cluster.setImage(
    {
      deployment: service.deployment,
      container: service.container,
      image: image.reference,
      along: containersBeside(current.images, service.container, plan.current.version).along,
      changeCause: causeOf(context),
      // Pods read the Secret when they start, so another secret must give other pods, even for the same image.
      templateAnnotations: secret.fingerprint === undefined ? {} : { [secretAnnotation]: secret.fingerprint },
      onlyIfTemplate: current.templateHash,
    },
    signal,
  )
  return { image: image.reference, templateHash }
}

/**
 * Records that the revision served. The cluster forgets it once the revision is replaced, and a later choice of it
 * needs it.
 */
async function rememberServed({ records, run, service }: PhaseContext, set: ImageAfter): Promise<void> {
  for (const effect of await records.effectsOf(run.number))
    if (effect.kind === 'image' && effect.target === service.deployment && effect.phase === 'rollout')
      await records.settle(effect, { ...set, served: true })
}

/** Returns what a rollback goes back to: never a revision that failed, but then the one whose pods served beside it. */
export function imageBefore(deployment: DeploymentState, version: string | undefined): ImageBefore {
  const { lastHealthy, replicaSet, image, templateHash } = deployment
  if (lastHealthy !== undefined && lastHealthy.replicaSet.uid !== replicaSet?.uid)
    return { image: lastHealthy.image, replicaSet: lastHealthy.replicaSet, templateHash, version: null, proven: true }
  const proven = lastHealthy !== undefined
  return { image, replicaSet: replicaSet ?? null, templateHash, version: version ?? null, proven }
}

/** Raises when there is no pod: then nothing shows that the version runs, and it must not be recorded that it does. */
function requirePods(pods: readonly PodState[], { run, service, environment }: PhaseContext): void {
  if (pods.length > 0) return
  throw new CheckFailed(
    'no_pods',
    `checking pods: deployment ${service.deployment} has none, so ${run.version} runs nowhere`,
    {
      hint: `Its image is set. Scale it up (kubectl scale deployment/${service.deployment} --replicas=1 -n ${environment.namespace}), then retry the phase.`,
    },
  )
}

/**
 * Raises when pods run another image. A runtime may report the digest of the index or of the platform's manifest, so
 * only a single-platform image must agree.
 */
function requireDigest(pods: readonly PodState[], digest: string, multiPlatform: boolean): void {
  const strangers = pods.filter((pod) => pod.imageID !== '' && !pod.imageID.endsWith(digest))
  if (multiPlatform || strangers.length === 0) return
  throw new CheckFailed(
    'wrong_image',
    `checking pods: ${strangers.map((pod) => pod.name).join(', ')} run a different image`,
    {
      evidence: strangers.map((pod) => `${pod.name}: ${pod.imageID}`),
      hint: 'The Deployment changed during the rollout. Check kubectl rollout history.',
    },
  )
}
