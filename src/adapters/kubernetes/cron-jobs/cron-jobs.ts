import { conditionOf, controlledBy, type CronJob, isMap, type Job, type Pod } from '../api/objects.ts'
import { fieldManager } from '../api/field-manager.ts'
import type { Connection } from '../api/connection.ts'
import { ClusterError } from '../api/errors.ts'
import type { Paths } from '../api/paths.ts'
import { readLog } from '../logs/read-log.ts'
import type { CronJobState, JobOutcome, RunningJob } from './port.ts'
import type { KubernetesObject } from '../manifests/port.ts'
import { claimsOn } from '../owners/claims.ts'
import { ownersOf } from '../owners/field-owners.ts'
import { waitForJob } from './wait-for-job.ts'

const mostLogLines = 50

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
      concurrencyPolicy: found.spec.concurrencyPolicy ?? 'Allow',
      suspended: found.spec.suspend === true,
      lastScheduleTime: found.status?.lastScheduleTime,
      lastSuccessfulTime: found.status?.lastSuccessfulTime,
      active: found.status?.active?.length ?? 0,
      owners: ownersOf(found, ['spec.schedule', 'spec.suspend']),
      claims: claimsOn(found),
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
      throw new ClusterError('cluster_not_found', `running cronjob ${name}: no such CronJob in the namespace`, {
        status: 404,
      })
    const job = await this.#ensureJob(cronJob, jobName, signal)
    const end = await waitForJob(this.#connection, this.#paths, job, signal)
    return { name: jobName, ...end, logs: await this.#logs(job, signal) }
  }

  async stillRunning(name: string, signal: AbortSignal): Promise<readonly RunningJob[]> {
    const cronJob = await this.#find(name, signal)
    if (cronJob === undefined) return []
    const request = { method: 'GET', path: this.#paths.jobs, doing: `listing the jobs of ${name}` } as const
    const { items } = await this.#connection.list<Job>(request, signal)
    const counted = new Set((cronJob.status?.active ?? []).map(({ uid }) => uid))
    return items
      .filter((job) => controlledBy(job, cronJob.metadata.uid) && runs(job))
      .map(({ metadata }) => ({
        name: metadata.name,
        createdAt: metadata.creationTimestamp,
        byHand: !counted.has(metadata.uid),
      }))
      .toSorted((a, b) => (a.createdAt ?? '').localeCompare(b.createdAt ?? '') || a.name.localeCompare(b.name))
  }

  /** Sends the request of `runNow` for a CronJob as it would stand, for the server to try it and store nothing. */
  async tryJob(cronJob: KubernetesObject, jobName: string, signal: AbortSignal): Promise<void> {
    const doing = `trying to start job ${jobName}`
    const existing = await this.#connection.find<Job>(
      { method: 'GET', path: `${this.#paths.jobs}/${jobName}`, doing },
      signal,
    )
    // This run has made it already; a quota that it fills must not refuse it once more.
    if (existing !== undefined) return
    const query = { fieldManager, dryRun: 'All' }
    const body = jobFrom(cronJob, jobName)
    await this.#connection.json<Job>({ method: 'POST', path: this.#paths.jobs, query, body, doing }, signal)
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

  /** Reads the last lines that the Job's pods have logged, the oldest pod first. A pod that never started has none. */
  async #logs(job: Job, signal: AbortSignal): Promise<readonly string[]> {
    const { name, uid } = job.metadata
    const query = { labelSelector: `job-name=${name}` }
    const doing = `reading the logs of job ${name}`
    const list = await this.#connection.list<Pod>({ method: 'GET', path: this.#paths.pods, query, doing }, signal)
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

/** Tells whether a Job has not ended, or has pods that have not; one that is suspended has none. */
function runs({ spec, status = {} }: Job): boolean {
  const left = (status.active ?? 0) + (status.terminating ?? 0)
  const ended = ['Complete', 'Failed'].some((type) => conditionOf(status.conditions, type)?.status === 'True')
  return left > 0 || (!ended && spec?.suspend !== true)
}

/** Makes the Job that `kubectl create job --from` would send. */
function jobFrom({ metadata, spec }: CronJob | KubernetesObject, name: string): object {
  const jobTemplate = isMap(spec) && isMap(spec.jobTemplate) ? spec.jobTemplate : {}
  const { labels, annotations } = isMap(jobTemplate.metadata) ? jobTemplate.metadata : {}
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: {
      name,
      ...(isMap(labels) ? { labels } : {}),
      annotations: { ...(isMap(annotations) ? annotations : {}), 'cronjob.kubernetes.io/instantiate': 'manual' },
      ownerReferences: [
        { apiVersion: 'batch/v1', kind: 'CronJob', name: metadata.name, uid: metadata.uid, controller: true },
      ],
    },
    spec: jobTemplate.spec,
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
