import { ClusterError } from './errors.ts'

/**
 * Answers questions that a plan can do without. A Role that does not grant the right (403) and a cluster that does not
 * serve the kind (404: autoscaling/v2 came with Kubernetes 1.23) make the answer `unknown`; every other error stays an
 * error.
 */
export async function orUnknown<T>(answer: Promise<T>): Promise<T | 'unknown'> {
  try {
    return await answer
  } catch (error) {
    if (error instanceof ClusterError && (error.status === 403 || error.status === 404)) return 'unknown'
    throw error
  }
}
