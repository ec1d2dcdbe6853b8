/**
 * Tells the time of a watch, in milliseconds since 1970: the state database's, which is one for all processes, counted on by a clock that
 * nobody sets. A process whose clock is wrong, or jumps, samples as often and ends as late as any other.
 */
export interface WatchClock {
  readonly now: () => number
}

/** `monotonicMs` counts from any time on, and never back. */
export function watchClock(databaseTime: Date, monotonicMs: () => number = () => performance.now()): WatchClock {
  const readAt = monotonicMs()
  return { now: () => databaseTime.getTime() + (monotonicMs() - readAt) }
}
