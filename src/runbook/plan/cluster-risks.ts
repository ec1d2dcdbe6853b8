import type { Autoscaler, DeploymentState } from '../../adapters/kubernetes/deployments/port.ts'
import type { SecretConsumer, SecretConsumers } from '../../adapters/kubernetes/secrets/port.ts'
import type { PhaseContext } from '../phase.ts'
import { CheckFailed } from '../errors.ts'

/** What a rollout depends on beside the Deployment itself; `unknown` where Purser may not look. */
interface ClusterFacts {
  readonly autoscaler: Autoscaler | 'none' | 'unknown'
  readonly nodePlatforms: readonly string[] | 'unknown'
  readonly secretConsumers: SecretConsumers
}

export async function clusterFacts({ world, service, signal }: PhaseContext): Promise<ClusterFacts> {
  const { deployment, stripe } = service
  const cronJobs = service.cronJobs.map(({ name }) => name)
  const [autoscaler, nodePlatforms, secretConsumers] = await Promise.all([
    world.cluster.autoscaler(deployment, signal),
    world.cluster.nodePlatforms(signal),
    world.cluster.secretConsumers({ deployment, secret: stripe.secret.name, cronJobs }, signal),
  ])
  return { autoscaler, nodePlatforms, secretConsumers }
}

/**
 * Says as risks what there is to know of nodes, autoscaler, Secret and former revisions. Raises `image_platform` when
 * no node can run the image; what Purser may not look at is said to be unknown.
 */
export function clusterRisks(
  { service }: PhaseContext,
  deployment: DeploymentState,
  imagePlatforms: readonly string[],
  facts: ClusterFacts,
): readonly string[] {
  const { name: secret } = service.stripe.secret
  return [
    ...platformRisk(imagePlatforms, facts.nodePlatforms),
    ...autoscalerRisk(facts.autoscaler),
    ...secretRisk(service.deployment, secret, facts.secretConsumers.own),
    ...historyRisk(deployment),
  ]
}

export function platformRisk(image: readonly string[], nodes: readonly string[] | 'unknown'): readonly string[] {
  if (nodes === 'unknown') return ["Couldn't check the image against the nodes: Purser isn't allowed to list nodes."]
  if (nodes.length === 0) return ['The cluster has no nodes: nothing can run the image.']
  // An image for linux/arm64/v8 runs on a node of linux/arm64.
  const missing = nodes.filter((node) => !image.some((one) => one === node || one.startsWith(`${node}/`)))
  if (image.length === 0 || missing.length === 0) return []
  if (missing.length < nodes.length)
    return [`The image does not run on the ${missing.join(', ')} nodes: pods that land there will fail.`]
  throw new CheckFailed(
    'image_platform',
    `comparing image and nodes: the image is for ${image.join(', ')}, the nodes are ${nodes.join(', ')}`,
    { hint: 'Build and push the image for the platform of the nodes.' },
  )
}

function autoscalerRisk(autoscaler: ClusterFacts['autoscaler']): readonly string[] {
  if (typeof autoscaler === 'string') return []
  const { name, minimum, maximum } = autoscaler
  return [`Autoscaler ${name} keeps between ${minimum} and ${maximum} pods: the number of pods can change meanwhile.`]
}

/**
 * Says where a new secret does not arrive, although a rollout gives every new pod its present value: in a Deployment
 * that does not read the Secret, and in the running Jobs of a CronJob, because a file mounted by subPath never changes.
 */
function secretRisk(deployment: string, secret: string, own: readonly SecretConsumer[]): readonly string[] {
  if (!own.some(({ workload }) => workload === `Deployment ${deployment}`))
    return [`Deployment ${deployment} does not read Secret ${secret}: a new secret reaches no pod.`]
  const jobs = own.filter(({ workload, how }) => workload.startsWith('CronJob') && how === 'subPath')
  return jobs.map(({ workload, by }) => `${workload} mounts Secret ${secret} by subPath (${by}): running Jobs keep it.`)
}

function historyRisk({ lastHealthy, replicaSet, image }: DeploymentState): readonly string[] {
  if (lastHealthy === undefined) return ["Purser has never seen a healthy revision, so a rollback can't be verified."]
  if (lastHealthy.replicaSet.uid === replicaSet?.uid) return []
  return [
    `${image} was never rolled out completely: a rollback goes back to revision ${lastHealthy.revision}, ${lastHealthy.image}.`,
  ]
}
