import { conditionOf, type ContainerStatus, type Deployment, type Pod, selectorText } from '../api/objects.ts'
import type { Connection } from '../api/connection.ts'
import type { Paths } from '../api/paths.ts'
import type { DeploymentsApi } from '../deployments/deployments.ts'
import { currentPodsOf } from '../deployments/rollout-verdict.ts'
import type { PodExamination, PodState } from './port.ts'

export async function currentPods(
  deployments: DeploymentsApi,
  { name, container }: { readonly name: string; readonly container: string },
  signal: AbortSignal,
): Promise<readonly PodState[]> {
  const view = await deployments.rolloutView(name, 'listing the pods of', signal)
  return currentPodsOf(view).map((pod) => {
    const status = pod.status?.containerStatuses?.find((one) => one.name === container)
    const spec = pod.spec.containers.find((one) => one.name === container)
    return {
      name: pod.metadata.name,
      ready: status?.ready ?? false,
      restarts: status?.restartCount ?? 0,
      imageID: status?.imageID ?? '',
      image: spec?.image ?? '',
    }
  })
}

export async function examinePods(
  connection: Connection,
  paths: Paths,
  { name, container }: { readonly name: string; readonly container: string },
  signal: AbortSignal,
): Promise<readonly PodExamination[] | undefined> {
  const doing = `reading deployment ${name}`
  const deployment = await connection.find<Deployment>(
    { method: 'GET', path: `${paths.deployments}/${name}`, doing },
    signal,
  )
  if (deployment === undefined) return undefined
  const pods = await listPods(connection, paths, selectorText(deployment.spec.selector), signal)
  return pods
    .filter((pod) => pod.metadata.deletionTimestamp === undefined && isOfReplicaSet(pod))
    .map((pod) => {
      const status = pod.status?.containerStatuses?.find((one) => one.name === container)
      return {
        name: pod.metadata.name,
        ready: conditionOf(pod.status?.conditions, 'Ready')?.status === 'True',
        startedAt: status?.state?.running?.startedAt,
        restarts: status?.restartCount ?? 0,
        waiting: waitingReason(status),
        annotations: pod.metadata.annotations ?? {},
      }
    })
}

/** Tells the pods of ReplicaSets from others: the Deployment's selector may match pods of Jobs as well. */
function isOfReplicaSet({ metadata }: Pod): boolean {
  return metadata.ownerReferences?.some((owner) => owner.controller === true && owner.kind === 'ReplicaSet') === true
}

export async function listPods(
  connection: Connection,
  paths: Paths,
  labelSelector: string,
  signal: AbortSignal,
): Promise<readonly Pod[]> {
  const request = { method: 'GET', path: paths.pods, query: { labelSelector }, doing: 'listing pods' } as const
  return (await connection.list<Pod>(request, signal)).items
}

/** Returns why the container waits, unless its pod is just being created. */
export function waitingReason(status: ContainerStatus | undefined): string | undefined {
  const { reason, message } = status?.state?.waiting ?? {}
  if (reason === undefined || reason === 'ContainerCreating' || reason === 'PodInitializing') return undefined
  return message === undefined ? reason : `${reason}: ${message}`
}
