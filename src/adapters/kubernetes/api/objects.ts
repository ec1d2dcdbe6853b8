import { createHash } from 'node:crypto'

/**
 * The parts of the API's objects that Purser reads. Objects are kept as the API sent them: nothing is dropped or
 * converted.
 */

interface Metadata {
  readonly name: string
  readonly namespace?: string
  readonly uid: string
  readonly resourceVersion: string
  readonly generation?: number
  readonly creationTimestamp?: string
  readonly deletionTimestamp?: string
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
  readonly ownerReferences?: readonly {
    readonly uid: string
    readonly controller?: boolean
    readonly kind?: string
    readonly name?: string
  }[]
  readonly managedFields?: readonly ManagedFields[]
}

export interface ManagedFields {
  readonly manager?: string
  readonly operation?: string
  readonly time?: string
  readonly fieldsV1?: Readonly<Record<string, object>>
}

export interface ApiObject {
  readonly kind?: string
  readonly apiVersion?: string
  readonly metadata: Metadata
}

export interface ApiList<T> {
  readonly metadata: { readonly resourceVersion: string; readonly continue?: string }
  readonly items: readonly T[]
}

interface Condition {
  readonly type: string
  readonly status: string
  readonly reason?: string
  readonly message?: string
  readonly lastUpdateTime?: string
  readonly lastTransitionTime?: string
}

export interface PodTemplate {
  readonly metadata?: {
    readonly labels?: Readonly<Record<string, string>>
    readonly annotations?: Readonly<Record<string, string>>
  }
  readonly spec: {
    readonly containers: readonly { readonly name: string; readonly image: string }[]
    readonly initContainers?: readonly { readonly name: string; readonly image: string }[]
  }
}

interface LabelSelector {
  readonly matchLabels?: Readonly<Record<string, string>>
  readonly matchExpressions?: readonly {
    readonly key: string
    readonly operator: string
    readonly values?: readonly string[]
  }[]
}

export interface Deployment extends ApiObject {
  readonly spec: {
    readonly replicas?: number
    readonly paused?: boolean
    readonly revisionHistoryLimit?: number
    readonly progressDeadlineSeconds?: number
    readonly selector: LabelSelector
    readonly template: PodTemplate
  }
  readonly status?: {
    readonly observedGeneration?: number
    readonly replicas?: number
    readonly updatedReplicas?: number
    readonly readyReplicas?: number
    readonly availableReplicas?: number
    readonly conditions?: readonly Condition[]
  }
}

export interface ReplicaSet extends ApiObject {
  readonly spec: { readonly replicas?: number; readonly template: PodTemplate }
  readonly status?: { readonly availableReplicas?: number }
}

interface ContainerState {
  readonly waiting?: { readonly reason?: string; readonly message?: string }
  readonly running?: { readonly startedAt?: string }
  readonly terminated?: { readonly exitCode: number; readonly reason?: string; readonly message?: string }
}

export interface ContainerStatus {
  readonly name: string
  readonly ready: boolean
  readonly restartCount: number
  readonly image: string
  readonly imageID: string
  readonly state?: ContainerState
  readonly lastState?: ContainerState
}

export interface Pod extends ApiObject {
  readonly spec: { readonly containers: readonly { readonly name: string; readonly image: string }[] }
  readonly status?: {
    readonly phase?: string
    readonly reason?: string
    readonly conditions?: readonly Condition[]
    readonly containerStatuses?: readonly ContainerStatus[]
    readonly initContainerStatuses?: readonly ContainerStatus[]
  }
}

export interface Secret extends ApiObject {
  readonly data?: Readonly<Record<string, string>>
  readonly immutable?: boolean
}

/** Parts of a pod spec by which a Secret gets into containers. */
export interface SecretUse {
  readonly containers?: readonly ContainerSecretUse[]
  readonly initContainers?: readonly ContainerSecretUse[]
  readonly volumes?: readonly {
    readonly name: string
    readonly secret?: { readonly secretName?: string }
    readonly projected?: { readonly sources?: readonly { readonly secret?: { readonly name?: string } }[] }
  }[]
}

export interface ContainerSecretUse {
  readonly name: string
  readonly env?: readonly { readonly valueFrom?: { readonly secretKeyRef?: { readonly name?: string } } }[]
  readonly envFrom?: readonly { readonly secretRef?: { readonly name?: string } }[]
  readonly volumeMounts?: readonly { readonly name: string; readonly subPath?: string }[]
}

export interface CronJob extends ApiObject {
  readonly spec: {
    readonly schedule: string
    readonly timeZone?: string
    readonly startingDeadlineSeconds?: number
    readonly concurrencyPolicy?: string
    readonly suspend?: boolean
    readonly jobTemplate: {
      readonly metadata?: {
        readonly labels?: Readonly<Record<string, string>>
        readonly annotations?: Readonly<Record<string, string>>
      }
      readonly spec: object
    }
  }
  readonly status?: {
    readonly active?: readonly { readonly uid?: string }[]
    readonly lastScheduleTime?: string
    readonly lastSuccessfulTime?: string
  }
}

export interface Job extends ApiObject {
  readonly spec?: { readonly suspend?: boolean }
  readonly status?: {
    readonly conditions?: readonly Condition[]
    readonly active?: number
    /** Pods that were told to end and have not yet. */
    readonly terminating?: number
  }
}

export interface ClusterEvent extends ApiObject {
  readonly involvedObject?: { readonly kind?: string; readonly name?: string; readonly uid?: string }
  readonly type?: string
  readonly reason?: string
  readonly message?: string
  readonly count?: number
  readonly lastTimestamp?: string | null
  readonly eventTime?: string | null
}

export type JsonMap = Readonly<Record<string, unknown>>

export function isMap(value: unknown): value is JsonMap {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Writes JSON with sorted keys: equal values give equal text whatever order the API sent them in. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`
  if (!isMap(value)) return JSON.stringify(value) ?? 'null'
  const fields = Object.keys(value)
    .filter((key) => value[key] !== undefined)
    .sort()
  return `{${fields.map((key) => `${JSON.stringify(key)}:${canonicalJson(value[key])}`).join(',')}}`
}

/** Hashes the pod template in canonical JSON by SHA-256. */
export function templateHash(template: PodTemplate): string {
  return createHash('sha256').update(canonicalJson(template)).digest('hex')
}

const podTemplateHashLabel = 'pod-template-hash'

/** Returns the template as the Deployment has it: the ReplicaSet's copy has the label pod-template-hash in addition. */
export function withoutTemplateHash(template: PodTemplate): PodTemplate {
  if (template.metadata?.labels?.[podTemplateHashLabel] === undefined) return template
  const { [podTemplateHashLabel]: _, ...labels } = template.metadata.labels
  return { ...template, metadata: { ...template.metadata, labels } }
}

export function sameTemplate(a: PodTemplate, b: PodTemplate): boolean {
  return canonicalJson(withoutTemplateHash(a)) === canonicalJson(withoutTemplateHash(b))
}

export function controlledBy(object: ApiObject, uid: string): boolean {
  return (object.metadata.ownerReferences ?? []).some((owner) => owner.controller === true && owner.uid === uid)
}

export function containerImage(template: PodTemplate, container: string): string | undefined {
  return template.spec.containers.find(({ name }) => name === container)?.image
}

export function conditionOf(conditions: readonly Condition[] | undefined, type: string): Condition | undefined {
  return conditions?.find((condition) => condition.type === type)
}

/** Writes the selector in the form that the query parameter labelSelector takes. */
export function selectorText({ matchLabels = {}, matchExpressions = [] }: LabelSelector): string {
  const labels = Object.entries(matchLabels).map(([key, value]) => `${key}=${value}`)
  const expressions = matchExpressions.map(({ key, operator, values = [] }) => {
    if (operator === 'Exists') return key
    if (operator === 'DoesNotExist') return `!${key}`
    return `${key} ${operator === 'In' ? 'in' : 'notin'} (${values.join(',')})`
  })
  return [...labels, ...expressions].join(',')
}

export const revisionAnnotation = 'deployment.kubernetes.io/revision'
export const changeCauseAnnotation = 'kubernetes.io/change-cause'
