import type { KubernetesObject } from '../manifests/port.ts'
import type { Claim, FieldOwner } from '../owners/port.ts'

export interface CronJobs {
  /** Reads the CronJob; undefined when there is none. */
  cronJob(name: string, signal: AbortSignal): Promise<CronJobState | undefined>
  suspendCronJob(name: string, suspended: boolean, signal: AbortSignal): Promise<void>
  /** Deletes the CronJob; the cluster deletes its Jobs in the background. A missing one is fine. */
  deleteCronJob(name: string, signal: AbortSignal): Promise<void>
  /**
   * Makes a Job as `kubectl create job --from` does, waits until it is complete or failed, and brings its last log
   * lines. A Job of this name that the CronJob owns already is waited for instead, so repeating is safe.
   */
  runCronJobNow(cronJob: string, jobName: string, signal: AbortSignal): Promise<JobOutcome>
  /** Lists the Jobs of the CronJob that have not ended, whoever has started them; none when there is no such CronJob. */
  stillRunning(cronJob: string, signal: AbortSignal): Promise<readonly RunningJob[]>
  /** Tries whether the server would take the Job that `runCronJobNow` makes of this CronJob; nothing is stored. */
  tryJob(cronJob: KubernetesObject, jobName: string, signal: AbortSignal): Promise<void>
  /** Reads all that a diagnosis wants to know of the CronJob; undefined when there is none. */
  examineCronJob(name: string, signal: AbortSignal): Promise<CronJobExamination | undefined>
}

export interface CronJobState {
  readonly name: string
  readonly schedule: string
  /** The IANA name of its zone. Undefined means the controller's own zone, which is UTC as a rule. */
  readonly timeZone: string | undefined
  /**
   * The seconds after which a missed start is given up. Without it the controller gives up a CronJob that missed more
   * than 100.
   */
  readonly startingDeadlineSeconds: number | undefined
  /** What its controller does about a Job that still runs: Allow, Forbid or Replace. */
  readonly concurrencyPolicy: string
  readonly suspended: boolean
  /** The time of its creation, by RFC 3339, as the two below. */
  readonly createdAt: string | undefined
  readonly lastScheduleTime: string | undefined
  readonly lastSuccessfulTime: string | undefined
  readonly active: number
  /** The others who have set its schedule, or suspended or resumed it. */
  readonly owners: readonly FieldOwner[]
  /** Who says that the CronJob as a whole is their own. */
  readonly claims: readonly Claim[]
  /** The object as it can be applied again: no status, no server-side fields. */
  readonly manifest: KubernetesObject
}

export interface RunningJob {
  readonly name: string
  /** The time of its creation, by RFC 3339. */
  readonly createdAt: string | undefined
  /** Whether the controller of the CronJob does not count it, because somebody else has made it. */
  readonly byHand: boolean
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
  /** The image of its first container. */
  readonly image: string
  /** Its Jobs, the newest first. */
  readonly jobs: readonly JobExamination[]
  /** Warnings about the CronJob and its Jobs, the newest first: "TooManyMissedTimes: …". */
  readonly warnings: readonly string[]
}

export interface JobExamination {
  readonly name: string
  readonly createdAt: string
  readonly outcome: 'running' | 'complete' | 'failed'
  /** Why a Job failed: "BackoffLimitExceeded: …". */
  readonly reason: string | undefined
  /** Its pods, the newest first; none are listed for a Job that is complete. */
  readonly pods: readonly JobPod[]
}

export interface JobPod {
  readonly name: string
  readonly phase: string
  /** Why its container waits: "ErrImagePull: …". */
  readonly waiting: string | undefined
  readonly exitCode: number | undefined
  readonly restarts: number
}
