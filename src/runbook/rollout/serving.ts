import type { EnvironmentConfig } from '../../config/environment-schema.ts'
import type { ServiceConfig } from '../../config/service-schema.ts'
import type { DeploymentState } from '../../adapters/kubernetes/deployments/port.ts'
import { sameImage } from '../../image-name.ts'
import { isDeployPlan, type Run } from '../../model/run.ts'
import type { Serving } from '../../model/serving.ts'
import type { World } from '../world.ts'

/** Looks what serves now, for whoever is told of a failure. Undefined when there is no such Deployment. */
export async function whatServes(
  world: Pick<World, 'cluster' | 'health'>,
  { deployment: name, container }: Pick<ServiceConfig, 'deployment' | 'container'>,
  { healthUrl }: Pick<EnvironmentConfig, 'healthUrl'>,
  run: Run,
  signal: AbortSignal,
): Promise<Serving | undefined> {
  const [deployment, pods, health] = await Promise.all([
    world.cluster.deployment(name, container, signal),
    world.cluster.currentPods(name, container, signal),
    world.health.get(healthUrl, signal).catch(() => undefined),
  ])
  if (deployment === undefined) return undefined
  const image = imageOfReady(deployment, pods.filter((pod) => pod.ready).length)
  const version = image === undefined ? undefined : versionOf(image, run)
  return {
    ready: deployment.availableReplicas,
    of: deployment.replicas,
    ...(version === undefined ? {} : { version }),
    ...(health === undefined ? {} : { health: health.status }),
  }
}

/** The image of all pods that are ready; undefined while some are of the current revision and some of another. */
function imageOfReady(
  { image, availableReplicas, lastHealthy, replicaSet }: DeploymentState,
  readyNow: number,
): string | undefined {
  if (availableReplicas === 0) return undefined
  if (readyNow >= availableReplicas) return image
  const isOther = lastHealthy !== undefined && lastHealthy.replicaSet.uid !== replicaSet?.uid
  return readyNow === 0 && isOther ? lastHealthy.image : undefined
}

function versionOf(image: string, { plan, version }: Run): string | undefined {
  if (!isDeployPlan(plan)) return undefined
  if (sameImage(image, plan.current.image)) return plan.current.version
  const { repository, digest } = { repository: plan.image.reference.split('@')[0], digest: plan.image.digest }
  const isNew =
    sameImage(image, plan.image.reference) || (digest !== undefined && sameImage(image, `${repository}@${digest}`))
  return isNew ? version : undefined
}
