import {
  type Condition,
  conditionOf,
  type Deployment,
  type DeploymentStatus,
  type PodTemplate,
  type ReplicaSet,
  same,
  timestamp,
} from '../objects.ts'

/** The arithmetic and the texts of the Deployment controller, without a store. */

export const REVISION = 'deployment.kubernetes.io/revision'
const REVISION_HISTORY = 'deployment.kubernetes.io/revision-history'
export const DESIRED = 'deployment.kubernetes.io/desired-replicas'
const MAXIMUM = 'deployment.kubernetes.io/max-replicas'
const NOT_COPIED = new Set([
  'kubectl.kubernetes.io/last-applied-configuration',
  REVISION,
  REVISION_HISTORY,
  DESIRED,
  MAXIMUM,
])
export const HASH = 'pod-template-hash'

export function split(deployment: Deployment, all: readonly ReplicaSet[]) {
  const current = all.find((set) => same(withoutHash(set.spec.template), withoutHash(deployment.spec.template)))
  return { current, older: all.filter((set) => set !== current) }
}

function withoutHash(template: PodTemplate): PodTemplate {
  const { [HASH]: _, ...labels } = template.metadata?.labels ?? {}
  return { ...template, metadata: { ...template.metadata, labels } }
}

export const byAge = (a: ReplicaSet, b: ReplicaSet) =>
  revisionOf(a) - revisionOf(b) || a.metadata.name.localeCompare(b.metadata.name)

export const revisionOf = (set: ReplicaSet) => Number(set.metadata.annotations?.[REVISION] ?? 0)

export function total<T>(items: readonly T[], count: (item: T) => number): number {
  return items.reduce((sum, item) => sum + count(item), 0)
}

export function copied(deployment: Deployment): Record<string, string> {
  return Object.fromEntries(
    Object.entries(deployment.metadata.annotations ?? {}).filter(([name]) => !NOT_COPIED.has(name)),
  )
}

export function limits(deployment: Deployment): Record<string, string> {
  const { replicas } = deployment.spec
  return { [DESIRED]: String(replicas), [MAXIMUM]: String(replicas + bounds(deployment).maxSurge) }
}

export function setAnnotations(deployment: Deployment, set: ReplicaSet, revision: string): Record<string, string> {
  const before = set.metadata.annotations ?? {}
  const old = before[REVISION]
  const renumbered = old !== undefined && Number(old) < Number(revision)
  const history = renumbered
    ? [before[REVISION_HISTORY], old].filter((part) => part !== undefined).join(',')
    : undefined
  return {
    ...before,
    ...copied(deployment),
    ...(renumbered || old === undefined ? { [REVISION]: revision } : {}),
    ...(history === undefined ? {} : { [REVISION_HISTORY]: history }),
  }
}

export function bounds(deployment: Deployment): { maxSurge: number; maxUnavailable: number } {
  const { rollingUpdate } = deployment.spec.strategy
  const maxSurge = portion(rollingUpdate?.maxSurge ?? '25%', deployment.spec.replicas, Math.ceil)
  const maxUnavailable = portion(rollingUpdate?.maxUnavailable ?? '25%', deployment.spec.replicas, Math.floor)
  return { maxSurge, maxUnavailable: maxSurge === 0 && maxUnavailable === 0 ? 1 : maxUnavailable }
}

function portion(value: number | string, of: number, round: (x: number) => number): number {
  if (typeof value === 'number') return value
  return value.endsWith('%') ? round((Number.parseFloat(value) / 100) * of) : Number(value)
}

/** NewRSNewReplicas: as many as the surge leaves room for. */
export function newReplicas(deployment: Deployment, current: number, existing: number): number {
  const room = deployment.spec.replicas + bounds(deployment).maxSurge - existing
  return room <= 0 ? current : current + Math.min(room, deployment.spec.replicas - current)
}

export function calculateStatus(
  deployment: Deployment,
  current: ReplicaSet | undefined,
  older: readonly ReplicaSet[],
): DeploymentStatus {
  const all = current === undefined ? older : [...older, current]
  const available = total(all, (set) => set.status.availableReplicas ?? 0)
  const enough = available >= deployment.spec.replicas - bounds(deployment).maxUnavailable
  const availability = enough
    ? conditionFrom('Available', 'True', 'MinimumReplicasAvailable', 'Deployment has minimum availability.')
    : conditionFrom(
        'Available',
        'False',
        'MinimumReplicasUnavailable',
        'Deployment does not have minimum availability.',
      )
  const counters = {
    replicas: total(all, (set) => set.status.replicas),
    updatedReplicas: current?.status.replicas ?? 0,
    readyReplicas: total(all, (set) => set.status.readyReplicas ?? 0),
    availableReplicas: available,
    unavailableReplicas: Math.max(0, total(all, (set) => set.spec.replicas) - available),
  }
  return {
    observedGeneration: deployment.metadata.generation ?? 1,
    ...Object.fromEntries(Object.entries(counters).filter(([, count]) => count > 0)),
    conditions: setCondition(deployment.status.conditions ?? [], availability),
  }
}

export function isComplete({ spec, metadata }: Deployment, status: DeploymentStatus): boolean {
  return (
    (status.updatedReplicas ?? 0) === spec.replicas &&
    (status.replicas ?? 0) === spec.replicas &&
    (status.availableReplicas ?? 0) === spec.replicas &&
    (status.observedGeneration ?? 0) >= (metadata.generation ?? 1)
  )
}

export function hasProgressed(before: DeploymentStatus, after: DeploymentStatus): boolean {
  const old = (status: DeploymentStatus) => (status.replicas ?? 0) - (status.updatedReplicas ?? 0)
  return (
    (after.updatedReplicas ?? 0) > (before.updatedReplicas ?? 0) ||
    old(after) < old(before) ||
    (after.readyReplicas ?? 0) > (before.readyReplicas ?? 0) ||
    (after.availableReplicas ?? 0) > (before.availableReplicas ?? 0)
  )
}

export function progressing(reason: string, set: string): Condition {
  const messages: Record<string, string> = {
    NewReplicaSetCreated: `Created new replica set "${set}"`,
    FoundNewReplicaSet: `Found new replica set "${set}"`,
    ReplicaSetUpdated: `ReplicaSet "${set}" is progressing.`,
    NewReplicaSetAvailable: `ReplicaSet "${set}" has successfully progressed.`,
  }
  return conditionFrom('Progressing', 'True', reason, messages[reason] ?? '')
}

export function conditionFrom(type: string, status: Condition['status'], reason: string, message: string): Condition {
  return { type, status, lastUpdateTime: timestamp(), lastTransitionTime: timestamp(), reason, message }
}

/** Equal status and reason change nothing; a changed one moves to the end of the list. */
export function setCondition(conditions: readonly Condition[], next: Condition): Condition[] {
  const current = conditionOf(conditions, next.type)
  if (current !== undefined && current.status === next.status && current.reason === next.reason) return [...conditions]
  const transition = current !== undefined && current.status === next.status ? current.lastTransitionTime : undefined
  const changed = transition === undefined ? next : { ...next, lastTransitionTime: transition }
  return [...conditions.filter((condition) => condition.type !== next.type), changed]
}
