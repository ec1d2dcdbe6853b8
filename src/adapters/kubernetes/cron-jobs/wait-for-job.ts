/**
 * Watches a Job to its end, and gives up as soon as it cannot come to one: a pod that cannot start, or no pod at all,
 * because a quota or an admission policy refuses each of them.
 */

import { type ClusterEvent, conditionOf, controlledBy, type Job, type Pod } from '../api/objects.ts'
import type { Connection } from '../api/connection.ts'
import { byName, observe } from '../api/observe.ts'
import type { Paths } from '../api/paths.ts'
import { podSigns } from '../deployments/rollout-verdict.ts'

interface JobEnd {
  readonly succeeded: boolean
  readonly reason: string | undefined
}

/** How long a bad sign may last. */
const graceMs = 20_000
const lookEveryMs = 1_000
/** How often the events of a Job without pods are read. */
const eventsEveryMs = 3_000

export async function waitForJob(connection: Connection, paths: Paths, job: Job, signal: AbortSignal): Promise<JobEnd> {
  signal.throwIfAborted()
  const over = new AbortController()
  const inside = AbortSignal.any([signal, over.signal])
  const { name, uid } = job.metadata
  const doing = `watching job ${name}`
  const watcher = new JobWatcher(connection, paths, job)
  return await new Promise<JobEnd>((resolve, reject) => {
    const look = () => {
      watcher
        .look(inside)
        .then((end) => end && resolve(end))
        .catch(reject)
    }
    const timer = setInterval(look, lookEveryMs)
    inside.addEventListener('abort', () => clearInterval(timer), { once: true })
    signal.addEventListener('abort', () => reject(signal.reason), { signal: over.signal })
    const podQuery = { labelSelector: `job-name=${name}` }
    observe<Job>(
      connection,
      { path: paths.jobs, query: byName(name), doing },
      (jobs) => watcher.sawJob(jobs.find((one) => one.metadata.uid === uid) ?? null, look),
      inside,
    ).catch(reject)
    observe<Pod>(
      connection,
      { path: paths.pods, query: podQuery, doing },
      (pods) =>
        watcher.sawPods(
          pods.filter((pod) => controlledBy(pod, uid)),
          look,
        ),
      inside,
    ).catch(reject)
  }).finally(() => over.abort())
}

class JobWatcher {
  readonly #connection: Connection
  readonly #paths: Paths
  readonly #asked: Job
  /** Null when it has been deleted, undefined until the watch has brought it. */
  #job: Job | null | undefined
  #pods: readonly Pod[] | undefined
  readonly #since = new Map<string, number>()
  #refusal: string | undefined
  #eventsReadAt = 0
  #busy = false

  constructor(connection: Connection, paths: Paths, asked: Job) {
    this.#connection = connection
    this.#paths = paths
    this.#asked = asked
  }

  sawJob(job: Job | null, look: () => void): void {
    this.#job = job
    look()
  }

  sawPods(pods: readonly Pod[], look: () => void): void {
    this.#pods = pods
    look()
  }

  async look(signal: AbortSignal): Promise<JobEnd | undefined> {
    if (this.#job === undefined || this.#busy || signal.aborted) return undefined
    if (this.#job === null) return { succeeded: false, reason: 'the job was deleted while it ran' }
    const { conditions } = this.#job.status ?? {}
    const failed = conditionOf(conditions, 'Failed')
    if (conditionOf(conditions, 'Complete')?.status === 'True') return { succeeded: true, reason: undefined }
    if (failed?.status === 'True') return { succeeded: false, reason: textOf(failed) }
    this.#busy = true
    try {
      return this.#stuckPod() ?? (await this.#refusedPods(signal))
    } finally {
      this.#busy = false
    }
  }

  #stuckPod(): JobEnd | undefined {
    for (const { pod, reason, message, afterMs } of (this.#pods ?? []).flatMap((one) => podSigns(one, graceMs)))
      // A Job counts its crashes itself.
      if (reason !== 'CrashLoopBackOff' && this.#lasts(`${pod}/${reason}`, afterMs))
        return { succeeded: false, reason: `${reason}: ${message}` }
    return undefined
  }

  /** While the Job has no pod, its events say why. One that got a pod after all is judged by that. */
  async #refusedPods(signal: AbortSignal): Promise<JobEnd | undefined> {
    if (this.#pods === undefined || this.#pods.length > 0) {
      this.#since.delete('no pod')
      return undefined
    }
    if (Date.now() - this.#eventsReadAt >= eventsEveryMs) {
      this.#eventsReadAt = Date.now()
      this.#refusal = await this.#readRefusal(signal)
    }
    if (this.#refusal === undefined || !this.#lasts('no pod', graceMs)) return undefined
    const { name } = this.#asked.metadata
    return {
      succeeded: false,
      reason: `FailedCreate: ${this.#refusal}. Job ${name} remains, and starts once its pods are admitted`,
    }
  }

  async #readRefusal(signal: AbortSignal): Promise<string | undefined> {
    const { name, uid } = this.#asked.metadata
    const query = { fieldSelector: `involvedObject.uid=${uid}` }
    const request = { method: 'GET', path: this.#paths.events, query, doing: `reading the events of ${name}` } as const
    const { items } = await this.#connection.list<ClusterEvent>(request, signal)
    const timeOf = ({ lastTimestamp, eventTime }: ClusterEvent) => lastTimestamp ?? eventTime ?? ''
    return items
      .filter(({ reason, type }) => type === 'Warning' && reason === 'FailedCreate')
      .sort((a, b) => timeOf(b).localeCompare(timeOf(a)))[0]?.message
  }

  /** Returns true once this was first seen so long ago. */
  #lasts(what: string, afterMs: number): boolean {
    const since = this.#since.get(what) ?? Date.now()
    this.#since.set(what, since)
    return Date.now() - since >= afterMs
  }
}

const textOf = ({ reason, message }: { reason?: string; message?: string }) =>
  [reason, message].filter((part) => part !== undefined && part !== '').join(': ')
