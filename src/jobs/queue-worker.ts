import { DelayedError, type IQueueBackend, type Job, type withBackend, WaitingError, type WorkerOptions } from 'bullmq'
import type { Logger } from 'pino'

/** A job as its handler sees it. The two exits throw: nothing after them runs. */
export interface TakenJob<D> {
  readonly data: D
  /** Runs this job again after `ms`, and uses up no attempt. */
  defer(ms: number): Promise<never>
  /** Gives the job to another worker at once, as this process ends. */
  requeue(): Promise<never>
}

/**
 * A worker that could not reach its store looks again after a second. BullMQ's own 15 s would be longer than a
 * failover may keep a deploy waiting.
 */
const timing = { lockDuration: 10_000, stalledInterval: 4_000, maxStalledCount: 20, runRetryDelay: 1_000 } as const
const reconnectPauseMs = 1_000

interface Work<C, D> {
  /** The queue's name in its store. */
  readonly name: string
  readonly options: { readonly connection: C; readonly prefix?: string }
  readonly concurrency: number
  readonly handle: (job: TakenJob<D>) => Promise<void>
  readonly log: Logger
}

/**
 * Starts a worker by hand, after it said that it is ready, and builds it anew when it is not: one whose first contact
 * fails is dead for ever on Postgres (its readiness is remembered), and may spin. Returns how it is closed: it takes
 * nothing more, and waits for what is under way.
 */
export function keepWorking<B extends IQueueBackend, C, D extends object>(
  Worker: ReturnType<typeof withBackend<B, C>>['Worker'],
  { name, options, concurrency, handle, log }: Work<C, D>,
): () => Promise<void> {
  const closing = new AbortController()
  let building: { close(force?: boolean): Promise<void> } | undefined
  let current: { close(force?: boolean): Promise<void> } | undefined
  const all: WorkerOptions<C> = { ...options, concurrency, autorun: false, ...timing }
  const started = (async () => {
    while (!closing.signal.aborted) {
      const worker = new Worker<D, void, string>(name, (job, token) => handle(taken(job, token)), all)
      worker.on('error', (error) => log.debug({ err: error, queue: name }, 'worker error'))
      worker.on('failed', (_job, error) => log.error({ err: error, queue: name }, 'job failed'))
      building = worker
      try {
        await worker.waitUntilReady()
        if (closing.signal.aborted) return
        current = worker
        void worker.run().catch((error: unknown) => log.error({ err: error, queue: name }, 'worker stopped'))
        return
      } catch (error) {
        log.warn({ err: error, queue: name }, 'queue store not reachable, trying again')
        await worker.close(true).catch(() => undefined)
        await new Promise((resolve) => setTimeout(resolve, reconnectPauseMs))
      }
    }
  })()
  return async () => {
    closing.abort()
    // BullMQ remembers that it is closing: a second call waits for the first.
    if (current !== undefined) return current.close()
    // Its store has not answered yet, and may never do.
    await building?.close(true)
    await Promise.race([started, new Promise((resolve) => setTimeout(resolve, reconnectPauseMs))])
  }
}

function taken<D>(job: Job<D, void, string>, token: string | undefined): TakenJob<D> {
  return {
    data: job.data,
    defer: async (ms) => {
      await job.moveToDelayed(Date.now() + ms, token)
      throw new DelayedError()
    },
    requeue: async () => {
      if (token !== undefined) await job.moveToWait(token)
      throw new WaitingError()
    },
  }
}
