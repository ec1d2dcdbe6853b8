/** Why no answer came. `cut`: the connection was made and broken; `other`: none of these. */
export type NoAnswerReason = 'name' | 'refused' | 'cut' | 'tls' | 'timeout' | 'other'

/** A plain look at a health URL. */
export interface HealthProbe {
  get(url: string, signal: AbortSignal): Promise<{ readonly status: number; readonly milliseconds: number }>
}
