import { isMap, type JsonMap } from './objects.ts'

/**
 * As much of the API's schema as the simulator needs: which fields exist (strict validation, server-side apply) and
 * which lists are keyed (merging). `any` stops the descent.
 */
export type Schema =
  | 'any'
  | { readonly fields: Readonly<Record<string, Schema>> }
  | { readonly values: Schema }
  | { readonly items: Schema; readonly keys?: readonly string[]; readonly patchKey?: string; readonly set?: boolean }

const leafs = (...names: string[]): Record<string, Schema> => Object.fromEntries(names.map((name) => [name, 'any']))
const map: Schema = { values: 'any' }
const object = (fields: Record<string, Schema>): Schema => ({ fields })
/** `keys` identify an item for server-side apply, the first of them for a strategic merge patch. */
const keyed = (items: Schema, ...keys: string[]): Schema => ({ items, keys, patchKey: keys[0]! })

const metadata = object({
  ...leafs('name', 'generateName', 'namespace', 'uid', 'resourceVersion', 'generation', 'creationTimestamp'),
  ...leafs('deletionTimestamp', 'deletionGracePeriodSeconds', 'managedFields', 'selfLink'),
  labels: map,
  annotations: map,
  ownerReferences: keyed('any', 'uid'),
  finalizers: { items: 'any', set: true },
})

const env = keyed(object({ ...leafs('name', 'value'), valueFrom: 'any' }), 'name')
const container = object({
  ...leafs('name', 'image', 'command', 'args', 'workingDir', 'envFrom', 'imagePullPolicy', 'stdin', 'stdinOnce', 'tty'),
  ...leafs('livenessProbe', 'readinessProbe', 'startupProbe', 'lifecycle', 'securityContext', 'volumeDevices'),
  ...leafs('terminationMessagePath', 'terminationMessagePolicy', 'resizePolicy'),
  resources: object({ limits: map, requests: map, claims: 'any' }),
  ports: keyed(object(leafs('containerPort', 'protocol', 'name', 'hostPort', 'hostIP')), 'containerPort', 'protocol'),
  env,
  volumeMounts: keyed('any', 'mountPath'),
})
const podSpec = object({
  ...leafs('restartPolicy', 'terminationGracePeriodSeconds', 'activeDeadlineSeconds', 'dnsPolicy', 'nodeName'),
  ...leafs('serviceAccountName', 'serviceAccount', 'automountServiceAccountToken', 'hostNetwork', 'hostPID', 'hostIPC'),
  ...leafs('securityContext', 'affinity', 'schedulerName', 'priorityClassName', 'priority', 'preemptionPolicy'),
  ...leafs('enableServiceLinks', 'shareProcessNamespace', 'setHostnameAsFQDN', 'hostname', 'subdomain', 'dnsConfig'),
  ...leafs('runtimeClassName', 'overhead', 'topologySpreadConstraints', 'tolerations', 'readinessGates', 'os'),
  containers: keyed(container, 'name'),
  initContainers: keyed(container, 'name'),
  ephemeralContainers: 'any',
  volumes: keyed('any', 'name'),
  imagePullSecrets: keyed('any', 'name'),
  hostAliases: keyed('any', 'ip'),
  nodeSelector: map,
})
const template = object({ metadata, spec: podSpec })
const selector = object({ matchLabels: map, matchExpressions: 'any' })
const conditions = keyed('any', 'type')

const jobSpec = object({
  ...leafs('parallelism', 'completions', 'activeDeadlineSeconds', 'backoffLimit', 'manualSelector', 'suspend'),
  ...leafs('ttlSecondsAfterFinished', 'completionMode', 'podFailurePolicy'),
  selector,
  template,
})

const top = (spec: Record<string, Schema>): Schema =>
  object({ ...leafs('apiVersion', 'kind'), metadata, status: 'any', ...spec })

export const schemas: Readonly<Record<string, Schema>> = {
  Deployment: top({
    spec: object({
      ...leafs('replicas', 'minReadySeconds', 'revisionHistoryLimit', 'paused', 'progressDeadlineSeconds'),
      strategy: object({ type: 'any', rollingUpdate: object(leafs('maxSurge', 'maxUnavailable')) }),
      selector,
      template,
    }),
    status: object({
      ...leafs('observedGeneration', 'replicas', 'updatedReplicas', 'readyReplicas', 'availableReplicas'),
      ...leafs('unavailableReplicas', 'collisionCount'),
      conditions,
    }),
  }),
  ReplicaSet: top({ spec: object({ ...leafs('replicas', 'minReadySeconds'), selector, template }) }),
  Pod: top({ spec: podSpec }),
  Job: top({ spec: jobSpec }),
  CronJob: top({
    spec: object({
      ...leafs('schedule', 'timeZone', 'startingDeadlineSeconds', 'concurrencyPolicy', 'suspend'),
      ...leafs('successfulJobsHistoryLimit', 'failedJobsHistoryLimit'),
      jobTemplate: object({ metadata, spec: jobSpec }),
    }),
  }),
  Secret: top({ data: map, stringData: map, type: 'any', immutable: 'any' }),
  ConfigMap: top({ data: map, binaryData: map, immutable: 'any' }),
  Namespace: top({ spec: 'any' }),
  Event: 'any',
}

export function child(schema: Schema, field: string): Schema {
  if (schema === 'any') return 'any'
  if ('fields' in schema) return schema.fields[field] ?? 'any'
  return 'values' in schema ? schema.values : 'any'
}

/** Dotted paths of fields that the schema does not have, in the order of the document. */
export function unknownFields(value: unknown, schema: Schema, at = ''): string[] {
  if (schema === 'any' || value === null || value === undefined) return []
  if ('items' in schema) {
    if (!Array.isArray(value)) return []
    return value.flatMap((item, index) => unknownFields(item, schema.items, `${at}[${index}]`))
  }
  if (!isMap(value) || 'values' in schema) return []
  return Object.entries(value).flatMap(([field, inner]) => {
    const path = at === '' ? field : `${at}.${field}`
    const known = schema.fields[field]
    return known === undefined ? [path] : unknownFields(inner, known, path)
  })
}

export function keyOf(item: unknown, keys: readonly string[]): JsonMap {
  if (!isMap(item)) return {}
  return Object.fromEntries(
    keys
      .map((key) => [key, item[key] ?? (key === 'protocol' ? 'TCP' : undefined)])
      .filter(([, value]) => value !== undefined),
  )
}
