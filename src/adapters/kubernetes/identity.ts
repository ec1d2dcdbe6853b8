import { createHash } from 'node:crypto'
import type { Connection } from './api/connection.ts'
import type { ApiObject } from './api/objects.ts'
import { orUnknown } from './api/or-unknown.ts'
import type { ClusterIdentity } from './port.ts'

/** Every cluster has this namespace, makes it once, and can never delete it: its uid is what a cluster has for a name. */
const oldest = 'kube-system'

export async function clusterIdentity(connection: Connection, signal: AbortSignal): Promise<ClusterIdentity> {
  const request = {
    method: 'GET',
    path: `/api/v1/namespaces/${oldest}`,
    doing: `reading namespace ${oldest}`,
  } as const
  const namespace = await orUnknown(connection.json<ApiObject>(request, signal))
  return {
    uid: namespace === 'unknown' ? undefined : namespace.metadata.uid,
    server: shown(connection.server),
  }
}

/** The address without what may be a login: some put one before the host, and proxies of clusters have a path for each. */
function shown(server: string): string {
  const { origin, pathname } = new URL(server)
  if (pathname === '/') return origin
  return `${origin}/… (sha256 ${createHash('sha256').update(pathname).digest('hex').slice(0, 12)})`
}
