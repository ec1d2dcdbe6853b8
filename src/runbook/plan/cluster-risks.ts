import type { DeploymentState, Surroundings } from '../../adapters/kubernetes/port.ts'
import type { PhaseContext } from '../phase.ts'
import { CheckFailed } from '../errors.ts'

export function surroundings({ world, service, signal }: PhaseContext): Promise<Surroundings> {
  const cronJobs = service.cronJobs.map(({ name }) => name)
  const { name: secret } = service.stripe.secret
  return world.cluster.surroundings({ deployment: service.deployment, secret, cronJobs }, signal)
}

/**
 * What stands around the Deployment and matters to a rollout. Raises `image_platform` when no node can run the image; what
 * Purser may not look at is said to be unknown.
 */
export function clusterRisks(
  { service }: PhaseContext,
  deployment: DeploymentState,
  imagePlatforms: readonly string[],
  around: Surroundings,
): readonly string[] {
  const { name: secret } = service.stripe.secret
  return [
    ...platformRisk(imagePlatforms, around.nodePlatforms),
    ...autoscalerRisk(around.autoscaler),
    ...secretRisk(service.deployment, secret, around),
    ...historyRisk(deployment),
  ]
}

export function platformRisk(image: readonly string[], nodes: Surroundings['nodePlatforms']): readonly string[] {
  if (nodes === 'unknown') return ['Unknown whether the nodes can run the image: Purser may not list nodes.']
  // linux/arm64/v8 of an image is linux/arm64 of a node.
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

function autoscalerRisk(autoscaler: Surroundings['autoscaler']): readonly string[] {
  if (typeof autoscaler === 'string') return []
  const { name, minimum, maximum } = autoscaler
  return [`Autoscaler ${name} keeps between ${minimum} and ${maximum} pods: their number may change meanwhile.`]
}

/** New pods read everything anew; what they do not read, or a file that stays as it was, is worth a word. */
function secretRisk(deployment: string, secret: string, { secretConsumers }: Surroundings): readonly string[] {
  const own = secretConsumers.filter(({ workload }) => workload === `Deployment ${deployment}`)
  if (own.length === 0) return [`Deployment ${deployment} does not read Secret ${secret}: a new secret reaches no pod.`]
  const jobs = secretConsumers.filter(({ workload, how }) => workload.startsWith('CronJob') && how === 'subPath')
  return jobs.map(({ workload, by }) => `${workload} mounts Secret ${secret} by subPath (${by}): running Jobs keep it.`)
}

function historyRisk({ lastHealthy, replicaSet, image }: DeploymentState): readonly string[] {
  if (lastHealthy === undefined)
    return ['No revision of the deployment is known to have run: a rollback has nothing proven to go back to.']
  if (lastHealthy.replicaSet.uid === replicaSet?.uid) return []
  return [
    `${image} was never rolled out completely: a rollback goes back to revision ${lastHealthy.revision}, ${lastHealthy.image}.`,
  ]
}
