import {
  conditionOf,
  type CronJob,
  type Deployment,
  type Job,
  type KubeEvent,
  type KubeObject,
  type Pod,
  type PodTemplate,
  type ReplicaSet,
  type Secret,
} from './objects.ts'
import type { Resource } from './resources.ts'

type Cell = string | number
/** Columns after the first are shown only by `-o wide` when `wide` is set. */
type Column = readonly [
  name: string,
  type: 'string' | 'integer' | 'boolean',
  cell: (object: never) => Cell,
  wide?: true,
]

const age = (object: KubeObject) => ago(object.metadata.creationTimestamp)
const wideTemplate = (template: (object: never) => PodTemplate): Column[] => [
  ['Containers', 'string', (object) => names(template(object), 'name'), true],
  ['Images', 'string', (object) => names(template(object), 'image'), true],
]

const columns: Record<string, readonly Column[]> = {
  Deployment: [
    ['Ready', 'string', ({ spec, status }: Deployment) => `${status.readyReplicas ?? 0}/${spec.replicas}`],
    ['Up-to-date', 'string', ({ status }: Deployment) => status.updatedReplicas ?? 0],
    ['Available', 'string', ({ status }: Deployment) => status.availableReplicas ?? 0],
    ['Age', 'string', age],
    ...wideTemplate(({ spec }: Deployment) => spec.template),
    ['Selector', 'string', ({ spec }: Deployment) => labels(spec.selector.matchLabels), true],
  ],
  ReplicaSet: [
    ['Desired', 'integer', ({ spec }: ReplicaSet) => spec.replicas],
    ['Current', 'integer', ({ status }: ReplicaSet) => status.replicas],
    ['Ready', 'integer', ({ status }: ReplicaSet) => status.readyReplicas ?? 0],
    ['Age', 'string', age],
    ...wideTemplate(({ spec }: ReplicaSet) => spec.template),
    ['Selector', 'string', ({ spec }: ReplicaSet) => labels(spec.selector.matchLabels), true],
  ],
  Pod: [
    ['Ready', 'string', readyContainers],
    ['Status', 'string', podStatus],
    ['Restarts', 'string', ({ status }: Pod) => String(restarts(status.containerStatuses))],
    ['Age', 'string', age],
    ['IP', 'string', ({ status }: Pod) => status.podIP ?? '<none>', true],
    ['Node', 'string', ({ spec }: Pod) => spec.nodeName ?? '<none>', true],
    ['Nominated Node', 'string', () => '<none>', true],
    ['Readiness Gates', 'string', () => '<none>', true],
  ],
  Job: [
    ['Completions', 'string', ({ spec, status }: Job) => `${status.succeeded ?? 0}/${spec.completions ?? 1}`],
    ['Duration', 'string', ({ status }: Job) => between(status.startTime, status.completionTime)],
    ['Age', 'string', age],
    ...wideTemplate(({ spec }: Job) => spec.template),
    ['Selector', 'string', ({ spec }: Job) => labels(spec.selector?.matchLabels ?? {}), true],
  ],
  CronJob: [
    ['Schedule', 'string', ({ spec }: CronJob) => spec.schedule],
    ['Suspend', 'boolean', ({ spec }: CronJob) => (spec.suspend ? 'True' : 'False')],
    ['Active', 'integer', ({ status }: CronJob) => status.active?.length ?? 0],
    ['Last Schedule', 'string', ({ status }: CronJob) => ago(status.lastScheduleTime, '<none>')],
    ['Age', 'string', age],
    ...wideTemplate(({ spec }: CronJob) => spec.jobTemplate.spec.template),
    ['Selector', 'string', () => '<none>', true],
  ],
  Secret: [
    ['Type', 'string', ({ type }: Secret) => type],
    ['Data', 'string', ({ data }: Secret) => Object.keys(data ?? {}).length],
    ['Age', 'string', age],
  ],
  ConfigMap: [
    ['Data', 'string', ({ data }: KubeObject) => Object.keys(data ?? {}).length],
    ['Age', 'string', age],
  ],
  Namespace: [
    ['Status', 'string', (object: KubeObject) => (object.status as { phase?: string })?.phase ?? ''],
    ['Age', 'string', age],
  ],
}

const eventColumns: readonly Column[] = [
  ['Last Seen', 'string', ({ lastTimestamp, metadata }: KubeEvent) => ago(lastTimestamp ?? metadata.creationTimestamp)],
  ['Type', 'string', ({ type }: KubeEvent) => type],
  ['Reason', 'string', ({ reason }: KubeEvent) => reason],
  [
    'Object',
    'string',
    ({ involvedObject }: KubeEvent) => `${involvedObject.kind.toLowerCase()}/${involvedObject.name}`,
  ],
  ['Message', 'string', ({ message }: KubeEvent) => message.trim()],
]

const nameColumn: Column = ['Name', 'string', (object: KubeObject) => object.metadata.name]

/** What `kubectl get` asks for and prints; only the first event of a watched table repeats the columns. */
export function table(
  resource: Resource,
  objects: readonly KubeObject[],
  metadata: object,
  withColumns = true,
): object {
  const used =
    resource.kind === 'Event' ? eventColumns : [nameColumn, ...(columns[resource.kind] ?? [['Age', 'string', age]])]
  return {
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    metadata,
    columnDefinitions: withColumns
      ? used.map(([name, type, , wide]) => ({
          name,
          type,
          format: name === 'Name' ? 'name' : '',
          description: '',
          priority: wide ? 1 : 0,
        }))
      : null,
    rows: objects.map((object) => ({
      cells: used.map(([, , cell]) => cell(object as never)),
      ...(resource.kind === 'Pod' ? completion((object as Pod).status.phase) : {}),
      object: { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: object.metadata },
    })),
  }
}

/** Lets `kubectl get pods` leave ended pods out where a person asks for that. */
function completion(phase: Pod['status']['phase']): object {
  if (phase === 'Succeeded') return completed(phase, 'The pod has completed successfully.')
  return phase === 'Failed' ? completed(phase, 'The pod failed.') : {}
}

const completed = (reason: string, message: string) => ({
  conditions: [{ type: 'Completed', status: 'True', reason, message }],
})

function readyContainers({ spec, status }: Pod): string {
  const ready = (status.containerStatuses ?? []).filter((one) => one.ready).length
  return `${ready}/${spec.containers.length}`
}

function podStatus(pod: Pod): string {
  if (pod.metadata.deletionTimestamp !== undefined) return 'Terminating'
  for (const { state } of pod.status.containerStatuses ?? []) {
    if (state.waiting) return state.waiting.reason
    if (state.terminated) return state.terminated.reason
  }
  const ready = conditionOf(pod.status.conditions, 'Ready')
  return pod.status.phase === 'Running' && ready === undefined ? 'NotReady' : pod.status.phase
}

const restarts = (statuses: Pod['status']['containerStatuses']) =>
  (statuses ?? []).reduce((sum, status) => sum + status.restartCount, 0)

const names = (template: PodTemplate, field: 'name' | 'image') =>
  template.spec.containers.map((container) => container[field]).join(',')

const labels = (wanted: Record<string, string>) =>
  Object.entries(wanted)
    .map(([key, value]) => `${key}=${value}`)
    .join(',')

function ago(time: string | undefined | null, unknown = '<unknown>'): string {
  return time ? duration(Date.now() - Date.parse(time)) : unknown
}

function between(start: string | undefined, end: string | undefined): string {
  if (start === undefined) return ''
  return duration((end === undefined ? Date.now() : Date.parse(end)) - Date.parse(start))
}

/** As duration.HumanDuration: "45s", "5m12s", "3h". */
function duration(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1_000))
  if (seconds < 120) return `${seconds}s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 10) return seconds % 60 === 0 ? `${minutes}m` : `${minutes}m${seconds % 60}s`
  if (minutes < 180) return `${minutes}m`
  const hours = Math.floor(minutes / 60)
  return hours < 48 ? `${hours}h` : `${Math.floor(hours / 24)}d`
}
