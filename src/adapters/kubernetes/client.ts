import { applyManifest } from './api/apply.ts'
import { Connection } from './api/connection.ts'
import { CronJobs } from './cron-jobs.ts'
import { Deployments } from './deployments/deployments.ts'
import { examineCronJob, examinePods, readLog } from './examine.ts'
import { followLogs } from './logs/follow-logs.ts'
import { pathsIn } from './api/paths.ts'
import type { Cluster, Permission } from './port.ts'
import { recentLogs } from './logs/recent-logs.ts'
import { restart } from './deployments/restart.ts'
import { scale } from './deployments/scale.ts'
import { Secrets } from './secrets.ts'
import { autoscaler } from './deployments/autoscaler.ts'
import { nodePlatforms } from './nodes/platforms.ts'
import { secretConsumers } from './secrets/consumers.ts'
import { waitForRollout } from './deployments/wait-for-rollout.ts'

interface ClusterOptions {
  /** Path of a kubeconfig. Without it: KUBECONFIG, then the pod's ServiceAccount, then ~/.kube/config. */
  readonly kubeconfig?: string
  readonly context?: string
  readonly namespace: string
  /** For one request, not for a watch or a followed log (default 15 s). */
  readonly requestTimeoutMs?: number
}

const REQUEST_TIMEOUT_MS = 15_000

/** Reads the kubeconfig and sends nothing yet. Raises ClusterError `cluster_config`. */
export function openCluster(options: ClusterOptions): Cluster {
  const { namespace, kubeconfig, context, requestTimeoutMs = REQUEST_TIMEOUT_MS } = options
  const connection = new Connection({
    requestTimeoutMs,
    ...(kubeconfig === undefined ? {} : { kubeconfig }),
    ...(context === undefined ? {} : { context }),
  })
  const paths = pathsIn(namespace)
  const deployments = new Deployments(connection, paths)
  const secrets = new Secrets(connection, paths)
  const cronJobs = new CronJobs(connection, paths)
  return {
    namespace,
    serverVersion: async (signal) => {
      const request = { method: 'GET', path: '/version', doing: "reading the cluster's version" } as const
      return (await connection.json<{ gitVersion: string }>(request, signal)).gitVersion
    },
    clockAheadMs: (signal) => connection.clockAheadMs(signal),
    missingPermissions: async (needed, signal) => {
      const allowed = await Promise.all(needed.map((one) => isAllowed(connection, namespace, one, signal)))
      return needed.filter((_, index) => !allowed[index])
    },
    deployment: (name, container, signal) => deployments.state(name, container, signal),
    currentPods: (name, container, signal) => deployments.currentPods(name, container, signal),
    setImage: (change, signal) => deployments.setImage(change, signal),
    waitForRollout: async (wait, signal) => {
      const deployment = await deployments.require(wait.deployment, 'rolling out', signal)
      return waitForRollout(connection, paths, deployment, wait, signal)
    },
    restoreReplicaSet: (undo, signal) => deployments.restore(undo, signal),
    scale: (change, signal) => scale({ connection, paths, deployments }, change, signal),
    history: (name, container, signal) => deployments.history(name, container, signal),
    restart: (change, signal) => restart({ connection, paths, deployments }, change, signal),
    autoscaler: (name, signal) => autoscaler(connection, paths, name, signal),
    nodePlatforms: (signal) => nodePlatforms(connection, signal),
    secretConsumers: async ({ deployment: name, secret, cronJobs: named }, signal) => {
      const deployment = await deployments.require(name, 'reading', signal)
      return secretConsumers(connection, paths, { deployment, secret, cronJobs: named }, signal)
    },
    secretKey: (secret, key, signal) => secrets.state(secret, key, signal),
    readSecretKey: (secret, key, signal) => secrets.read(secret, key, signal),
    writeSecret: (secret, write, signal) => secrets.write(secret, write, signal),
    removeSecretKey: (secret, key, { deleteWhenEmpty }, signal) => secrets.remove(secret, key, deleteWhenEmpty, signal),
    cronJob: (name, signal) => cronJobs.state(name, signal),
    apply: (manifest, how, signal) => applyManifest(connection, namespace, manifest, how, signal),
    suspendCronJob: (name, suspended, signal) => cronJobs.suspend(name, suspended, signal),
    deleteCronJob: (name, signal) => cronJobs.delete(name, signal),
    runCronJobNow: (name, jobName, signal) => cronJobs.runNow(name, jobName, signal),
    examinePods: (name, container, signal) => examinePods(connection, paths, { name, container }, signal),
    examineCronJob: (name, signal) => examineCronJob(connection, paths, name, signal),
    readLog: (part, signal) => readLog(connection, paths, part, signal),
    restarts: async (name, container, signal) => {
      const pods = await deployments.currentPods(name, container, signal)
      return pods.reduce((sum, pod) => sum + pod.restarts, 0)
    },
    recentLogs: async ({ deployment: name, ...read }, onLine, signal) => {
      const deployment = await deployments.require(name, 'reading the logs of', signal)
      return recentLogs(connection, paths, deployment, read, onLine, signal)
    },
    followLogs: async ({ deployment: name, container, since }, onLine, signal) => {
      try {
        const deployment = await deployments.require(name, 'following the logs of', signal)
        await followLogs(connection, paths, deployment, { container, since }, onLine, signal)
      } catch (error) {
        if (!signal.aborted) throw error
      }
    },
  }
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
