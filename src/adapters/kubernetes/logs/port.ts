export interface Logs {
  /** Reads a part of a log; empty when the container has not started or is gone. */
  readLog(part: LogPart, signal: AbortSignal): Promise<readonly LogLine[]>
  /**
   * Reads once what every pod of the Deployment has logged since then. A pod whose container has not started has no
   * lines. A pod that logged more than `mostLines` gives the last ones, and is named in `cut`.
   */
  recentLogs(read: LogRange & { readonly mostLines: number }, onLine: OnLine, signal: AbortSignal): Promise<RecentLogs>
  /**
   * Follows every pod of the Deployment, across restarts and new pods, until the signal fires; then it returns
   * normally. No line comes twice after a reconnect. A log that cannot be read for the moment is tried again, and
   * `onGap` told why; it is told undefined as soon as that log is read again, or its pod is gone.
   */
  followLogs(range: LogRange, onLine: OnLine, signal: AbortSignal, onGap?: OnGap): Promise<void>
}

export interface RecentLogs {
  readonly pods: readonly string[]
  readonly cut: readonly string[]
  /** What kubelets said in place of logs that they could not read, each with its pod. */
  readonly unreadable: readonly string[]
}

export type OnGap = (pod: string, why: string | undefined) => void

export interface LogLine {
  readonly pod: string
  readonly container: string
  /** The time as the kubelet stamped it, by RFC 3339 with nanoseconds. */
  readonly timestamp: string
  readonly text: string
}

/**
 * Takes a line. When a promise is returned, the pod's stream is not read on until it settles, so that nothing piles up
 * in memory.
 */
export type OnLine = (line: LogLine) => void | Promise<void>

/** The part of one container's log that is read. */
export interface LogPart {
  readonly pod: string
  /** The name of the container; by default it is the pod's only one. */
  readonly container?: string
  /** Whether the first bytes since the container started are read, or the last lines. */
  readonly from: 'start' | 'end'
  readonly lines: number
  /** Whether the log is that of the container's run before this one. */
  readonly previous?: boolean
}

/** The log of one container in every pod of a Deployment, from a moment on. */
export interface LogRange {
  readonly deployment: string
  readonly container: string
  /** The moment from which on is read, by RFC 3339. */
  readonly since: string
}
