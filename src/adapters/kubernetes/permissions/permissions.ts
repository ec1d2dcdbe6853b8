import type { Connection } from '../api/connection.ts'
import type { Permission } from './port.ts'

/**
 * Returns the rights that are denied. Every authenticated account may ask about its own, so this needs no right itself.
 */
export async function missingPermissions(
  connection: Connection,
  namespace: string,
  needed: readonly Permission[],
  signal: AbortSignal,
): Promise<readonly Permission[]> {
  const allowed = await Promise.all(needed.map((one) => isAllowed(connection, namespace, one, signal)))
  return needed.filter((_, index) => !allowed[index])
}

async function isAllowed(
  connection: Connection,
  namespace: string,
  permission: Permission,
  signal: AbortSignal,
): Promise<boolean> {
  const { group, resource, subresource, verb, name } = permission
  const resourceAttributes = { namespace, group, resource, subresource, verb, name }
  const review = await connection.json<{ status?: { allowed?: boolean } }>(
    {
      method: 'POST',
      path: '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
      body: {
        apiVersion: 'authorization.k8s.io/v1',
        kind: 'SelfSubjectAccessReview',
        spec: { resourceAttributes },
      },
      doing: `asking whether ${verb} ${resource} is allowed`,
    },
    signal,
  )
  return review.status?.allowed === true
}
