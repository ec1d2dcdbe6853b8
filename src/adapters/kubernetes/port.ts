import type { CronJobs } from './cron-jobs/port.ts'
import type { Deployments } from './deployments/port.ts'
import type { Logs } from './logs/port.ts'
import type { Manifests } from './manifests/port.ts'
import type { Nodes } from './nodes/port.ts'
import type { Permissions } from './permissions/port.ts'
import type { Pods } from './pods/port.ts'
import type { Secrets } from './secrets/port.ts'

/**
 * One namespace of one cluster, in the words of the runbook. Every method takes an AbortSignal, limits the time of each
 * request by itself, and raises ClusterError: the object, the verb, the API's reason and message. `transient` marks
 * network failures, 429 and 5xx.
 */
export interface Cluster extends Deployments, Pods, Secrets, CronJobs, Manifests, Logs, Nodes, Permissions {
  readonly namespace: string
  serverVersion(signal: AbortSignal): Promise<string>
  /** Tells this cluster from every other one. */
  identity(signal: AbortSignal): Promise<ClusterIdentity>
  /**
   * Tells how far the API server's clock is ahead of this machine's, to a second or so; undefined when it does not say.
   */
  clockAheadMs(signal: AbortSignal): Promise<number | undefined>
}

export interface ClusterIdentity {
  /** The uid of the namespace kube-system; undefined where Purser may not read it. */
  readonly uid: string | undefined
  /** The address of the API server, without a login; a path below it is shown as a hash. */
  readonly server: string
}
