import { setTimeout as pause } from 'node:timers/promises'
import { type Pod, selectorText } from '../api/objects.ts'
import { fieldManager } from '../api/field-manager.ts'
import type { Connection } from '../api/connection.ts'
import type { DeploymentsApi } from './deployments.ts'
import type { Paths } from '../api/paths.ts'
import type { ReplicasChange } from './port.ts'

const lookEveryMs = 500

/**
 * Tells whether the Deployment's status says that no pod is left. A status that still counts the former pods would be
 * taken for a finished rollout when the Deployment is started again.
 */
async function hasSettled(deployments: DeploymentsApi, name: string, signal: AbortSignal): Promise<boolean> {
  const { metadata, status } = await deployments.require(name, 'scaling to 0', signal)
  const observed = (metadata.generation ?? 0) <= (status?.observedGeneration ?? 0)
  return observed && (status?.replicas ?? 0) === 0
}

/**
 * Sets the number of replicas, and sends nothing when it is set already. For 0 replicas it waits until the last pod is
 * gone, because a pod may still write while it ends. For any other number the caller waits as for a rollout.
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
        query: { fieldManager },
        body: { spec: { replicas } },
        contentType: 'application/merge-patch+json',
        doing,
      },
      signal,
    )
  const query = { labelSelector: selectorText(spec.selector) }
  while (replicas === 0) {
    const pods = await connection.list<Pod>({ method: 'GET', path: paths.pods, query, doing }, signal)
    const left = pods.items.filter((pod) => pod.status?.phase !== 'Succeeded' && pod.status?.phase !== 'Failed').length
    if (left === 0 && (await hasSettled(deployments, name, signal))) return
    onProgress(`${left} pod${left === 1 ? '' : 's'} of ${name} left`)
    await pause(lookEveryMs, undefined, { signal }).catch(() => signal.throwIfAborted())
  }
}
