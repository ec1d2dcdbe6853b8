import type { Logger } from 'pino'
import type { Sweeps } from '../store/due-work.ts'
import type { Publisher } from './publisher.ts'

interface QueueAway {
  readonly sweeps: Pick<Sweeps, 'noteQueueAway' | 'unlessElsewhere' | 'unpublished'>
  readonly publisher: Pick<Publisher, 'handle'>
  readonly log: Logger
}

const boardsAtOnce = 20

/** A publish job ends by asking for another one, which here the next look is. */
class LookAgain extends Error {}

/**
 * Says on the boards that work waits, and why, while the queue takes no jobs. Boards are jobs too, so they are published
 * here without one, by one process at a time.
 */
export async function tellThatWorkWaits({ sweeps, publisher, log }: QueueAway, why: string): Promise<void> {
  await sweeps.noteQueueAway(why)
  const later = () => Promise.reject(new LookAgain())
  await sweeps.unlessElsewhere('publish-without-queue', async () => {
    for (const run of (await sweeps.unpublished()).slice(0, boardsAtOnce))
      await publisher.handle({ data: { run }, defer: later, requeue: later }).catch((error: unknown) => {
        if (!(error instanceof LookAgain)) log.warn({ err: error, run }, 'publishing while the queue is away')
      })
  })
}
