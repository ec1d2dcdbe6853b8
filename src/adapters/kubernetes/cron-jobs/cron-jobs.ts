import { type ApiList, conditionOf, controlledBy, type CronJob, isMap, type Job, type Pod } from '../api/objects.ts'
import { fieldManager } from '../api/field-manager.ts'
import type { Connection } from '../api/connection.ts'
import { ClusterError } from '../api/errors.ts'
import { byName, observe } from '../api/observe.ts'
import type { Paths } from '../api/paths.ts'
import { readLog } from '../logs/read-log.ts'
import type { CronJobState, JobOutcome } from './port.ts'
import type { KubernetesObject } from '../manifests/port.ts'
import { podSigns } from '../deployments/rollout-verdict.ts'

const mostLogLines = 50
const podGraceMs = 20_000
const lookEveryMs = 1_000

export class CronJobsApi {
  readonly #connection: Connection
  readonly #paths: Paths

  constructor(connection: Connection, paths: Paths) {
    this.#connection = connection
    this.#paths = paths
  }

  async state(name: string, signal: AbortSignal): Promise<CronJobState | undefined> {
    const found = await this.#find(name, signal)
    if (found === undefined) return undefined
    return {
      name,
      schedule: found.spec.schedule,
      timeZone: found.spec.timeZone,
      startingDeadlineSeconds: found.spec.startingDeadlineSeconds,
      createdAt: found.metadata.creationTimestamp,
      suspended: found.spec.suspend === true,
      lastScheduleTime: found.status?.lastScheduleTime,
      lastSuccessfulTime: found.status?.lastSuccessfulTime,
      active: found.status?.active?.length ?? 0,
      manifest: manifestOf(found),
    }
  }

  async suspend(name: string, suspended: boolean, signal: AbortSignal): Promise<void> {
    const doing = `${suspended ? 'suspending' : 'resuming'} cronjob ${name}`
    await this.#connection.text(
      {
        method: 'PATCH',
        path: `${this.#paths.cronJobs}/${name}`,
        query: { fieldManager },
        body: { spec: { suspend: suspended } },
        contentType: 'application/merge-patch+json',
        doing,
      },
      signal,
    )
  }

  async delete(name: string, signal: AbortSignal): Promise<void> {
    const path = `${this.#paths.cronJobs}/${name}`
    const body = { propagationPolicy: 'Background' }
    await this.#connection.find({ method: 'DELETE', path, body, doing: `deleting cronjob ${name}` }, signal)
  }

  async runNow(name: string, jobName: string, signal: AbortSignal): Promise<JobOutcome> {
    const cronJob = await this.#find(name, signal)
    if (cronJob === undefined)
      throw new ClusterError(
        'cluster_not_found',
        `running cronjob ${name}: there is no such cronjob in the namespace`,
        {
          status: 404,
        },
      )
    const job = await this.#ensureJob(cronJob, jobName, signal)
    const end = await this.#waitForEnd(job, signal)
    return { name: jobName, ...end, logs: await this.#logs(job, signal) }
  }

  async #ensureJob(cronJob: CronJob, jobName: string, signal: AbortSignal): Promise<Job> {
    const doing = `starting job ${jobName}`
    const query = { fieldManager }
    try {
      const body = jobFrom(cronJob, jobName)
      return await this.#connection.json<Job>({ method: 'POST', path: this.#paths.jobs, query, body, doing }, signal)
    } catch (error) {
      if (!(error instanceof ClusterError) || error.reason !== 'AlreadyExists') throw error
      const path = `${this.#paths.jobs}/${jobName}`
      const existing = await this.#connection.json<Job>({ method: 'GET', path, doing }, signal)
      if (controlledBy(existing, cronJob.metadata.uid)) return existing
      throw new ClusterError(
        'cluster_conflict',
        `${doing}: a job of that name exists and is not of ${cronJob.metadata.name}`,
        {
          status: 409,
          cause: error,
        },
      )
    }
  }

  async #waitForEnd(job: Job, signal: AbortSignal): Promise<{ succeeded: boolean; reason: string | undefined }> {
    signal.throwIfAborted()
    const over = new AbortController()
    const inside = AbortSignal.any([signal, over.signal])
    const { name, uid } = job.metadata
    const doing = `watching job ${name}`
    let pods: readonly Pod[] = []
    const since = new Map<string, number>()
    return await new Promise<{ succeeded: boolean; reason: string | undefined }>((resolve, reject) => {
      const look = (jobs: readonly Job[]) => {
        const current = jobs.find((one) => one.metadata.uid === uid)
        const conditions = current?.status?.conditions
        const failed = conditionOf(conditions, 'Failed')
        if (conditionOf(conditions, 'Complete')?.status === 'True') resolve({ succeeded: true, reason: undefined })
        else if (failed?.status === 'True') resolve({ succeeded: false, reason: textOf(failed) })
        else if (current === undefined) resolve({ succeeded: false, reason: 'the job was deleted while it ran' })
      }
      const hopeless = () => {
        for (const sign of pods.flatMap((pod) => podSigns(pod, podGraceMs))) {
          const key = `${sign.pod}/${sign.reason}`
          if (!since.has(key)) since.set(key, Date.now())
          if (sign.reason === 'CrashLoopBackOff' || Date.now() - (since.get(key) ?? 0) < sign.afterMs) continue
          resolve({ succeeded: false, reason: `${sign.reason}: ${sign.message}` })
        }
      }
      const timer = setInterval(hopeless, lookEveryMs)
      inside.addEventListener('abort', () => clearInterval(timer), { once: true })
      signal.addEventListener('abort', () => reject(signal.reason), { signal: over.signal })
      const podQuery = { labelSelector: `job-name=${name}` }
      observe<Job>(this.#connection, { path: this.#paths.jobs, query: byName(name), doing }, look, inside).catch(reject)
      observe<Pod>(
        this.#connection,
        { path: this.#paths.pods, query: podQuery, doing },
        (found) => {
          pods = found.filter((pod) => controlledBy(pod, uid))
          hopeless()
        },
        inside,
      ).catch(reject)
    }).finally(() => over.abort())
  }

  /** Reads the last lines that the Job's pods have logged, the oldest pod first. A pod that never started has none. */
  async #logs(job: Job, signal: AbortSignal): Promise<readonly string[]> {
    const { name, uid } = job.metadata
    const query = { labelSelector: `job-name=${name}` }
    const doing = `reading the logs of job ${name}`
    const list = await this.#connection.json<ApiList<Pod>>(
      { method: 'GET', path: this.#paths.pods, query, doing },
      signal,
    )
    const own = list.items.filter((pod) => controlledBy(pod, uid))
    const byAge = [...own].sort((a, b) =>
      (a.metadata.creationTimestamp ?? '').localeCompare(b.metadata.creationTimestamp ?? ''),
    )
    const lines: string[] = []
    for (const pod of byAge) {
      const container = pod.spec.containers[0]?.name
      const part = { pod: pod.metadata.name, from: 'end', lines: mostLogLines } as const
      const read = container === undefined ? part : { ...part, container }
      lines.push(...(await readLog(this.#connection, this.#paths, read, signal)).map(({ text }) => text))
    }
    return lines.slice(-mostLogLines)
  }

  #find(name: string, signal: AbortSignal): Promise<CronJob | undefined> {
    const path = `${this.#paths.cronJobs}/${name}`
    return this.#connection.find<CronJob>({ method: 'GET', path, doing: `reading cronjob ${name}` }, signal)
  }
}

const textOf = ({ reason, message }: { reason?: string; message?: string }) =>
  [reason, message].filter((part) => part !== undefined && part !== '').join(': ')

/** Makes the Job that `kubectl create job --from` would send. */
function jobFrom({ metadata, spec }: CronJob, name: string): object {
  const { labels, annotations } = spec.jobTemplate.metadata ?? {}
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: {
      name,
      ...(labels ? { labels } : {}),
      annotations: { ...annotations, 'cronjob.kubernetes.io/instantiate': 'manual' },
      ownerReferences: [
        { apiVersion: 'batch/v1', kind: 'CronJob', name: metadata.name, uid: metadata.uid, controller: true },
      ],
    },
    spec: spec.jobTemplate.spec,
  }
}

const serverFields = new Set(['uid', 'resourceVersion', 'generation', 'creationTimestamp', 'managedFields', 'selfLink'])
const lastApplied = 'kubectl.kubernetes.io/last-applied-configuration'

function manifestOf(cronJob: CronJob): KubernetesObject {
  const { status: _, metadata, ...rest } = cronJob
  const kept = Object.fromEntries(Object.entries(metadata).filter(([field]) => !serverFields.has(field)))
  if (isMap(kept.annotations)) {
    const { [lastApplied]: _, ...annotations } = kept.annotations
    kept.annotations = annotations
    if (Object.keys(annotations).length === 0) delete kept.annotations
  }
  return { ...rest, apiVersion: 'batch/v1', kind: 'CronJob', metadata: { ...kept, name: metadata.name } }
}
