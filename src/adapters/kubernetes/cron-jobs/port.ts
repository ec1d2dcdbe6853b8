import type { KubernetesObject } from '../manifests/port.ts'

export interface CronJobs {
  /** Undefined when there is no such CronJob. */
  cronJob(name: string, signal: AbortSignal): Promise<CronJobState | undefined>
  suspendCronJob(name: string, suspended: boolean, signal: AbortSignal): Promise<void>
  /** Deletes the CronJob; the cluster deletes its Jobs in the background. Missing is fine. */
  deleteCronJob(name: string, signal: AbortSignal): Promise<void>
  /**
   * Makes a Job as `kubectl create job --from` does, waits until it is complete or failed, and brings its last log lines. A
   * Job of this name that the CronJob owns already is waited for instead, so repeating is safe.
   */
  runCronJobNow(cronJob: string, jobName: string, signal: AbortSignal): Promise<JobOutcome>
  /** Undefined when there is no such CronJob. */
  examineCronJob(name: string, signal: AbortSignal): Promise<CronJobExamination | undefined>
}

export interface CronJobState {
  readonly name: string
  readonly schedule: string
  /** IANA name. Undefined means the controller's own zone, which is UTC as a rule. */
  readonly timeZone: string | undefined
  /** Without one the controller gives up on a CronJob that missed more than 100 times. */
  readonly startingDeadlineSeconds: number | undefined
  readonly suspended: boolean
  /** RFC 3339, as the two below. */
  readonly createdAt: string | undefined
  readonly lastScheduleTime: string | undefined
  readonly lastSuccessfulTime: string | undefined
  readonly active: number
  /** The object as it can be applied again: no status, no server-side fields. */
  readonly manifest: KubernetesObject
}

export interface JobOutcome {
  readonly name: string
  readonly succeeded: boolean
  readonly reason: string | undefined
  readonly logs: readonly string[]
}

/** What `describe cronjob`, `get jobs` and `get pods` tell together. */
export interface CronJobExamination {
  readonly schedule: string
  readonly timeZone: string | undefined
  readonly suspended: boolean
  readonly concurrencyPolicy: string
  readonly startingDeadlineSeconds: number | undefined
  readonly createdAt: string
  readonly lastScheduleTime: string | undefined
  readonly lastSuccessfulTime: string | undefined
  /** Of its first container. */
  readonly image: string
  /** Newest first. */
  readonly jobs: readonly JobExamination[]
  /** Warnings about the CronJob and its Jobs, newest first: "TooManyMissedTimes: …". */
  readonly warnings: readonly string[]
}

export interface JobExamination {
  readonly name: string
  readonly createdAt: string
  readonly outcome: 'running' | 'complete' | 'failed'
  /** Of a failed one: "BackoffLimitExceeded: …". */
  readonly reason: string | undefined
  /** Newest first; none are listed for a Job that is complete. */
  readonly pods: readonly JobPod[]
}

export interface JobPod {
  readonly name: string
  readonly phase: string
  /** "ErrImagePull: …" */
  readonly waiting: string | undefined
  readonly exitCode: number | undefined
  readonly restarts: number
}
