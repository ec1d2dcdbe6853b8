export { NoAnswer, type NoAnswerReason } from './errors.ts'

/** Asks a health URL plainly. */
export interface HealthProbe {
  get(url: string, signal: AbortSignal): Promise<{ readonly status: number; readonly milliseconds: number }>
}
