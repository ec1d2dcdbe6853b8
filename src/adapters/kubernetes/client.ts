import { offThread } from '../off-thread/off-thread.ts'
import { Connection } from './api/connection.ts'
import { type Paths, pathsIn } from './api/paths.ts'
import { CronJobsApi } from './cron-jobs/cron-jobs.ts'
import { examineCronJob } from './cron-jobs/examine-cron-job.ts'
import type { CronJobs } from './cron-jobs/port.ts'
import { autoscaler } from './deployments/autoscaler.ts'
import { DeploymentsApi } from './deployments/deployments.ts'
import type { Deployments } from './deployments/port.ts'
import { restart, tryRestart } from './deployments/restart.ts'
import { scale } from './deployments/scale.ts'
import { waitForRollout } from './deployments/wait-for-rollout.ts'
import { clusterIdentity } from './identity.ts'
import { followLogs } from './logs/follow-logs.ts'
import type { Logs } from './logs/port.ts'
import { readLog } from './logs/read-log.ts'
import { recentLogs } from './logs/recent-logs.ts'
import { applyManifest, tryManifest } from './manifests/apply.ts'
import { nodePlatforms } from './nodes/platforms.ts'
import { missingPermissions } from './permissions/permissions.ts'
import { currentPods, examinePods } from './pods/pods.ts'
import type { Pods } from './pods/port.ts'
import type { Cluster } from './port.ts'
import { secretConsumers } from './secrets/consumers.ts'
import type { Secrets } from './secrets/port.ts'
import { SecretsApi } from './secrets/secrets.ts'

interface ClusterOptions {
  /** The path of a kubeconfig. Without it: KUBECONFIG, then the pod's ServiceAccount, then ~/.kube/config. */
  readonly kubeconfig?: string
  readonly context?: string
  readonly namespace: string
  /** The time limit of one request, not of a watch or a followed log (default 15 s). */
  readonly requestTimeoutMs?: number
}

const defaultTimeoutMs = 15_000

/** Reads the kubeconfig and sends nothing yet. Raises ClusterError `cluster_config`. */
export function openCluster(options: ClusterOptions): Cluster {
  const { namespace, kubeconfig, context, requestTimeoutMs = defaultTimeoutMs } = options
  const connection = new Connection({
    requestTimeoutMs,
    ...(kubeconfig === undefined ? {} : { kubeconfig }),
    ...(context === undefined ? {} : { context }),
  })
  const paths = pathsIn(namespace)
  const api = { connection, paths, deployments: new DeploymentsApi(connection, paths) }
  return {
    namespace,
    serverVersion: async (signal) => {
      const request = { method: 'GET', path: '/version', doing: "reading the cluster's version" } as const
      return (await connection.json<{ gitVersion: string }>(request, signal)).gitVersion
    },
    identity: (signal) => clusterIdentity(connection, signal),
    clockAheadMs: (signal) => connection.clockAheadMs(signal),
    missingPermissions: (needed, signal) => missingPermissions(connection, namespace, needed, signal),
    nodePlatforms: (signal) => nodePlatforms(connection, signal),
    apply: (manifest, how, signal) => applyManifest(connection, namespace, manifest, how, signal),
    readManifest: (text, signal) => offThread('manifest', text, signal),
    tryApply: (manifest, signal) => tryManifest(connection, namespace, manifest, signal),
    ...deploymentsOf(api),
    ...podsOf(api),
    ...secretsOf(api),
    ...cronJobsOf(api),
    ...logsOf(api),
  }
}

interface Api {
  readonly connection: Connection
  readonly paths: Paths
  readonly deployments: DeploymentsApi
}

function deploymentsOf(api: Api): Deployments {
  const { connection, paths, deployments } = api
  return {
    deployment: (name, container, signal) => deployments.state(name, container, signal),
    history: (name, container, signal) => deployments.history(name, container, signal),
    autoscaler: (name, signal) => autoscaler(connection, paths, name, signal),
    setImage: (change, signal) => deployments.setImage(change, signal),
    restoreReplicaSet: (undo, signal) => deployments.restore(undo, signal),
    restart: (change, signal) => restart(api, change, signal),
    tryRestart: (change, signal) => tryRestart(api, change, signal),
    scale: (change, signal) => scale(api, change, signal),
    waitForRollout: async (wait, signal) => {
      const deployment = await deployments.require(wait.deployment, 'rolling out', signal)
      return waitForRollout(connection, paths, deployment, wait, signal)
    },
  }
}

function podsOf({ connection, paths, deployments }: Api): Pods {
  return {
    currentPods: (name, container, signal) => currentPods(deployments, { name, container }, signal),
    restarts: async (name, container, signal) => {
      const pods = await currentPods(deployments, { name, container }, signal)
      return pods.reduce((sum, pod) => sum + pod.restarts, 0)
    },
    examinePods: (name, container, signal) => examinePods(connection, paths, { name, container }, signal),
  }
}

function secretsOf({ connection, paths, deployments }: Api): Secrets {
  const secrets = new SecretsApi(connection, paths)
  return {
    secretKey: (secret, key, signal) => secrets.state(secret, key, signal),
    readSecretKey: (secret, key, signal) => secrets.read(secret, key, signal),
    writeSecret: (secret, write, signal) => secrets.write(secret, write, signal),
    removeSecretKey: (secret, key, { deleteWhenEmpty }, signal) => secrets.remove(secret, key, deleteWhenEmpty, signal),
    secretConsumers: async ({ deployment: name, secret, cronJobs }, signal) => {
      const deployment = await deployments.require(name, 'reading', signal)
      return secretConsumers(connection, paths, { deployment, secret, cronJobs }, signal)
    },
  }
}

function cronJobsOf({ connection, paths }: Api): CronJobs {
  const cronJobs = new CronJobsApi(connection, paths)
  return {
    cronJob: (name, signal) => cronJobs.state(name, signal),
    suspendCronJob: (name, suspended, signal) => cronJobs.suspend(name, suspended, signal),
    deleteCronJob: (name, signal) => cronJobs.delete(name, signal),
    runCronJobNow: (name, jobName, signal) => cronJobs.runNow(name, jobName, signal),
    stillRunning: (name, signal) => cronJobs.stillRunning(name, signal),
    tryJob: (cronJob, jobName, signal) => cronJobs.tryJob(cronJob, jobName, signal),
    examineCronJob: (name, signal) => examineCronJob(connection, paths, name, signal),
  }
}

function logsOf({ connection, paths, deployments }: Api): Logs {
  return {
    readLog: (part, signal) => readLog(connection, paths, part, signal),
    recentLogs: async ({ deployment: name, ...read }, onLine, signal) => {
      const deployment = await deployments.require(name, 'reading the logs of', signal)
      return recentLogs(connection, paths, deployment, read, onLine, signal)
    },
    followLogs: async ({ deployment: name, ...range }, onLine, signal, onGap = () => undefined) => {
      try {
        const deployment = await deployments.require(name, 'following the logs of', signal)
        await followLogs(connection, paths, deployment, range, { onLine, onGap }, signal)
      } catch (error) {
        if (!signal.aborted) throw error
      }
    },
  }
}
