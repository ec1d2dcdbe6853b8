import { conditionOf, ownedBy, type Pod, type ReplicaSet, timestamp } from '../objects.ts'
import { pods, replicaSets } from '../resources.ts'
import type { Store } from '../store.ts'
import { OwningController } from './owning-controller.ts'
import { podFromTemplate } from './pod-from-template.ts'
import { keyFor } from './work-queue.ts'

/** Keeps as many pods as `spec.replicas` says; a pod that is going away is counted out at once. */
export class ReplicaSetController extends OwningController<ReplicaSet> {
  constructor(store: Store) {
    super(store, { component: 'replicaset-controller', owner: replicaSets, owned: pods })
  }

  protected override sync(set: ReplicaSet): void {
    const active = this.#activePods(set)
    const missing = set.spec.replicas - active.length
    for (let count = 0; count < missing; count += 1) this.#createPod(set)
    if (missing < 0) for (const pod of leastUseful(active).slice(0, -missing)) this.#deletePod(set, pod)
    this.#writeStatus(set, this.#activePods(set))
  }

  #activePods(set: ReplicaSet): Pod[] {
    return this.store
      .list<Pod>(pods, set.metadata.namespace)
      .filter((pod) => ownedBy(pod, set) && pod.metadata.deletionTimestamp === undefined)
      .filter((pod) => pod.status.phase !== 'Succeeded' && pod.status.phase !== 'Failed')
  }

  #createPod(set: ReplicaSet): void {
    const pod = this.store.create<Pod>(pods, podFromTemplate(set, { apiVersion: 'apps/v1', kind: 'ReplicaSet' }))
    this.events.record(set, 'Normal', 'SuccessfulCreate', `Created pod: ${pod.metadata.name}`)
  }

  #deletePod(set: ReplicaSet, pod: Pod): void {
    const deletionGracePeriodSeconds = pod.spec.terminationGracePeriodSeconds ?? 30
    const deletionTimestamp = timestamp(new Date(Date.now() + deletionGracePeriodSeconds * 1_000))
    const metadata = { ...pod.metadata, deletionTimestamp, deletionGracePeriodSeconds }
    this.store.update<Pod>(pods, { ...pod, metadata })
    this.events.record(set, 'Normal', 'SuccessfulDelete', `Deleted pod: ${pod.metadata.name}`)
  }

  #writeStatus(set: ReplicaSet, active: readonly Pod[]): void {
    const ready = active.filter((pod) => conditionOf(pod.status.conditions, 'Ready')?.status === 'True')
    const minimumMs = (set.spec.minReadySeconds ?? 0) * 1_000
    const age = (pod: Pod) =>
      Date.now() - Date.parse(conditionOf(pod.status.conditions, 'Ready')?.lastTransitionTime ?? '')
    const available = ready.filter((pod) => minimumMs === 0 || age(pod) >= minimumMs)
    if (available.length < ready.length)
      this.queue.addAfter(keyFor(set), Math.max(50, minimumMs - Math.max(...ready.map(age))))
    const current = this.store.get<ReplicaSet>(replicaSets, set.metadata.namespace, set.metadata.name)
    if (current === undefined) return
    this.store.update<ReplicaSet>(replicaSets, {
      ...current,
      status: {
        replicas: active.length,
        ...(active.length > 0 ? { fullyLabeledReplicas: active.length } : {}),
        ...(ready.length > 0 ? { readyReplicas: ready.length } : {}),
        ...(available.length > 0 ? { availableReplicas: available.length } : {}),
        observedGeneration: current.metadata.generation ?? 1,
      },
    })
  }
}

/** Unscheduled before pending, pending before running, not ready before ready, more restarts before fewer. */
function leastUseful(active: readonly Pod[]): Pod[] {
  const rank = (pod: Pod) =>
    (pod.spec.nodeName === undefined ? 0 : 4) +
    (pod.status.phase === 'Pending' ? 0 : 2) +
    (conditionOf(pod.status.conditions, 'Ready')?.status === 'True' ? 1 : 0)
  const restarts = (pod: Pod) => Math.max(0, ...(pod.status.containerStatuses ?? []).map((one) => one.restartCount))
  return [...active].sort((a, b) => rank(a) - rank(b) || restarts(b) - restarts(a))
}
