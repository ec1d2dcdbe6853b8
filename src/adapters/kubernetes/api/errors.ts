import { type ErrorFacts, PurserError } from '../../../errors.ts'

const clusterCodes = [
  'cluster_config',
  'cluster_credentials',
  'cluster_unreachable',
  'cluster_unauthorized',
  'cluster_forbidden',
  'cluster_not_found',
  'cluster_conflict',
  'cluster_refused',
  'cluster_server_error',
  'cluster_answer_too_large',
  'cluster_no_log',
  'apply_conflict',
  'container_missing',
  'deployment_changed',
  'deployment_paused',
  'secret_immutable',
] as const
type ClusterCode = (typeof clusterCodes)[number]

interface ClusterErrorFacts extends ErrorFacts {
  /** HTTP status of the API's answer, when there was one. */
  readonly status?: number
  /** The API's machine-readable reason, such as `Forbidden`. */
  readonly reason?: string
  /** How long the API asked to wait before the next request. */
  readonly retryAfterMs?: number
  /** Whether no answer came within the request's time limit. */
  readonly timedOut?: boolean
}

/** The cluster refused a request or did not answer. The message names the verb, the object and the API's own words. */
export class ClusterError extends PurserError {
  readonly code: ClusterCode
  readonly status: number | undefined
  readonly reason: string | undefined
  readonly retryAfterMs: number | undefined
  readonly timedOut: boolean

  constructor(code: ClusterCode, message: string, facts: ClusterErrorFacts = {}) {
    super(message, facts)
    this.code = code
    this.status = facts.status
    this.reason = facts.reason
    this.retryAfterMs = facts.retryAfterMs
    this.timedOut = facts.timedOut ?? false
  }
}

interface RolloutFailure {
  readonly deployment: string
  readonly reason: string
  readonly pod?: string
  readonly container?: string
}

/** The new pods cannot come up. Evidence: what the cluster says, the container's last log lines, the pod's events. */
export class RolloutFailed extends PurserError {
  readonly code = 'rollout_failed'
  readonly failure: RolloutFailure

  constructor(failure: RolloutFailure, message: string, evidence: readonly string[]) {
    super(message, { evidence, hint: hintFor(failure.reason) })
    this.failure = failure
  }
}

const hints: Readonly<Record<string, string>> = {
  ErrImagePull: 'Check that the image exists and that the cluster can pull it, then retry the phase.',
  ImagePullBackOff: 'Check that the image exists and that the cluster can pull it, then retry the phase.',
  CrashLoopBackOff: 'Fix the error in the log, or roll back.',
  CreateContainerConfigError: 'Create the Secret or the key that the pod names, then retry the phase.',
  Unschedulable: 'Free or add capacity in the cluster, then retry the phase.',
  FailedCreate: 'Raise the quota or lower the replicas, then retry the phase.',
}

function hintFor(reason: string): string {
  return hints[reason] ?? 'If the version is at fault, roll back. Otherwise retry the phase.'
}
