/** The pods of one Deployment. */
export interface Pods {
  /** Pods of the Deployment's current ReplicaSet. */
  currentPods(deployment: string, container: string, signal: AbortSignal): Promise<readonly PodState[]>
  /** Sum of the container's restarts over the current pods. */
  restarts(deployment: string, container: string, signal: AbortSignal): Promise<number>
  /** Pods of any of the Deployment's ReplicaSets that are not being deleted. Undefined: there is no such Deployment. */
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
  /** RFC 3339, of the container; undefined while it does not run. */
  readonly startedAt: string | undefined
  readonly restarts: number
  /** "ImagePullBackOff: …"; undefined when the container does not wait. */
  readonly waiting: string | undefined
  readonly annotations: Readonly<Record<string, string>>
}
