import { type Condition, conditionOf, type Job, ownedBy, type Pod, timestamp } from '../objects.ts'
import { jobs, pods } from '../resources.ts'
import type { Store } from '../store.ts'
import { deleteObject } from './garbage.ts'
import { OwningController } from './owning-controller.ts'
import { podFromTemplate } from './pod-from-template.ts'
import { keyFor } from './work-queue.ts'

/** A real controller waits 10 s, doubling, before it tries a failed pod again; here it is a tenth of that. */
const RETRY_MS = 1_000
const TRACKING = 'batch.kubernetes.io/job-tracking'

/** Runs one pod at a time to completion; `parallelism` above 1 and indexed Jobs are not imitated. */
export class JobController extends OwningController<Job> {
  constructor(store: Store) {
    super(store, { component: 'job-controller', owner: jobs, owned: pods })
  }

  protected override sync(job: Job): void {
    if (isFinished(job) || job.spec.suspend === true) return
    const own = this.store.list<Pod>(pods, job.metadata.namespace).filter((pod) => ownedBy(pod, job))
    if (this.#count(job, own)) return
    const active = own.filter(isActive)
    const succeeded = own.filter((pod) => pod.status.phase === 'Succeeded').length
    const failed = own.filter((pod) => pod.status.phase === 'Failed').length
    const startTime = job.status.startTime ?? timestamp()
    if (succeeded >= (job.spec.completions ?? 1)) return this.#complete(job, succeeded, failed, startTime)
    const verdict = this.#failure(job, failed, own, startTime)
    if (verdict !== undefined) return this.#fail(job, active, failed, startTime, verdict)
    const running = active.length > 0 ? active : this.#retry(job, own, failed)
    const ready = active.filter((pod) => conditionOf(pod.status.conditions, 'Ready')?.status === 'True').length
    this.#write(job, { startTime, ...counted({ active: running.length, succeeded, failed }), ready })
  }

  /**
   * An ended pod keeps its finalizer until the Job's status names it: so no end is counted twice or lost. True while there
   * is one to be counted; the write of this turn brings the next.
   */
  #count(job: Job, own: readonly Pod[]): boolean {
    const uncounted = own.filter((pod) => !isActive(pod) && pod.metadata.finalizers?.includes(TRACKING))
    if (uncounted.length === 0) return false
    const uids = (phase: string) =>
      uncounted.filter((pod) => pod.status.phase === phase).map((pod) => pod.metadata.uid ?? '')
    const named = [
      ...(job.status.uncountedTerminatedPods?.succeeded ?? []),
      ...(job.status.uncountedTerminatedPods?.failed ?? []),
    ]
    if (uncounted.every((pod) => named.includes(pod.metadata.uid ?? ''))) {
      for (const pod of uncounted) {
        const { finalizers: _, ...metadata } = pod.metadata
        this.store.update<Pod>(pods, { ...pod, metadata })
      }
      return true
    }
    const { active: _active, ready: _ready, ...status } = job.status
    const lists = { succeeded: uids('Succeeded'), failed: uids('Failed') }
    const uncountedTerminatedPods = Object.fromEntries(Object.entries(lists).filter(([, list]) => list.length > 0))
    const running = own.filter(isActive).length
    this.store.update<Job>(jobs, {
      ...job,
      status: { ...status, ...counted({ active: running }), ready: 0, uncountedTerminatedPods },
    })
    return true
  }

  #failure(
    job: Job,
    failed: number,
    own: readonly Pod[],
    startTime: string,
  ): [reason: string, text: string] | undefined {
    const deadline = job.spec.activeDeadlineSeconds
    if (deadline !== undefined) {
      const left = Date.parse(startTime) + deadline * 1_000 - Date.now()
      if (left <= 0) return ['DeadlineExceeded', 'Job was active longer than specified deadline']
      this.queue.addAfter(keyFor(job), left)
    }
    const restarts = own
      .flatMap((pod) => pod.status.containerStatuses ?? [])
      .reduce((sum, status) => sum + status.restartCount, 0)
    const tries = job.spec.template.spec.restartPolicy === 'OnFailure' ? restarts : failed
    const limit = job.spec.backoffLimit ?? 6
    const exceeded = job.spec.template.spec.restartPolicy === 'OnFailure' ? limit > 0 && tries >= limit : tries > limit
    return exceeded ? ['BackoffLimitExceeded', 'Job has reached the specified backoff limit'] : undefined
  }

  #retry(job: Job, own: readonly Pod[], failed: number): Pod[] {
    const ended = own
      .flatMap((pod) => pod.status.containerStatuses ?? [])
      .map((one) => one.state.terminated?.finishedAt)
    const last = Math.max(0, ...ended.map((at) => Date.parse(at ?? '') || 0))
    const wait = failed === 0 ? 0 : last + RETRY_MS * 2 ** (failed - 1) - Date.now()
    if (wait > 0) {
      this.queue.addAfter(keyFor(job), wait)
      return []
    }
    if (this.store.podRefusal !== undefined) {
      const refused = `pods "${job.metadata.name}-" is forbidden: ${this.store.podRefusal}`
      this.events.record(job, 'Warning', 'FailedCreate', `Error creating: ${refused}`)
      this.queue.addAfter(keyFor(job), RETRY_MS)
      return []
    }
    return [this.#createPod(job)]
  }

  #createPod(job: Job): Pod {
    const pod = this.store.create<Pod>(
      pods,
      podFromTemplate(job, { apiVersion: 'batch/v1', kind: 'Job' }, { finalizers: [TRACKING] }),
    )
    this.events.record(job, 'Normal', 'SuccessfulCreate', `Created pod: ${pod.metadata.name}`)
    return pod
  }

  #complete(job: Job, succeeded: number, failed: number, startTime: string): void {
    const condition = ended('Complete')
    const status = { conditions: [condition], startTime, completionTime: timestamp() }
    this.#write(job, { ...status, ...counted({ succeeded, failed }), ready: 0 })
    this.events.record(job, 'Normal', 'Completed', 'Job completed')
  }

  #fail(job: Job, active: readonly Pod[], failed: number, startTime: string, verdict: [string, string]): void {
    const [reason, message] = verdict
    for (const pod of active) {
      deleteObject(this.store, pods, pod, 'Background')
      this.events.record(job, 'Normal', 'SuccessfulDelete', `Deleted pod: ${pod.metadata.name}`)
    }
    const conditions = [{ ...ended('Failed'), reason, message }]
    this.#write(job, { conditions, startTime, ...counted({ failed: failed + active.length }), ready: 0 })
    this.events.record(job, 'Warning', reason, message)
  }

  #write(job: Job, status: Job['status']): void {
    this.store.update<Job>(jobs, { ...job, status: { ...status, uncountedTerminatedPods: {} } })
  }
}

function isActive(pod: Pod): boolean {
  return pod.status.phase === 'Pending' || pod.status.phase === 'Running'
}

export function isFinished(job: Job): boolean {
  return (job.status.conditions ?? []).some(
    ({ type, status }) => status === 'True' && (type === 'Complete' || type === 'Failed'),
  )
}

function ended(type: 'Complete' | 'Failed'): Condition {
  return { type, status: 'True', lastProbeTime: timestamp(), lastTransitionTime: timestamp() }
}

function counted(counters: Record<string, number>): Record<string, number> {
  return Object.fromEntries(Object.entries(counters).filter(([, count]) => count > 0))
}
