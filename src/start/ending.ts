import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from 'pino'

/** How a process gives back what it holds. */
export interface Ending {
  /** Stops taking work, lets phases stop and be handed over, and closes everything. It may hang on what is outside. */
  readonly close: () => Promise<void>
  /** Gives back what phases that did not stop still hold; raises when the state database does not take it. */
  readonly handOver: () => Promise<readonly unknown[]>
}

/* Together less than the 20 s after which at the latest a process has ended (docs/operating.md, Stopping). */
const closeLimitMs = 15_000
const handOverLimitMs = 4_000

/** Ends the process at a signal. npm and terminals may each deliver one: the second one changes nothing. */
export function endAtSignal(ending: Ending, log: Logger): void {
  let isEnding = false
  for (const signal of ['SIGTERM', 'SIGINT'] as const)
    process.on(signal, () => {
      if (isEnding) return
      isEnding = true
      void end(ending, log).then((code) => process.exit(code))
    })
}

/**
 * Ends in good order, and after a time limit in any case. The exit code is 0 when nothing is held any more: then another
 * process goes on at once. It is 1 when the state database could not be told: then others find out by the silence.
 */
async function end({ close, handOver }: Ending, log: Logger): Promise<0 | 1> {
  const closed = await Promise.race([
    close().then(
      () => true,
      (error: unknown) => {
        log.error({ err: error }, 'shutting down')
        return false
      },
    ),
    delay(closeLimitMs, undefined).then(() => {
      log.error(`not ended within ${closeLimitMs / 1_000} s: what is still held is handed over, and the process ends`)
      return false
    }),
  ])
  if (closed) return 0
  return Promise.race([
    handOver().then(
      () => 0 as const,
      (error: unknown) => {
        log.error({ err: error }, 'handing over what is still held')
        return 1 as const
      },
    ),
    delay(handOverLimitMs, 1 as const),
  ])
}
