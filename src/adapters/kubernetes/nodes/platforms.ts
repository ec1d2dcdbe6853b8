import type { ApiObject } from '../api/objects.ts'
import type { Connection } from '../api/connection.ts'
import { orUnknown } from '../api/or-unknown.ts'

interface Node extends ApiObject {
  readonly spec?: { readonly unschedulable?: boolean }
  readonly status?: { readonly nodeInfo?: { readonly operatingSystem?: string; readonly architecture?: string } }
}

/**
 * Lists the platforms of the nodes, which belong to the whole cluster: no Role of a namespace can grant the right to
 * list them, only a ClusterRole.
 */
export async function nodePlatforms(
  connection: Connection,
  signal: AbortSignal,
): Promise<readonly string[] | 'unknown'> {
  const request = { method: 'GET', path: '/api/v1/nodes', doing: 'listing nodes' } as const
  const list = await orUnknown(connection.list<Node>(request, signal))
  if (list === 'unknown') return 'unknown'
  const platforms = list.items
    .filter((node) => node.spec?.unschedulable !== true)
    .flatMap(({ status }) => {
      const { operatingSystem, architecture } = status?.nodeInfo ?? {}
      return operatingSystem && architecture ? [`${operatingSystem}/${architecture}`] : []
    })
  return [...new Set(platforms)].sort()
}
