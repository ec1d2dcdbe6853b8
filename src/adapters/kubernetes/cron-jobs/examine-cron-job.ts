import {
  type ApiObject,
  type ClusterEvent,
  conditionOf,
  controlledBy,
  type CronJob,
  type Job,
  type Pod,
  type PodTemplate,
} from '../api/objects.ts'
import type { Connection } from '../api/connection.ts'
import type { Paths } from '../api/paths.ts'
import { listPods, waitingReason } from '../pods/pods.ts'
import type { CronJobExamination, JobExamination, JobPod } from './port.ts'

const mostJobs = 10
const mostWarnings = 5

export async function examineCronJob(
  connection: Connection,
  paths: Paths,
  name: string,
  signal: AbortSignal,
): Promise<CronJobExamination | undefined> {
  const doing = `reading cronjob ${name}`
  const found = await connection.find<CronJob>({ method: 'GET', path: `${paths.cronJobs}/${name}`, doing }, signal)
  if (found === undefined) return undefined
  const [jobs, events] = await Promise.all([
    connection.list<Job>({ method: 'GET', path: paths.jobs, doing: 'listing jobs' }, signal),
    connection.list<ClusterEvent>({ method: 'GET', path: paths.events, doing: 'listing events' }, signal),
  ])
  const own = jobs.items
    .filter((job) => controlledBy(job, found.metadata.uid))
    .sort((a, b) => (b.metadata.creationTimestamp ?? '').localeCompare(a.metadata.creationTimestamp ?? ''))
    .slice(0, mostJobs)
  const { spec, status = {}, metadata } = found
  const template = (spec.jobTemplate.spec as { readonly template?: PodTemplate }).template
  return {
    schedule: spec.schedule,
    timeZone: spec.timeZone,
    suspended: spec.suspend === true,
    concurrencyPolicy: spec.concurrencyPolicy ?? 'Allow',
    startingDeadlineSeconds: spec.startingDeadlineSeconds,
    createdAt: metadata.creationTimestamp ?? '',
    lastScheduleTime: status.lastScheduleTime,
    lastSuccessfulTime: status.lastSuccessfulTime,
    image: template?.spec.containers[0]?.image ?? '',
    jobs: await Promise.all(own.map((job) => examineJob(connection, paths, job, signal))),
    warnings: warningsAbout([found, ...own], events.items),
  }
}

async function examineJob(
  connection: Connection,
  paths: Paths,
  job: Job,
  signal: AbortSignal,
): Promise<JobExamination> {
  const { name, uid, creationTimestamp = '' } = job.metadata
  const failed = conditionOf(job.status?.conditions, 'Failed')
  const complete = conditionOf(job.status?.conditions, 'Complete')?.status === 'True'
  const pods = complete ? [] : await listPods(connection, paths, `job-name=${name}`, signal)
  return {
    name,
    createdAt: creationTimestamp,
    outcome: complete ? 'complete' : failed?.status === 'True' ? 'failed' : 'running',
    reason: failed?.status === 'True' ? [failed.reason, failed.message].filter(Boolean).join(': ') : undefined,
    pods: pods
      .filter((pod) => controlledBy(pod, uid))
      .sort((a, b) => (b.metadata.creationTimestamp ?? '').localeCompare(a.metadata.creationTimestamp ?? ''))
      .map(jobPod),
  }
}

function jobPod({ metadata, status }: Pod): JobPod {
  const container = status?.containerStatuses?.[0]
  return {
    name: metadata.name,
    phase: status?.phase ?? 'Unknown',
    waiting: waitingReason(container),
    exitCode: container?.state?.terminated?.exitCode ?? container?.lastState?.terminated?.exitCode,
    restarts: container?.restartCount ?? 0,
  }
}

/**
 * The controller warns of every Job that it did not start itself (`kubectl create job --from`, Purser's own tries): that
 * says nothing about the CronJob.
 */
const noWarning = new Set(['UnexpectedJob'])

/** Lists warnings about these very objects: another one of the same name, before it or of another kind, is none of them. */
function warningsAbout(objects: readonly ApiObject[], events: readonly ClusterEvent[]): readonly string[] {
  const uids = new Set(objects.map(({ metadata }) => metadata.uid))
  const timeOf = (event: ClusterEvent) => event.lastTimestamp ?? event.eventTime ?? ''
  return events
    .filter(({ type, reason }) => type === 'Warning' && !noWarning.has(reason ?? ''))
    .filter(({ involvedObject }) => uids.has(involvedObject?.uid ?? ''))
    .sort((a, b) => timeOf(b).localeCompare(timeOf(a)))
    .slice(0, mostWarnings)
    .map(({ reason, message }) => `${reason ?? 'Warning'}: ${message ?? ''}`)
}
