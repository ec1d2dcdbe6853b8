import {
  type ApiList,
  type ClusterEvent,
  conditionOf,
  type ContainerStatus,
  controlledBy,
  type CronJob,
  type Deployment,
  type Job,
  type Pod,
  type PodTemplate,
  selectorText,
} from './api/objects.ts'
import type { Connection } from './api/connection.ts'
import { ClusterError } from './api/errors.ts'
import type { Paths } from './api/paths.ts'
import type { CronJobExamination, JobExamination, JobPod, LogLine, LogPart, PodExamination } from './port.ts'

/** A log line is seldom longer; a container that writes more at its start is read as far as this. */
const BYTES_PER_LINE = 500
const MOST_JOBS = 10
const MOST_WARNINGS = 5

export async function examinePods(
  connection: Connection,
  paths: Paths,
  { name, container }: { readonly name: string; readonly container: string },
  signal: AbortSignal,
): Promise<readonly PodExamination[] | undefined> {
  const doing = `reading deployment ${name}`
  const deployment = await connection.find<Deployment>(
    { method: 'GET', path: `${paths.deployments}/${name}`, doing },
    signal,
  )
  if (deployment === undefined) return undefined
  const pods = await podsOf(connection, paths, selectorText(deployment.spec.selector), signal)
  return pods
    .filter((pod) => pod.metadata.deletionTimestamp === undefined && isOfReplicaSet(pod))
    .map((pod) => {
      const status = pod.status?.containerStatuses?.find((one) => one.name === container)
      return {
        name: pod.metadata.name,
        ready: conditionOf(pod.status?.conditions, 'Ready')?.status === 'True',
        startedAt: status?.state?.running?.startedAt,
        restarts: status?.restartCount ?? 0,
        waiting: waitingOf(status),
        annotations: pod.metadata.annotations ?? {},
      }
    })
}

/** A selector may catch pods of Jobs too. */
function isOfReplicaSet({ metadata }: Pod): boolean {
  return metadata.ownerReferences?.some((owner) => owner.controller === true && owner.kind === 'ReplicaSet') === true
}

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
    connection.json<ApiList<Job>>({ method: 'GET', path: paths.jobs, doing: 'listing jobs' }, signal),
    connection.json<ApiList<ClusterEvent>>({ method: 'GET', path: paths.events, doing: 'listing events' }, signal),
  ])
  const own = jobs.items
    .filter((job) => controlledBy(job, found.metadata.uid))
    .sort((a, b) => (b.metadata.creationTimestamp ?? '').localeCompare(a.metadata.creationTimestamp ?? ''))
    .slice(0, MOST_JOBS)
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
    warnings: warningsAbout([name, ...own.map((job) => job.metadata.name)], events.items),
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
  const pods = complete ? [] : await podsOf(connection, paths, `job-name=${name}`, signal)
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
    waiting: waitingOf(container),
    exitCode: container?.state?.terminated?.exitCode ?? container?.lastState?.terminated?.exitCode,
    restarts: container?.restartCount ?? 0,
  }
}

async function podsOf(
  connection: Connection,
  paths: Paths,
  labelSelector: string,
  signal: AbortSignal,
): Promise<readonly Pod[]> {
  const request = { method: 'GET', path: paths.pods, query: { labelSelector }, doing: 'listing pods' } as const
  return (await connection.json<ApiList<Pod>>(request, signal)).items
}

/** Of a pod that is being made, the reason is nothing to worry about yet. */
function waitingOf(status: ContainerStatus | undefined): string | undefined {
  const { reason, message } = status?.state?.waiting ?? {}
  if (reason === undefined || reason === 'ContainerCreating' || reason === 'PodInitializing') return undefined
  return message === undefined ? reason : `${reason}: ${message}`
}

function warningsAbout(names: readonly string[], events: readonly ClusterEvent[]): readonly string[] {
  const timeOf = (event: ClusterEvent) => event.lastTimestamp ?? event.eventTime ?? ''
  return events
    .filter(({ type, involvedObject }) => type === 'Warning' && names.includes(involvedObject?.name ?? ''))
    .sort((a, b) => timeOf(b).localeCompare(timeOf(a)))
    .slice(0, MOST_WARNINGS)
    .map(({ reason, message }) => `${reason ?? 'Warning'}: ${message ?? ''}`)
}

export async function readLog(
  connection: Connection,
  paths: Paths,
  { pod, container, from, lines, previous }: LogPart,
  signal: AbortSignal,
): Promise<readonly LogLine[]> {
  const query = {
    timestamps: true,
    ...(container === undefined ? {} : { container }),
    ...(previous === true ? { previous } : {}),
    ...(from === 'end' ? { tailLines: lines } : { limitBytes: lines * BYTES_PER_LINE }),
  }
  const request = { method: 'GET', path: paths.log(pod), query, doing: `reading the log of ${pod}` } as const
  try {
    const text = await connection.text(request, signal)
    // A log that was cut at so many bytes may end within a line.
    const whole = from === 'start' && !text.endsWith('\n') ? text.slice(0, text.lastIndexOf('\n') + 1) : text
    return whole
      .split('\n')
      .filter((line) => line !== '')
      .slice(0, lines)
      .map((line) => {
        const space = line.indexOf(' ')
        const [timestamp, rest] = space < 0 ? [line, ''] : [line.slice(0, space), line.slice(space + 1)]
        return { pod, container: container ?? '', timestamp, text: rest }
      })
  } catch (error) {
    // 400: not started yet, or there was no run before. 404: the pod went away meanwhile.
    if (error instanceof ClusterError && (error.status === 400 || error.status === 404)) return []
    throw error
  }
}
