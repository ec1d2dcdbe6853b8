import { setTimeout as delay } from 'node:timers/promises'

import { Recorder } from '../events.ts'
import { type Condition, conditionOf, type Container, type ContainerStatus, type Pod, timestamp } from '../objects.ts'
import type { ContainerLog } from '../pod-logs.ts'
import { pods } from '../resources.ts'
import type { ContainerRuntime } from '../runtime.ts'
import type { Store } from '../store.ts'
import { ContainerWorker } from './container-worker.ts'
import type { Controller } from './work-queue.ts'

export const NODE = 'sandbox-node'
const DEFAULT_SCHEDULER = 'default-scheduler'

export interface ContainerLogs {
  readonly current: ContainerLog | undefined
  readonly previous: ContainerLog | undefined
}

/** Scheduler and kubelet of the only node: binds each new pod, runs its containers, reports what it sees. */
export class Kubelet implements Controller {
  readonly #store: Store
  readonly #runtime: ContainerRuntime
  readonly #workers = new Map<string, PodWorker>()
  readonly #unsubscribe: () => void
  readonly #scheduler: Recorder

  constructor(store: Store, runtime: ContainerRuntime) {
    this.#store = store
    this.#runtime = runtime
    this.#scheduler = new Recorder(store, DEFAULT_SCHEDULER)
    this.#unsubscribe = store.onChange(({ type, resource, object }) => {
      if (resource !== pods) return
      const pod = object as Pod
      const worker = this.#workers.get(pod.metadata.uid ?? '')
      if (type === 'ADDED') this.#adopt(pod)
      else if (type === 'DELETED') void worker?.terminate(0)
      else if (pod.metadata.deletionTimestamp !== undefined)
        void worker?.terminate(pod.metadata.deletionGracePeriodSeconds ?? 30)
    })
  }

  logs(pod: Pod, container: string): ContainerLogs {
    return this.#workers.get(pod.metadata.uid ?? '')?.logs(container) ?? { current: undefined, previous: undefined }
  }

  /** Where the process of a pod's first container listens, while it runs. */
  portOf(pod: Pod): number | undefined {
    return this.#workers.get(pod.metadata.uid ?? '')?.port
  }

  /** What runs was started so much earlier. */
  age(ms: number): void {
    for (const worker of this.#workers.values()) worker.age(ms)
  }

  async close(): Promise<void> {
    this.#unsubscribe()
    await Promise.all([...this.#workers.values()].map((worker) => worker.terminate(1)))
  }

  /** Pods of another scheduler stay unbound, pods of another node are not ours. */
  #adopt(pod: Pod): void {
    const { nodeName = NODE, schedulerName = DEFAULT_SCHEDULER } = pod.spec
    if (nodeName !== NODE || schedulerName !== DEFAULT_SCHEDULER) return
    const uid = pod.metadata.uid ?? ''
    const worker = new PodWorker(this.#store, this.#runtime, pod, this.#scheduler)
    this.#workers.set(uid, worker)
    void worker.run().finally(() => this.#forget(uid, worker))
  }

  /** Logs of an ended pod stay readable until the pod object is gone. */
  #forget(uid: string, worker: PodWorker): void {
    const stop = this.#store.onChange(({ type, resource, object }) => {
      if (type !== 'DELETED' || resource !== pods || object.metadata.uid !== uid) return
      this.#workers.delete(uid)
      stop()
    })
    if (worker.gone) {
      this.#workers.delete(uid)
      stop()
    }
  }
}

class PodWorker {
  readonly #store: Store
  readonly #events: Recorder
  readonly #scheduler: Recorder
  readonly #pod: Pod
  readonly #containers: readonly ContainerWorker[]
  readonly #abort = new AbortController()
  #graceSeconds = 30
  gone = false

  constructor(store: Store, runtime: ContainerRuntime, pod: Pod, scheduler: Recorder) {
    this.#store = store
    this.#pod = pod
    this.#scheduler = scheduler
    this.#events = new Recorder(store, 'kubelet', NODE)
    const kind = pod.metadata.ownerReferences?.some((owner) => owner.kind === 'Job') === true ? 'job' : 'service'
    this.#containers = pod.spec.containers.map(
      (container: Container) =>
        new ContainerWorker({
          store,
          runtime,
          pod,
          container,
          kind,
          report: () => this.#report(),
          event: (type, reason, message) => {
            const current = this.#current()
            if (current) this.#events.record(current, type, reason, message, `spec.containers{${container.name}}`)
          },
        }),
    )
  }

  get port(): number | undefined {
    return this.#containers[0]?.port
  }

  age(ms: number): void {
    for (const container of this.#containers) container.age(ms)
  }

  logs(container: string): ContainerLogs {
    const worker = this.#containers.find((one) => one.name === container)
    return { current: worker?.log, previous: worker?.previousLog }
  }

  async run(): Promise<void> {
    const { signal } = this.#abort
    await delay(2, undefined, { signal }).catch(() => undefined)
    this.#bind()
    await delay(20, undefined, { signal }).catch(() => undefined)
    this.#report()
    await Promise.all(this.#containers.map((container) => container.run(signal)))
    this.#report()
    if (signal.aborted) await this.#vanish()
  }

  async terminate(graceSeconds: number): Promise<void> {
    this.#graceSeconds = graceSeconds
    this.#abort.abort()
    // A pod that had ended on its own has no loop left that would notice.
    await Promise.all(this.#containers.map((container) => container.stop(graceSeconds * 1_000)))
    await this.#vanish()
  }

  #current(): Pod | undefined {
    const { namespace, name, uid } = this.#pod.metadata
    const pod = this.#store.get<Pod>(pods, namespace, name)
    return pod?.metadata.uid === uid ? pod : undefined
  }

  #bind(): void {
    const pod = this.#current()
    if (pod === undefined) return
    const scheduled: Condition = {
      type: 'PodScheduled',
      status: 'True',
      lastProbeTime: null,
      lastTransitionTime: timestamp(),
    }
    const bound = this.#store.update<Pod>(pods, {
      ...pod,
      spec: { ...pod.spec, nodeName: NODE },
      status: { ...pod.status, conditions: [scheduled] },
    })
    const { namespace, name } = pod.metadata
    this.#scheduler.record(bound, 'Normal', 'Scheduled', `Successfully assigned ${namespace}/${name} to ${NODE}`)
  }

  async #vanish(): Promise<void> {
    if (this.gone) return
    this.gone = true
    const pod = this.#current()
    if (pod === undefined) return
    if (this.#graceSeconds > 0)
      this.#store.update(pods, { ...pod, metadata: { ...pod.metadata, deletionGracePeriodSeconds: 0 } })
    this.#store.remove(pods, pod.metadata.namespace, pod.metadata.name)
  }

  #report(): void {
    const pod = this.#current()
    if (pod === undefined || pod.spec.nodeName === undefined) return
    const statuses = this.#containers.map((container) => container.status())
    const phase = phaseOf(pod, statuses)
    const ended = phase === 'Succeeded' || phase === 'Failed'
    const unready = statuses.filter((status) => !status.ready).map((status) => status.name)
    const why =
      phase === 'Succeeded'
        ? { reason: 'PodCompleted' }
        : { reason: 'ContainersNotReady', message: `containers with unready status: [${unready.join(' ')}]` }
    const readiness =
      unready.length === 0 && !ended ? { status: 'True' as const } : { status: 'False' as const, ...why }
    const before = pod.status.conditions
    const conditions = [
      transition(before, { type: 'Initialized', status: 'True', ...(ended ? { reason: 'PodCompleted' } : {}) }),
      transition(before, { type: 'Ready', ...readiness }),
      transition(before, { type: 'ContainersReady', ...readiness }),
      transition(before, { type: 'PodScheduled', status: 'True' }),
    ]
    this.#store.update<Pod>(pods, {
      ...pod,
      status: {
        phase,
        conditions,
        hostIP: '127.0.0.1',
        podIP: '127.0.0.1',
        startTime: pod.status.startTime ?? timestamp(),
        containerStatuses: statuses,
        qosClass: 'BestEffort',
      },
    })
  }
}

function phaseOf(pod: Pod, statuses: readonly ContainerStatus[]): Pod['status']['phase'] {
  const policy = pod.spec.restartPolicy ?? 'Always'
  const over = statuses.every((status) => {
    const exit = status.state.terminated
    return exit !== undefined && (policy === 'Never' || (policy === 'OnFailure' && exit.exitCode === 0))
  })
  if (over) return statuses.some((status) => status.state.terminated?.exitCode !== 0) ? 'Failed' : 'Succeeded'
  const started = statuses.some(
    (status) => status.state.running !== undefined || status.restartCount > 0 || status.lastState.terminated,
  )
  return started || statuses.some((status) => status.state.terminated) ? 'Running' : 'Pending'
}

function transition(before: readonly Condition[] | undefined, next: Omit<Condition, 'lastProbeTime'>): Condition {
  const old = conditionOf(before, next.type)
  const lastTransitionTime = old?.status === next.status ? (old.lastTransitionTime ?? timestamp()) : timestamp()
  const { type, status, ...why } = next
  return { type, status, lastProbeTime: null, lastTransitionTime, ...why }
}
