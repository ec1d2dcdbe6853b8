import type { Logger } from 'pino'
import { PurserError } from '../errors.ts'
import type { InterruptedRequest, RequestStore } from '../store/requests.ts'

/** Together with the time for which a request is held: another process goes on within 13 s of the end of one. */
const everyMs = 3_000
/** So long it is tried to answer somebody, with Slack or the state database away. */
const givenUpAfterMs = 3_600_000

/**
 * Holds what this process carries out of Slack's requests, and answers what processes left that have ended. Returns how it
 * stops: others take over what is under way then.
 */
export function watchRequests(
  requests: Pick<RequestStore, 'hold' | 'takeOver' | 'release' | 'done'>,
  answer: (interrupted: InterruptedRequest) => Promise<void>,
  log: Logger,
): () => Promise<void> {
  const answered = async (interrupted: InterruptedRequest) => {
    try {
      await answer(interrupted)
    } catch (error) {
      log.error({ err: error, request: interrupted.id }, 'answering a request of Slack that was taken over')
      const passing = !(error instanceof PurserError) || error.transient
      if (passing && interrupted.ageMs < givenUpAfterMs) await requests.release(interrupted.id)
      else await requests.done(interrupted.id)
    }
  }
  const round = async () => {
    await requests.hold()
    for (const interrupted of await requests.takeOver())
      void answered(interrupted).catch((error: unknown) => log.warn({ err: error }, 'giving back a request of Slack'))
  }
  let running: Promise<void> = Promise.resolve()
  let isIdle = true
  const timer = setInterval(() => {
    if (!isIdle) return
    isIdle = false
    running = round()
      .catch((error: unknown) => log.warn({ err: error }, 'looking for requests of Slack that are not done'))
      .finally(() => (isIdle = true))
  }, everyMs)
  timer.unref()
  return async () => {
    clearInterval(timer)
    await running
    await requests
      .release()
      .catch((error: unknown) => log.warn({ err: error }, 'leaving requests of Slack to another process'))
  }
}
