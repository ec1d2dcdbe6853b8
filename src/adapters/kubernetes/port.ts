import type { Sensitive } from '../../sensitive.ts'

/** One right, in RBAC's terms. `subresource` as in `pods/log`. */
export interface Permission {
  readonly group: '' | 'apps' | 'batch' | 'autoscaling'
  readonly resource: string
  readonly subresource?: string
  readonly verb: 'get' | 'list' | 'watch' | 'create' | 'patch' | 'delete'
  readonly name?: string
}

export interface DeploymentState {
  readonly name: string
  readonly uid: string
  readonly generation: number
  readonly resourceVersion: string
  /** Image of the configured container, exactly as the template has it. */
  readonly image: string
  readonly replicas: number
  readonly availableReplicas: number
  readonly updatedReplicas: number
  readonly paused: boolean
  /** Of the ReplicaSet that the template stands for now. */
  readonly revision: string
  readonly replicaSet: { readonly name: string; readonly uid: string } | undefined
  /**
   * What a rollback may go back to: the current ReplicaSet if its rollout was completed, else the newest other one whose
   * pods serve. A revision that failed is never one.
   */
  readonly lastHealthy: Revision | undefined
  /** SHA-256 of the pod template: changes exactly when the pods would. */
  readonly templateHash: string
  readonly containers: readonly string[]
  /** Platforms and node facts are read where they are needed; this is what a rollback needs. */
  readonly revisionHistoryLimit: number
}

export interface Revision {
  readonly revision: string
  readonly replicaSet: { readonly name: string; readonly uid: string }
  /** Image of the configured container. */
  readonly image: string
}

/** A revision that an undo could go back to. */
export interface KnownRevision extends Revision {
  /** RFC 3339. */
  readonly createdAt: string | undefined
  readonly changeCause: string | undefined
  readonly templateHash: string
  /** The one that the template stands for now. */
  readonly current: boolean
  /** Its rollout was completed, or pods of it serve now. Of one that was replaced the cluster cannot tell how it did. */
  readonly serves: boolean
  /** From what runs now to this revision, one line for each field of the pod template: image, variables, annotations. */
  readonly differences: readonly string[]
  /** From this revision to what runs now. */
  readonly changedSince: readonly string[]
}

/** Somebody who wrote fields of the pod template, as the API server calls them: `kubectl-set`, `argocd-controller`. */
export interface TemplateWriter {
  readonly manager: string
  /** RFC 3339. */
  readonly at: string | undefined
}

export interface DeploymentHistory {
  /** Image of the configured container. */
  readonly image: string
  readonly templateHash: string
  readonly paused: boolean
  readonly revisionHistoryLimit: number
  readonly changeCause: string | undefined
  /** Others than Purser, whoever wrote last first. */
  readonly writers: readonly TemplateWriter[]
  /** Newest first. */
  readonly revisions: readonly KnownRevision[]
}

/** The bounds between which an autoscaler keeps the number of a Deployment's pods. */
export interface Autoscaler {
  readonly name: string
  readonly minimum: number
  readonly maximum: number
}

export interface SecretConsumers {
  /** The Deployment's containers and volumes, and those of the CronJobs named in the question. */
  readonly own: readonly SecretConsumer[]
  /** Other workloads of the namespace that run at this moment. Jobs are left out. */
  readonly others: readonly SecretConsumer[]
}

/** One way by which a workload gets values of a Secret. */
export interface SecretConsumer {
  /** `Deployment valuecanvas-api` */
  readonly workload: string
  /** `container api` or `volume keys` */
  readonly by: string
  /**
   * `env` and `envFrom` are read when a container starts; a `volume` follows within a minute or so, a `subPath` of one never.
   */
  readonly how: 'env' | 'envFrom' | 'volume' | 'subPath'
}

/** What `kubectl rollout status` would say at this moment, with numbers. */
export interface RolloutProgress {
  readonly replicas: number
  readonly updated: number
  readonly ready: number
  readonly old: number
  /** "2 of 3 new pods ready" */
  readonly line: string
}

export interface PodState {
  readonly name: string
  readonly ready: boolean
  readonly restarts: number
  readonly imageID: string
  readonly image: string
}

export interface CronJobState {
  readonly name: string
  readonly schedule: string
  /** IANA name; undefined: the controller's own, which is UTC as a rule. */
  readonly timeZone: string | undefined
  /** Without one the controller gives up on a CronJob that missed more than 100 times. */
  readonly startingDeadlineSeconds: number | undefined
  readonly suspended: boolean
  /** RFC 3339, as the two below. */
  readonly createdAt: string | undefined
  readonly lastScheduleTime: string | undefined
  readonly lastSuccessfulTime: string | undefined
  readonly active: number
  /** The object as it can be applied again: no status, no server-side fields. */
  readonly manifest: KubernetesObject
}

export interface KubernetesObject {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly [field: string]: unknown }
  readonly [field: string]: unknown
}

/** The result of an apply, real or dry: what would change, one line for each field, values never from Secrets. */
export interface ApplyOutcome {
  readonly outcome: 'created' | 'changed' | 'unchanged'
  readonly differences: readonly string[]
}

export interface ImageSet extends ApplyOutcome {
  /** Of the template as it stands now: whoever finds another one later knows that somebody else changed it. */
  readonly templateHash: string
}

export interface SecretKeyState {
  readonly secretExists: boolean
  readonly keyExists: boolean
  /** SHA-256 prefix of the value (see Sensitive.fingerprint); never the value. */
  readonly fingerprint: string | undefined
  /** Of each value, where the key holds a comma-separated list. */
  readonly fingerprints: readonly string[]
  readonly immutable: boolean
  /** All keys of the Secret. */
  readonly keys: readonly string[]
  /** Who else has set this key, as the API's record of owners tells. `applies`: it writes whole manifests, and again. */
  readonly managers: readonly { readonly name: string; readonly applies: boolean }[]
  /** RFC 3339: when somebody last wrote this key, or another key by the same hand. Undefined when the API does not tell. */
  readonly changedAt?: string
}

export interface SecretWrite {
  /** Undefined removes the key. */
  readonly keys: Readonly<Record<string, Sensitive | undefined>>
  /** Field managers whose keys may be taken over, because people have agreed to it. */
  readonly takeOver?: readonly string[]
}

export interface LogLine {
  readonly pod: string
  readonly container: string
  /** RFC 3339 with nanoseconds, as the kubelet stamped it. */
  readonly timestamp: string
  readonly text: string
}

export interface JobOutcome {
  readonly name: string
  readonly succeeded: boolean
  readonly reason: string | undefined
  readonly logs: readonly string[]
}

/** A pod of a Deployment, as a diagnosis wants it. */
export interface PodExamination {
  readonly name: string
  readonly ready: boolean
  /** RFC 3339, of the container; undefined while it does not run. */
  readonly startedAt: string | undefined
  readonly restarts: number
  /** "ImagePullBackOff: …"; undefined when the container does not wait. */
  readonly waiting: string | undefined
  readonly annotations: Readonly<Record<string, string>>
}

/** What `describe cronjob`, `get jobs` and `get pods` tell together. */
export interface CronJobExamination {
  readonly schedule: string
  readonly timeZone: string | undefined
  readonly suspended: boolean
  readonly concurrencyPolicy: string
  readonly startingDeadlineSeconds: number | undefined
  readonly createdAt: string
  readonly lastScheduleTime: string | undefined
  readonly lastSuccessfulTime: string | undefined
  /** Of its first container. */
  readonly image: string
  /** Newest first. */
  readonly jobs: readonly JobExamination[]
  /** Warnings about the CronJob and its Jobs, newest first: "TooManyMissedTimes: …". */
  readonly warnings: readonly string[]
}

export interface JobExamination {
  readonly name: string
  readonly createdAt: string
  readonly outcome: 'running' | 'complete' | 'failed'
  /** Of a failed one: "BackoffLimitExceeded: …". */
  readonly reason: string | undefined
  readonly pods: readonly JobPod[]
}

export interface JobPod {
  readonly name: string
  readonly phase: string
  /** "ErrImagePull: …" */
  readonly waiting: string | undefined
  readonly exitCode: number | undefined
  readonly restarts: number
}

/** Which part of a container's log. */
export interface LogPart {
  readonly pod: string
  /** Default: the pod's only container. */
  readonly container?: string
  /** The first bytes since the container started, or the last lines. */
  readonly from: 'start' | 'end'
  readonly lines: number
  /** Of the container's run before this one. */
  readonly previous?: boolean
}

/**
 * One namespace of one cluster, in the words of the runbook. Every method takes an AbortSignal, has its own time
 * limit for each request, and raises ClusterError (object, verb, reason, the API's message; `transient` for network
 * trouble, 429 and 5xx).
 */
export interface Cluster {
  readonly namespace: string
  serverVersion(signal: AbortSignal): Promise<string>
  /** How far the API server's clock is ahead of this machine's, to a second or so; undefined when it does not tell. */
  clockAheadMs(signal: AbortSignal): Promise<number | undefined>
  /** Asks SelfSubjectAccessReview for each; returns those that are denied. */
  missingPermissions(needed: readonly Permission[], signal: AbortSignal): Promise<readonly Permission[]>

  deployment(name: string, container: string, signal: AbortSignal): Promise<DeploymentState | undefined>
  /** Pods of the ReplicaSet that the deployment's template stands for now. */
  currentPods(deployment: string, container: string, signal: AbortSignal): Promise<readonly PodState[]>
  /**
   * Sets the image of one container (strategic merge patch), records the change cause, and optionally template
   * annotations (such as the credentials' hash). Equal values change nothing. Safe to repeat. With `dryRun` the server
   * validates and nothing is stored.
   * `onlyIfTemplate` guards against another hand: when the template hash differs, raises `deployment_changed`.
   */
  setImage(change: ImageChange, signal: AbortSignal): Promise<ImageSet>
  /**
   * Watches until the verdict of `kubectl rollout status`. Raises RolloutFailed (code `rollout_failed`) with evidence
   * when the new pods cannot come up: image cannot be pulled, crash loop, container config error, quota, unschedulable,
   * progress deadline exceeded.
   */
  waitForRollout(wait: RolloutWait, signal: AbortSignal): Promise<RolloutProgress>
  /** Puts the template of a recorded ReplicaSet back (what `kubectl rollout undo` sends), found by uid. Safe to repeat. */
  restoreReplicaSet(undo: ReplicaSetUndo, signal: AbortSignal): Promise<ApplyOutcome>

  /** Safe to repeat. For 0 replicas it returns when no pod is left; other numbers are waited for with `waitForRollout`. */
  scale(
    change: { readonly deployment: string; readonly replicas: number; readonly onProgress: (line: string) => void },
    signal: AbortSignal,
  ): Promise<void>

  /** What runs, who made it so, and what `restoreReplicaSet` could put back. Changes nothing. */
  history(deployment: string, container: string, signal: AbortSignal): Promise<DeploymentHistory>
  /** `unknown`: Purser may not list autoscalers. */
  autoscaler(deployment: string, signal: AbortSignal): Promise<Autoscaler | 'none' | 'unknown'>
  /** `linux/amd64`, of the nodes that take pods. `unknown`: Purser may not list nodes. */
  nodePlatforms(signal: AbortSignal): Promise<readonly string[] | 'unknown'>
  secretConsumers(
    question: { readonly deployment: string; readonly secret: string; readonly cronJobs: readonly string[] },
    signal: AbortSignal,
  ): Promise<SecretConsumers>

  /**
   * Replaces the pods of a Deployment by putting annotations on its template (a hash of what they read at their start), and
   * waits until the new ones serve. Equal annotations: nothing is sent. Needs no more than get and patch.
   */
  restart(change: RestartChange, signal: AbortSignal): Promise<ApplyOutcome>

  secretKey(secret: string, key: string, signal: AbortSignal): Promise<SecretKeyState>
  /** The value itself, wrapped. Only for signing a probe or for keeping it aside in the cluster. */
  readSecretKey(secret: string, key: string, signal: AbortSignal): Promise<Sensitive | undefined>
  /**
   * Sets and removes keys at once by server-side apply, leaves all others alone, creates the Secret (type Opaque) when there
   * is none. Safe to repeat. Raises `apply_conflict` naming the field manager that has set a key before, and
   * `secret_immutable`.
   */
  writeSecret(secret: string, write: SecretWrite, signal: AbortSignal): Promise<ApplyOutcome>
  /** Removes one key; a Secret that this leaves empty is deleted only when `deleteWhenEmpty`. Missing is fine. */
  removeSecretKey(
    secret: string,
    key: string,
    options: { deleteWhenEmpty: boolean },
    signal: AbortSignal,
  ): Promise<void>

  cronJob(name: string, signal: AbortSignal): Promise<CronJobState | undefined>
  /** Server-side apply with Purser's field manager, strict validation. Conflicts raise ClusterError `apply_conflict` naming the other manager. */
  apply(manifest: KubernetesObject, options: { dryRun: boolean }, signal: AbortSignal): Promise<ApplyOutcome>
  suspendCronJob(name: string, suspended: boolean, signal: AbortSignal): Promise<void>
  /** Deletes with its Jobs (background). Missing is fine. */
  deleteCronJob(name: string, signal: AbortSignal): Promise<void>
  /** As `kubectl create job --from`; `jobName` makes it safe to repeat. Waits for Complete or Failed and brings the last log lines. */
  runCronJobNow(cronJob: string, jobName: string, signal: AbortSignal): Promise<JobOutcome>

  /** Pods of the deployment's selector that are not going away. Undefined: there is no such deployment. */
  examinePods(
    deployment: string,
    container: string,
    signal: AbortSignal,
  ): Promise<readonly PodExamination[] | undefined>
  examineCronJob(name: string, signal: AbortSignal): Promise<CronJobExamination | undefined>
  /** Empty when the container has not started or is gone. */
  readLog(part: LogPart, signal: AbortSignal): Promise<readonly LogLine[]>

  /** Sum of container restarts over the current pods. */
  restarts(deployment: string, container: string, signal: AbortSignal): Promise<number>
  /**
   * What every pod of the deployment has logged since then (RFC 3339), read once. Of a pod that said more than
   * `mostLines`, the last ones; such pods are named. A pod whose container has not started has said nothing.
   */
  recentLogs(
    read: {
      readonly deployment: string
      readonly container: string
      readonly since: string
      readonly mostLines: number
    },
    onLine: OnLine,
    signal: AbortSignal,
  ): Promise<{ readonly pods: readonly string[]; readonly cut: readonly string[] }>
  /**
   * Follows every pod of the deployment, across restarts and reschedules, from `since` (RFC 3339) on, until the signal
   * fires (then it returns normally). No line twice after a reconnect.
   */
  followLogs(
    follow: { readonly deployment: string; readonly container: string; readonly since: string },
    onLine: OnLine,
    signal: AbortSignal,
  ): Promise<void>
}

/** A promise holds the pod's stream back until it settles, as far as the cluster: nothing piles up in memory. */
export type OnLine = (line: LogLine) => void | Promise<void>

export interface ImageChange {
  readonly deployment: string
  readonly container: string
  /** `repository@sha256:…` */
  readonly image: string
  readonly changeCause: string
  readonly templateAnnotations?: Readonly<Record<string, string>>
  readonly onlyIfTemplate?: string
  readonly dryRun?: boolean
}

export interface RestartChange {
  readonly deployment: string
  readonly templateAnnotations: Readonly<Record<string, string>>
  readonly changeCause: string
  readonly onProgress: (line: string) => void
}

export interface RolloutWait {
  readonly deployment: string
  readonly container: string
  /** The image that must come up; when someone else changes the template meanwhile, raises `deployment_changed`. */
  readonly image: string
  /** How long a bad sign may last before it counts, ms (default 20 000). */
  readonly graceMs?: number
  readonly onProgress: (progress: RolloutProgress) => void
}

export interface ReplicaSetUndo {
  readonly deployment: string
  readonly container: string
  readonly replicaSetUid: string
  /** Fallback when the ReplicaSet is gone: the image to set. */
  readonly image: string
  readonly changeCause: string
  /** Guards against another hand: when the template hash is another one, raises `deployment_changed`. */
  readonly onlyIfTemplate?: string
}
