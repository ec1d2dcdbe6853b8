import { Recorder } from '../events.ts'
import { type Pod, type ReplicaSet, conditionOf, ownedBy, randomSuffix, timestamp } from '../objects.ts'
import { pods, replicaSets } from '../resources.ts'
import type { Store } from '../store.ts'
import { type Controller, WorkQueue, fromKey, keyFor } from './work-queue.ts'

/** Keeps as many pods as `spec.replicas` says; a pod that is going away is counted out at once. */
export class ReplicaSetController implements Controller {
  readonly #store: Store
  readonly #events: Recorder
  readonly #queue = new WorkQueue((key) => this.#sync(key))
  readonly #unsubscribe: () => void

  constructor(store: Store) {
    this.#store = store
    this.#events = new Recorder(store, 'replicaset-controller')
    this.#unsubscribe = store.onChange(({ resource, object }) => {
      if (resource === replicaSets) this.#queue.add(keyFor(object))
      if (resource !== pods) return
      const owner = object.metadata.ownerReferences?.find((reference) => reference.controller)
      if (owner?.kind === 'ReplicaSet') this.#queue.add(`${object.metadata.namespace}/${owner.name}`)
    })
  }

  close(): void {
    this.#unsubscribe()
    this.#queue.close()
  }

  #sync(key: string): void {
    const [namespace, name] = fromKey(key)
    const set = this.#store.get<ReplicaSet>(replicaSets, namespace, name)
    if (set === undefined || set.metadata.deletionTimestamp !== undefined) return
    const active = this.#activePods(set)
    const missing = set.spec.replicas - active.length
    for (let count = 0; count < missing; count += 1) this.#createPod(set)
    if (missing < 0) for (const pod of leastUseful(active).slice(0, -missing)) this.#deletePod(set, pod)
    this.#writeStatus(set, this.#activePods(set))
  }

  #activePods(set: ReplicaSet): Pod[] {
    return this.#store
      .list<Pod>(pods, set.metadata.namespace)
      .filter((pod) => ownedBy(pod, set) && pod.metadata.deletionTimestamp === undefined)
      .filter((pod) => pod.status.phase !== 'Succeeded' && pod.status.phase !== 'Failed')
  }

  #createPod(set: ReplicaSet): void {
    const { template } = set.spec
    const { name, namespace, uid } = set.metadata
    const { creationTimestamp: _, ...metadata } = template.metadata ?? {}
    const pod = this.#store.create<Pod>(pods, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        ...metadata,
        name: `${name}-${randomSuffix()}`,
        generateName: `${name}-`,
        ...(namespace === undefined ? {} : { namespace }),
        ownerReferences: [
          {
            apiVersion: 'apps/v1',
            kind: 'ReplicaSet',
            name,
            uid: uid ?? '',
            controller: true,
            blockOwnerDeletion: true,
          },
        ],
      },
      spec: { ...template.spec, priority: 0, enableServiceLinks: true, preemptionPolicy: 'PreemptLowerPriority' },
      status: { phase: 'Pending', qosClass: 'BestEffort' },
    })
    this.#events.record(set, 'Normal', 'SuccessfulCreate', `Created pod: ${pod.metadata.name}`)
  }

  #deletePod(set: ReplicaSet, pod: Pod): void {
    const deletionGracePeriodSeconds = pod.spec.terminationGracePeriodSeconds ?? 30
    const deletionTimestamp = timestamp(new Date(Date.now() + deletionGracePeriodSeconds * 1_000))
    const metadata = { ...pod.metadata, deletionTimestamp, deletionGracePeriodSeconds }
    this.#store.update<Pod>(pods, { ...pod, metadata })
    this.#events.record(set, 'Normal', 'SuccessfulDelete', `Deleted pod: ${pod.metadata.name}`)
  }

  #writeStatus(set: ReplicaSet, active: readonly Pod[]): void {
    const ready = active.filter((pod) => conditionOf(pod.status.conditions, 'Ready')?.status === 'True')
    const minimumMs = (set.spec.minReadySeconds ?? 0) * 1_000
    const age = (pod: Pod) =>
      Date.now() - Date.parse(conditionOf(pod.status.conditions, 'Ready')?.lastTransitionTime ?? '')
    const available = ready.filter((pod) => minimumMs === 0 || age(pod) >= minimumMs)
    if (available.length < ready.length)
      this.#queue.addAfter(keyFor(set), Math.max(50, minimumMs - Math.max(...ready.map(age))))
    const current = this.#store.get<ReplicaSet>(replicaSets, set.metadata.namespace, set.metadata.name)
    if (current === undefined) return
    this.#store.update<ReplicaSet>(replicaSets, {
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
