export { NoAnswer, type NoAnswerReason } from './errors.ts'

export interface HealthAnswer {
  readonly status: number
  readonly milliseconds: number
  /** Where the answer sends us, which was not followed, without user, password and query. */
  readonly location?: string
}

/** Asks a health URL plainly. */
export interface HealthProbe {
  get(url: string, signal: AbortSignal): Promise<HealthAnswer>
}
