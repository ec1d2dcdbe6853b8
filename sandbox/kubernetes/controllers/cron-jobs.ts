import { Cron } from 'croner'

import { withDefaults, withJobSelector } from '../admission.ts'
import { conditionOf, type CronJob, type Job, ownedBy, timestamp } from '../objects.ts'
import { cronJobs, jobs } from '../resources.ts'
import type { Store } from '../store.ts'
import { deleteObject } from './garbage.ts'
import { isFinished } from './jobs.ts'
import { OwningController } from './owning-controller.ts'
import { keyFor } from './work-queue.ts'

/** The controller gives up counting missed times here and says so. */
const MANY_MISSED = 100

export class CronJobController extends OwningController<CronJob> {
  constructor(store: Store) {
    super(store, { component: 'cronjob-controller', owner: cronJobs, owned: jobs })
  }

  protected override sync(found: CronJob): void {
    const own = this.store.list<Job>(jobs, found.metadata.namespace).filter((job) => ownedBy(job, found))
    const cronJob = this.#settleStatus(found, own)
    this.#trimHistory(cronJob, own)
    if (cronJob.spec.suspend) return
    const due = this.#mostRecentDue(cronJob)
    if (due !== undefined) this.#start(cronJob, own, due)
    const next = pattern(cronJob).nextRun()
    if (next !== null) this.queue.addAfter(keyFor(found), next.getTime() - Date.now() + 20)
  }

  /** Drops finished Jobs from `active` and remembers the last success. */
  #settleStatus(cronJob: CronJob, own: readonly Job[]): CronJob {
    const active = (cronJob.status.active ?? []).filter((reference) => {
      const job = own.find((one) => one.metadata.uid === reference.uid)
      if (job === undefined || !isFinished(job)) return job !== undefined
      const status = conditionOf(job.status.conditions, 'Complete') ? 'Complete' : 'Failed'
      const text = `Saw completed job: ${reference.name}, status: ${status}`
      this.events.record(cronJob, 'Normal', 'SawCompletedJob', text)
      return false
    })
    for (const job of own)
      if (!isFinished(job) && !active.some((reference) => reference.uid === job.metadata.uid))
        this.events.record(
          cronJob,
          'Warning',
          'UnexpectedJob',
          `Saw a job that the controller did not create or forgot: ${job.metadata.name}`,
        )
    const successes = own.map((job) => job.status.completionTime).filter((time) => time !== undefined)
    const lastSuccessfulTime = [...successes, cronJob.status.lastSuccessfulTime].filter(Boolean).sort().at(-1)
    const { active: _, ...status } = cronJob.status
    return this.store.update<CronJob>(cronJobs, {
      ...cronJob,
      status: {
        ...(active.length > 0 ? { active } : {}),
        ...status,
        ...(lastSuccessfulTime === undefined ? {} : { lastSuccessfulTime }),
      },
    })
  }

  #trimHistory(cronJob: CronJob, own: readonly Job[]): void {
    const { successfulJobsHistoryLimit, failedJobsHistoryLimit } = cronJob.spec
    const limits = [
      ['Complete', successfulJobsHistoryLimit],
      ['Failed', failedJobsHistoryLimit],
    ] as const
    for (const [type, limit] of limits) {
      const ended = own.filter((job) => conditionOf(job.status.conditions, type) !== undefined)
      const oldestFirst = ended.sort((a, b) => ((a.status.startTime ?? '') < (b.status.startTime ?? '') ? -1 : 1))
      for (const job of oldestFirst.slice(0, Math.max(0, ended.length - limit)))
        deleteObject(this.store, jobs, job, 'Background')
    }
  }

  /** Times missed while suspended or down count too: only the latest of them is started. */
  #mostRecentDue(cronJob: CronJob): Date | undefined {
    const { lastScheduleTime } = cronJob.status
    const { startingDeadlineSeconds } = cronJob.spec
    const earliest = Date.parse(lastScheduleTime ?? cronJob.metadata.creationTimestamp ?? '')
    const oldest = startingDeadlineSeconds === undefined ? earliest : Date.now() - startingDeadlineSeconds * 1_000
    const from = new Date(Math.max(earliest, oldest))
    const cron = pattern(cronJob)
    const missed = cron.nextRuns(MANY_MISSED + 1, from).filter((at) => at.getTime() <= Date.now())
    if (missed.length > MANY_MISSED)
      this.events.record(
        cronJob,
        'Warning',
        'TooManyMissedTimes',
        'too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew',
      )
    return missed.length > MANY_MISSED ? cron.previousRuns(1)[0] : missed.at(-1)
  }

  #start(cronJob: CronJob, own: readonly Job[], due: Date): void {
    const active = own.filter((job) => cronJob.status.active?.some(({ uid }) => uid === job.metadata.uid))
    if (active.length > 0 && cronJob.spec.concurrencyPolicy === 'Forbid') {
      const text = 'Not starting job because prior execution is running and concurrency policy is Forbid'
      this.events.record(cronJob, 'Normal', 'JobAlreadyActive', text)
      return
    }
    if (cronJob.spec.concurrencyPolicy === 'Replace')
      for (const job of active) deleteObject(this.store, jobs, job, 'Background')
    const name = `${cronJob.metadata.name}-${Math.floor(due.getTime() / 60_000)}`
    const existing = this.store.get<Job>(jobs, cronJob.metadata.namespace, name)
    const job = existing ?? this.store.create<Job>(jobs, jobFor(cronJob, name), withJobSelector)
    if (existing === undefined)
      this.events.record(cronJob, 'Normal', 'SuccessfulCreate', `Created job ${job.metadata.name}`)
    const { metadata } = job
    const reference = {
      kind: 'Job',
      namespace: metadata.namespace ?? '',
      name,
      uid: metadata.uid ?? '',
      apiVersion: 'batch/v1',
      resourceVersion: metadata.resourceVersion ?? '',
    }
    const kept = cronJob.spec.concurrencyPolicy === 'Replace' ? [] : (cronJob.status.active ?? [])
    const status = { ...cronJob.status, active: [...kept, reference], lastScheduleTime: timestamp(due) }
    this.store.update<CronJob>(cronJobs, { ...cronJob, status })
  }
}

function pattern(cronJob: CronJob): Cron {
  return new Cron(cronJob.spec.schedule, { paused: true, timezone: cronJob.spec.timeZone ?? 'UTC' })
}

function jobFor(cronJob: CronJob, name: string): Job {
  const { jobTemplate } = cronJob.spec
  const { creationTimestamp: _, labels, annotations } = jobTemplate.metadata ?? {}
  const owner = {
    apiVersion: 'batch/v1',
    kind: 'CronJob',
    name: cronJob.metadata.name,
    uid: cronJob.metadata.uid ?? '',
    controller: true,
    blockOwnerDeletion: true,
  }
  const job: Job = {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: {
      name,
      ...(cronJob.metadata.namespace === undefined ? {} : { namespace: cronJob.metadata.namespace }),
      ...(labels ? { labels } : {}),
      ...(annotations ? { annotations } : {}),
      ownerReferences: [owner],
    },
    spec: jobTemplate.spec,
    status: {},
  }
  return withDefaults(jobs, job) as Job
}
