import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { Logger } from 'pino'

const everyMs = 5_000
/** A wait of this length is worth a line: neither Slack nor another worker has noticed it yet. */
const longMs = 200
/** The interval of Node's own timer, which is part of what it measures. */
const resolutionMs = 10

/**
 * Measures how long one piece of work kept everything else waiting, and logs a long wait with what ran in that
 * time: while it lasts no command is acknowledged and no heartbeat is sent. `ran` tells what ran since it was asked
 * last. Each period is logged at the level `debug`. Returns the function that ends it.
 */
export function watchEventLoop(ran: () => readonly string[], log: Logger, periodMs = everyMs): () => void {
  const histogram = monitorEventLoopDelay({ resolution: resolutionMs })
  histogram.enable()
  let due = performance.now() + periodMs
  const period = setInterval(() => {
    const now = performance.now()
    // Reading the histogram makes it forget what has not been measured to its end, so the timer's own delay counts as well.
    const lateMs = Math.round(now - due)
    due = now + periodMs
    const loopDelayMs = {
      p50: milliseconds(histogram.percentile(50)),
      p99: milliseconds(histogram.percentile(99)),
      max: Math.max(milliseconds(histogram.max), lateMs, 0),
    }
    histogram.reset()
    const jobs = ran()
    if (loopDelayMs.max > longMs) log.warn({ loopDelayMs, jobs }, 'the event loop stood still')
    else log.debug({ loopDelayMs, jobs: jobs.length }, 'event loop')
  }, periodMs)
  period.unref()
  return () => {
    clearInterval(period)
    histogram.disable()
  }
}

function milliseconds(nanoseconds: number): number {
  return Math.max(0, Math.round(nanoseconds / 1e6) - resolutionMs)
}
