/** What served when a phase failed, as far as it was seen. */
export interface Serving {
  /** The version of the pods that are ready; missing when they are of two, or of one that the plan does not know. */
  readonly version?: string
  readonly ready: number
  readonly of: number
  /** The status of the health check; missing without an answer. */
  readonly health?: number
}
