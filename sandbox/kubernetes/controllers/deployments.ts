import {
  type Condition,
  conditionOf,
  type Deployment,
  type DeploymentStatus,
  ownedBy,
  type ReplicaSet,
  templateHash,
} from '../objects.ts'
import { deployments, pods, replicaSets } from '../resources.ts'
import type { Store } from '../store.ts'
import {
  bounds,
  byAge,
  calculateStatus,
  conditionFrom,
  copied,
  DESIRED,
  HASH,
  hasProgressed,
  isComplete,
  limits,
  newReplicas,
  progressing,
  REVISION,
  revisionOf,
  setAnnotations,
  setCondition,
  split,
  total,
} from './deployment-rules.ts'
import { OwningController } from './owning-controller.ts'
import { keyFor } from './work-queue.ts'

/** Follows pkg/controller/deployment of Kubernetes 1.26 function by function; the names are theirs. */
export class DeploymentController extends OwningController<Deployment> {
  constructor(store: Store) {
    super(store, { component: 'deployment-controller', owner: deployments, owned: replicaSets })
  }

  protected override sync(found: Deployment): void {
    const deployment = this.#checkPaused(found)
    const all = this.#replicaSetsOf(deployment)
    if (deployment.spec.paused === true || this.#isScalingEvent(deployment, all)) {
      this.#scale(deployment, all)
      this.#syncStatus(deployment)
      return
    }
    if (deployment.spec.strategy.type === 'Recreate') this.#recreate(deployment, all)
    else this.#rolling(deployment, all)
  }

  #replicaSetsOf(deployment: Deployment): ReplicaSet[] {
    return this.store
      .list<ReplicaSet>(replicaSets, deployment.metadata.namespace)
      .filter((set) => ownedBy(set, deployment))
      .sort(byAge)
  }

  #rolling(deployment: Deployment, all: ReplicaSet[]): void {
    const created = this.#newReplicaSet(deployment, all)
    const { current, older } = split(deployment, created)
    if (current === undefined) return
    const scaled = this.#reconcileNew(deployment, current, created) || this.#reconcileOld(deployment, current, older)
    if (this.#syncStatus(deployment) && !scaled) this.#cleanUp(deployment, older)
  }

  #recreate(deployment: Deployment, all: ReplicaSet[]): void {
    const { older } = split(deployment, all)
    const active = older.filter((set) => set.spec.replicas > 0)
    for (const set of active) this.#scaleSet(deployment, set, 0)
    const left = this.store
      .list(pods, deployment.metadata.namespace)
      .some((pod) => older.some((set) => ownedBy(pod, set)))
    if (active.length > 0 || left) {
      if (left) this.queue.addAfter(keyFor(deployment), 200)
      return void this.#syncStatus(deployment)
    }
    const created = this.#newReplicaSet(deployment, all)
    const { current } = split(deployment, created)
    if (current && current.spec.replicas !== deployment.spec.replicas)
      this.#scaleSet(deployment, current, deployment.spec.replicas)
    if (this.#syncStatus(deployment)) this.#cleanUp(deployment, older)
  }

  /** getAllReplicaSetsAndSyncRevision: finds or creates the set of the current template and numbers it. */
  #newReplicaSet(deployment: Deployment, all: ReplicaSet[]): ReplicaSet[] {
    const { current, older } = split(deployment, all)
    const revision = String(Math.max(0, ...older.map(revisionOf)) + 1)
    if (current !== undefined) {
      const numbered = this.store.update(replicaSets, {
        ...current,
        metadata: { ...current.metadata, annotations: setAnnotations(deployment, current, revision) },
      })
      const known = numbered.metadata.annotations?.[REVISION] ?? revision
      const fresh = this.store.get<Deployment>(deployments, deployment.metadata.namespace, deployment.metadata.name)!
      const conditions = conditionOf(fresh.status.conditions, 'Progressing')
        ? (fresh.status.conditions ?? [])
        : setCondition(fresh.status.conditions ?? [], progressing('FoundNewReplicaSet', current.metadata.name))
      if (fresh.metadata.annotations?.[REVISION] !== known)
        this.#writeStatus(fresh, { ...fresh.status, conditions }, known)
      return all.map((set) => (set.metadata.uid === numbered.metadata.uid ? numbered : set))
    }
    const created = this.store.create(replicaSets, this.#replicaSetFor(deployment, all, revision))
    const fresh = this.store.get<Deployment>(deployments, deployment.metadata.namespace, deployment.metadata.name)!
    // The real controller has just written "resumed" and loses this write to its own conflict; its next turn numbers the set.
    const resumed = conditionOf(fresh.status.conditions, 'Progressing')?.reason === 'DeploymentResumed'
    const condition = progressing('NewReplicaSetCreated', created.metadata.name)
    const conditions = setCondition(fresh.status.conditions ?? [], condition)
    if (!resumed) this.#writeStatus(fresh, { ...fresh.status, conditions }, revision)
    if (created.spec.replicas > 0) this.#announce(deployment, created.metadata.name, 'up', created.spec.replicas, 0)
    return [...all, created]
  }

  #replicaSetFor(deployment: Deployment, all: readonly ReplicaSet[], revision: string): ReplicaSet {
    const hash = templateHash(deployment.spec.template)
    const { name, namespace, uid } = deployment.metadata
    const labels = { ...deployment.spec.template.metadata?.labels, [HASH]: hash }
    const replicas =
      deployment.spec.strategy.type === 'Recreate'
        ? deployment.spec.replicas
        : newReplicas(
            deployment,
            0,
            total(all, (set) => set.spec.replicas),
          )
    return {
      apiVersion: 'apps/v1',
      kind: 'ReplicaSet',
      metadata: {
        name: `${name}-${hash}`,
        ...(namespace === undefined ? {} : { namespace }),
        labels,
        annotations: {
          ...copied(deployment),
          ...limits(deployment),
          [REVISION]: revision,
        },
        ownerReferences: [
          {
            apiVersion: 'apps/v1',
            kind: 'Deployment',
            name,
            uid: uid ?? '',
            controller: true,
            blockOwnerDeletion: true,
          },
        ],
      },
      spec: {
        replicas,
        ...(deployment.spec.minReadySeconds ? { minReadySeconds: deployment.spec.minReadySeconds } : {}),
        selector: { matchLabels: { ...deployment.spec.selector.matchLabels, [HASH]: hash } },
        template: {
          ...deployment.spec.template,
          metadata: { ...deployment.spec.template.metadata, labels },
        },
      },
      status: { replicas: 0 },
    }
  }

  #reconcileNew(deployment: Deployment, current: ReplicaSet, all: readonly ReplicaSet[]): boolean {
    const { replicas } = deployment.spec
    if (current.spec.replicas === replicas) return false
    const wanted =
      current.spec.replicas > replicas
        ? replicas
        : newReplicas(
            deployment,
            current.spec.replicas,
            total(all, (set) => set.spec.replicas),
          )
    return this.#scaleSet(deployment, current, wanted)
  }

  #reconcileOld(deployment: Deployment, current: ReplicaSet, older: readonly ReplicaSet[]): boolean {
    const oldPods = total(older, (set) => set.spec.replicas)
    if (oldPods === 0) return false
    const { maxUnavailable } = bounds(deployment)
    const minimum = deployment.spec.replicas - maxUnavailable
    const newUnavailable = current.spec.replicas - (current.status.availableReplicas ?? 0)
    const room = oldPods + current.spec.replicas - minimum - newUnavailable
    if (room <= 0) return false
    let removed = 0
    const sets = older.map((set) => {
      const unhealthy = set.spec.replicas - (set.status.availableReplicas ?? 0)
      const down = Math.min(room - removed, unhealthy)
      if (set.spec.replicas === 0 || down <= 0) return set
      removed += down
      this.#scaleSet(deployment, set, set.spec.replicas - down)
      return this.store.get<ReplicaSet>(replicaSets, set.metadata.namespace, set.metadata.name) ?? set
    })
    const available = total([...sets, current], (set) => set.status.availableReplicas ?? 0)
    let surplus = available - minimum
    for (const set of sets) {
      const down = Math.min(set.spec.replicas, surplus)
      if (down <= 0) continue
      surplus -= down
      removed += down
      this.#scaleSet(deployment, set, set.spec.replicas - down)
    }
    return removed > 0
  }

  /** `scale` in sync.go: replicas changed, or the Deployment is paused. */
  #scale(deployment: Deployment, all: ReplicaSet[]): void {
    const active = all.filter((set) => set.spec.replicas > 0)
    const { current } = split(deployment, all)
    const only = active.length === 0 ? (current ?? all.at(-1)) : active.length === 1 ? active[0] : undefined
    if (only !== undefined) return void this.#scaleSet(deployment, only, deployment.spec.replicas)
    if (active.length === 0) return
    const { maxSurge } = bounds(deployment)
    const allowed = deployment.spec.replicas === 0 ? 0 : deployment.spec.replicas + maxSurge
    let toAdd = allowed - total(active, (set) => set.spec.replicas)
    const before = total(active, (set) => set.spec.replicas)
    for (const set of [...active].reverse()) {
      const share = Math.round((set.spec.replicas * (allowed - before)) / before)
      const change = toAdd > 0 ? Math.min(share, toAdd) : Math.max(share, toAdd)
      toAdd -= change
      this.#scaleSet(deployment, set, Math.max(0, set.spec.replicas + change))
    }
  }

  #isScalingEvent(deployment: Deployment, all: readonly ReplicaSet[]): boolean {
    return all.some((set) => {
      const desired = set.metadata.annotations?.[DESIRED]
      return set.spec.replicas > 0 && desired !== undefined && Number(desired) !== deployment.spec.replicas
    })
  }

  #scaleSet(deployment: Deployment, set: ReplicaSet, replicas: number): boolean {
    const from = set.spec.replicas
    const annotations = { ...set.metadata.annotations, ...limits(deployment) }
    this.store.update(replicaSets, {
      ...set,
      metadata: { ...set.metadata, annotations },
      spec: { ...set.spec, replicas },
    })
    if (from === replicas) return false
    this.#announce(deployment, set.metadata.name, replicas > from ? 'up' : 'down', replicas, from)
    return true
  }

  #announce(deployment: Deployment, set: string, direction: 'up' | 'down', to: number, from: number): void {
    const suffix = from === 0 ? '' : ` from ${from}`
    const message = `Scaled ${direction} replica set ${set} to ${to}${suffix}`
    this.events.record(deployment, 'Normal', 'ScalingReplicaSet', message)
  }

  /** Deletes emptied sets beyond `revisionHistoryLimit`, oldest first. */
  #cleanUp(deployment: Deployment, older: readonly ReplicaSet[]): void {
    const surplus = older.length - deployment.spec.revisionHistoryLimit
    const oldest = [...older].sort((a, b) => revisionOf(a) - revisionOf(b)).slice(0, Math.max(0, surplus))
    for (const set of oldest)
      if (set.spec.replicas === 0 && set.status.replicas === 0)
        this.store.remove(replicaSets, set.metadata.namespace, set.metadata.name)
  }

  #checkPaused(deployment: Deployment): Deployment {
    const condition = conditionOf(deployment.status.conditions, 'Progressing')
    if (condition?.reason === 'ProgressDeadlineExceeded') return deployment
    const paused = condition?.reason === 'DeploymentPaused'
    const next =
      deployment.spec.paused === true && !paused
        ? conditionFrom('Progressing', 'Unknown', 'DeploymentPaused', 'Deployment is paused')
        : deployment.spec.paused !== true && paused
          ? conditionFrom('Progressing', 'Unknown', 'DeploymentResumed', 'Deployment is resumed')
          : undefined
    if (next === undefined) return deployment
    const conditions = setCondition(deployment.status.conditions ?? [], next)
    return this.#writeStatus(deployment, { ...deployment.status, conditions }, undefined)
  }

  /** syncRolloutStatus; true when the rollout is complete. */
  #syncStatus(stale: Deployment): boolean {
    const { namespace, name } = stale.metadata
    const deployment = this.store.get<Deployment>(deployments, namespace, name)
    if (deployment === undefined) return false
    const { current, older } = split(deployment, this.#replicaSetsOf(deployment))
    const status = calculateStatus(deployment, current, older)
    const condition = conditionOf(deployment.status.conditions, 'Progressing')
    const settled = status.replicas === status.updatedReplicas && condition?.reason === 'NewReplicaSetAvailable'
    const complete = isComplete(deployment, status)
    if (deployment.spec.paused !== true && !settled)
      status.conditions = this.#progress(deployment, status, current, complete, condition)
    this.#writeStatus(deployment, status, undefined)
    return complete
  }

  #progress(
    deployment: Deployment,
    status: DeploymentStatus,
    current: ReplicaSet | undefined,
    complete: boolean,
    condition: Condition | undefined,
  ): Condition[] {
    const conditions = status.conditions ?? []
    const set = current?.metadata.name ?? ''
    if (complete) return setCondition(conditions, progressing('NewReplicaSetAvailable', set))
    if (hasProgressed(deployment.status, status)) {
      const updated = progressing('ReplicaSetUpdated', set)
      const since = condition?.status === 'True' ? { lastTransitionTime: condition.lastTransitionTime } : {}
      return [...conditions.filter((one) => one.type !== 'Progressing'), { ...updated, ...since } as Condition]
    }
    if (condition === undefined || condition.reason === 'NewReplicaSetAvailable') return conditions
    const deadline = Date.parse(condition.lastUpdateTime ?? '') + deployment.spec.progressDeadlineSeconds * 1_000
    if (condition.reason === 'ProgressDeadlineExceeded') return conditions
    if (Date.now() <= deadline) {
      this.queue.addAfter(keyFor(deployment), deadline - Date.now() + 1_000)
      return conditions
    }
    const late = `ReplicaSet "${set}" has timed out progressing.`
    return setCondition(conditions, conditionFrom('Progressing', 'False', 'ProgressDeadlineExceeded', late))
  }

  #writeStatus(deployment: Deployment, status: DeploymentStatus, revision: string | undefined): Deployment {
    const annotations =
      revision === undefined
        ? deployment.metadata.annotations
        : { ...deployment.metadata.annotations, [REVISION]: revision }
    const metadata = { ...deployment.metadata, ...(annotations === undefined ? {} : { annotations }) }
    return this.store.update<Deployment>(deployments, { ...deployment, metadata, status })
  }
}
