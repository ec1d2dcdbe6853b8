/** The pods of one Deployment. */
export interface Pods {
  /** Lists the pods of the Deployment's current ReplicaSet. */
  currentPods(deployment: string, container: string, signal: AbortSignal): Promise<readonly PodState[]>
  /** Sums the container's restarts over the current pods. */
  restarts(deployment: string, container: string, signal: AbortSignal): Promise<number>
  /**
   * Examines the pods of any of the Deployment's ReplicaSets that are not being deleted; undefined when there is no
   * such Deployment.
   */
  examinePods(
    deployment: string,
    container: string,
    signal: AbortSignal,
  ): Promise<readonly PodExamination[] | undefined>
}

export interface PodState {
  readonly name: string
  readonly ready: boolean
  readonly restarts: number
  readonly imageID: string
  readonly image: string
}

/** What a diagnosis wants to know of a pod. */
export interface PodExamination {
  readonly name: string
  readonly ready: boolean
  /** The time at which the container started, by RFC 3339; undefined while it does not run. */
  readonly startedAt: string | undefined
  readonly restarts: number
  /** Why the container waits, "ImagePullBackOff: …"; undefined when it does not. */
  readonly waiting: string | undefined
  readonly annotations: Readonly<Record<string, string>>
}
