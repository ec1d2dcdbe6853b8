/** The parts of Kubernetes' objects that the simulator itself reads or writes; everything else is carried along. */

interface Meta {
  name: string
  generateName?: string
  namespace?: string
  uid?: string
  resourceVersion?: string
  generation?: number
  creationTimestamp?: string
  deletionTimestamp?: string
  deletionGracePeriodSeconds?: number
  labels?: Record<string, string>
  annotations?: Record<string, string>
  ownerReferences?: OwnerReference[]
  finalizers?: string[]
  managedFields?: unknown
  [field: string]: unknown
}

interface OwnerReference {
  apiVersion: string
  kind: string
  name: string
  uid: string
  controller?: boolean
  blockOwnerDeletion?: boolean
}

export interface KubeObject {
  apiVersion: string
  kind: string
  metadata: Meta
  [field: string]: unknown
}

export interface Condition {
  type: string
  status: 'True' | 'False' | 'Unknown'
  reason?: string
  message?: string
  lastUpdateTime?: string
  lastTransitionTime?: string
  lastProbeTime?: string | null
}

interface EnvVar {
  name: string
  value?: string
  valueFrom?: {
    secretKeyRef?: { name: string; key: string; optional?: boolean }
    configMapKeyRef?: { name: string; key: string; optional?: boolean }
    fieldRef?: { fieldPath: string }
  }
}

export interface Container {
  name: string
  image: string
  command?: string[]
  args?: string[]
  env?: EnvVar[]
  envFrom?: { prefix?: string; secretRef?: { name: string; optional?: boolean } }[]
  ports?: { containerPort: number; name?: string; protocol?: string }[]
  readinessProbe?: Probe
  [field: string]: unknown
}

interface Probe {
  httpGet?: { path?: string; port: number | string }
  initialDelaySeconds?: number
  periodSeconds?: number
  timeoutSeconds?: number
  successThreshold?: number
  failureThreshold?: number
}

export interface PodSpec {
  containers: Container[]
  restartPolicy?: 'Always' | 'OnFailure' | 'Never'
  terminationGracePeriodSeconds?: number
  nodeName?: string
  [field: string]: unknown
}

export interface PodTemplate {
  metadata?: { labels?: Record<string, string>; annotations?: Record<string, string>; [field: string]: unknown }
  spec: PodSpec
}

export interface Deployment extends KubeObject {
  spec: {
    replicas: number
    selector: { matchLabels: Record<string, string> }
    template: PodTemplate
    strategy: {
      type: 'RollingUpdate' | 'Recreate'
      rollingUpdate?: { maxUnavailable: number | string; maxSurge: number | string }
    }
    minReadySeconds?: number
    revisionHistoryLimit: number
    progressDeadlineSeconds: number
    paused?: boolean
  }
  status: DeploymentStatus
}

export interface DeploymentStatus {
  observedGeneration?: number
  replicas?: number
  updatedReplicas?: number
  readyReplicas?: number
  availableReplicas?: number
  unavailableReplicas?: number
  conditions?: Condition[]
}

export interface ReplicaSet extends KubeObject {
  spec: {
    replicas: number
    minReadySeconds?: number
    selector: { matchLabels: Record<string, string> }
    template: PodTemplate
  }
  status: {
    replicas: number
    fullyLabeledReplicas?: number
    readyReplicas?: number
    availableReplicas?: number
    observedGeneration?: number
  }
}

export interface ContainerState {
  waiting?: { reason: string; message?: string }
  running?: { startedAt: string }
  terminated?: { exitCode: number; reason: string; startedAt: string; finishedAt: string; containerID?: string }
}

export interface ContainerStatus {
  name: string
  state: ContainerState
  lastState: ContainerState
  ready: boolean
  restartCount: number
  image: string
  imageID: string
  containerID?: string
  started: boolean
}

export interface Pod extends KubeObject {
  spec: PodSpec
  status: {
    phase: 'Pending' | 'Running' | 'Succeeded' | 'Failed'
    conditions?: Condition[]
    containerStatuses?: ContainerStatus[]
    hostIP?: string
    podIP?: string
    startTime?: string
    qosClass?: string
    reason?: string
    message?: string
  }
}

interface JobSpec {
  parallelism?: number
  completions?: number
  backoffLimit?: number
  activeDeadlineSeconds?: number
  ttlSecondsAfterFinished?: number
  selector?: { matchLabels: Record<string, string> }
  template: PodTemplate
  suspend?: boolean
  [field: string]: unknown
}

export interface Job extends KubeObject {
  spec: JobSpec
  status: {
    conditions?: Condition[]
    startTime?: string
    completionTime?: string
    active?: number
    succeeded?: number
    failed?: number
    ready?: number
    uncountedTerminatedPods?: { readonly succeeded?: readonly string[]; readonly failed?: readonly string[] }
  }
}

export interface CronJob extends KubeObject {
  spec: {
    schedule: string
    timeZone?: string
    suspend: boolean
    concurrencyPolicy: 'Allow' | 'Forbid' | 'Replace'
    startingDeadlineSeconds?: number
    jobTemplate: { metadata?: PodTemplate['metadata']; spec: JobSpec }
    successfulJobsHistoryLimit: number
    failedJobsHistoryLimit: number
  }
  status: {
    active?: {
      kind: string
      namespace: string
      name: string
      uid: string
      apiVersion: string
      resourceVersion: string
    }[]
    lastScheduleTime?: string
    lastSuccessfulTime?: string
  }
}

export interface Secret extends KubeObject {
  data?: Record<string, string>
  stringData?: Record<string, string>
  type: string
  immutable?: boolean
}

export interface KubeEvent extends KubeObject {
  involvedObject: {
    kind: string
    namespace?: string
    name: string
    uid?: string
    apiVersion?: string
    resourceVersion?: string
    fieldPath?: string
  }
  reason: string
  message: string
  type: 'Normal' | 'Warning'
  count?: number
  firstTimestamp: string | null
  lastTimestamp: string | null
}

export type JsonMap = Record<string, unknown>

export function isMap(value: unknown): value is JsonMap {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** RFC 3339 in whole seconds, as metav1.Time is written. */
export function timestamp(date = new Date()): string {
  return date.toISOString().replace(/\.\d{3}Z$/, 'Z')
}

/** A time of the API so much earlier. */
export function earlier(time: string, ms: number): string {
  return timestamp(new Date(Date.parse(time) - ms))
}

export function same(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && a.every((item, at) => same(item, b[at]))
  if (!isMap(a) || !isMap(b)) return false
  const keys = Object.keys(a).filter((key) => a[key] !== undefined)
  return (
    keys.length === Object.keys(b).filter((key) => b[key] !== undefined).length &&
    keys.every((key) => same(a[key], b[key]))
  )
}

export function ownedBy(object: KubeObject, owner: KubeObject): boolean {
  return (object.metadata.ownerReferences ?? []).some(
    (reference) => reference.controller === true && reference.uid === owner.metadata.uid,
  )
}

export function conditionOf(conditions: readonly Condition[] | undefined, type: string): Condition | undefined {
  return conditions?.find((condition) => condition.type === type)
}

const SAFE_ALPHABET = 'bcdfghjklmnpqrstvwxz2456789'

/** The suffix that the API server gives to `generateName`: no vowels, so no words. */
export function randomSuffix(length = 5): string {
  return Array.from({ length }, () => SAFE_ALPHABET[Math.floor(Math.random() * SAFE_ALPHABET.length)]).join('')
}

/** FNV-1a over canonical JSON, encoded as the Deployment controller encodes its own hash: the same template, the same name. */
export function templateHash(template: PodTemplate): string {
  let hash = 0x811c9dc5
  for (const byte of Buffer.from(canonical(template))) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0
  return [...String(hash)].map((digit) => SAFE_ALPHABET[digit.charCodeAt(0) % SAFE_ALPHABET.length]).join('')
}

function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  if (!isMap(value)) return JSON.stringify(value) ?? 'null'
  const fields = Object.keys(value).filter((key) => value[key] !== undefined)
  return `{${fields
    .sort()
    .map((key) => `${JSON.stringify(key)}:${canonical(value[key])}`)
    .join(',')}}`
}
