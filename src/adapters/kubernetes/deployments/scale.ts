import { setTimeout as pause } from 'node:timers/promises'
import { type ApiList, type Pod, selectorText } from '../api/objects.ts'
import { FIELD_MANAGER } from '../api/field-manager.ts'
import type { Connection } from '../api/connection.ts'
import type { DeploymentsApi } from './deployments.ts'
import type { Paths } from '../api/paths.ts'
import type { ReplicasChange } from './port.ts'

const LOOK_MS = 500

/** A status that still counts the former pods would pass for a rollout that is done, when the deployment is started again. */
async function hasSettled(deployments: DeploymentsApi, name: string, signal: AbortSignal): Promise<boolean> {
  const { metadata, status } = await deployments.require(name, 'scaling to 0', signal)
  const observed = (metadata.generation ?? 0) <= (status?.observedGeneration ?? 0)
  return observed && (status?.replicas ?? 0) === 0
}

/**
 * Sets the number of replicas (equal: nothing is sent), and for 0 waits until the last pod is gone: a pod that ends still
 * writes. Pods of another number are waited for as for any rollout.
 */
export async function scale(
  { connection, paths, deployments }: { connection: Connection; paths: Paths; deployments: DeploymentsApi },
  { deployment: name, replicas, onProgress }: ReplicasChange,
  signal: AbortSignal,
): Promise<void> {
  const doing = `scaling deployment ${name} to ${replicas}`
  const { spec } = await deployments.require(name, `scaling to ${replicas}`, signal)
  if ((spec.replicas ?? 1) !== replicas)
    await connection.text(
      {
        method: 'PATCH',
        path: `${paths.deployments}/${name}`,
        query: { fieldManager: FIELD_MANAGER },
        body: { spec: { replicas } },
        contentType: 'application/merge-patch+json',
        doing,
      },
      signal,
    )
  const query = { labelSelector: selectorText(spec.selector) }
  while (replicas === 0) {
    const pods = await connection.json<ApiList<Pod>>({ method: 'GET', path: paths.pods, query, doing }, signal)
    const left = pods.items.filter((pod) => pod.status?.phase !== 'Succeeded' && pod.status?.phase !== 'Failed').length
    if (left === 0 && (await hasSettled(deployments, name, signal))) return
    onProgress(`${left} pod${left === 1 ? '' : 's'} of ${name} left`)
    await pause(LOOK_MS, undefined, { signal }).catch(() => signal.throwIfAborted())
  }
}
