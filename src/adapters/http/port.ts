export { NoAnswer, type NoAnswerReason } from './errors.ts'

/** A plain look at a health URL. */
export interface HealthProbe {
  get(url: string, signal: AbortSignal): Promise<{ readonly status: number; readonly milliseconds: number }>
}
