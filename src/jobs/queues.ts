import { Redis } from 'ioredis'
import pg from 'pg'
import type { Logger } from 'pino'
import {
  type BackendFactory,
  createPostgresBackend,
  createRedisBackend,
  DelayedError,
  type IQueueBackend,
  type Job,
  type JobsOptions,
  type PostgresConnectionOptions,
  runMigrations,
  WaitingError,
  withBackend,
  type WorkerOptions,
} from 'bullmq'

/*
 * BullMQ on Redis or on the state database, behind an interface that knows neither. The queue only says "look at this
 * run": what counts is in the state database, and the reconciler fills a lost queue again, so a job may come twice or
 * be lost. A dead worker's job is taken by another one. A job that cannot go on now is deferred or given back, never
 * failed, so that BullMQ's own attempts are not used up. A worker is built anew until its store answers, because one
 * whose first contact failed never recovers.
 */

/** A job as its handler sees it. The two exits throw: nothing after them runs. */
export interface TakenJob<D> {
  readonly data: D
  /** Runs this job again after `ms`, and uses up no attempt. */
  defer(ms: number): Promise<never>
  /** Gives the job to another worker at once, as this process ends. */
  requeue(): Promise<never>
}

export interface OpenQueue<D extends object> {
  /** Adds a job. It rejects at once when the store is away: the reconciler adds what the state database still wants. */
  add(data: D, options: Pick<JobsOptions, 'jobId' | 'deduplication'>): Promise<void>
  /** Repeats one job for ever; every process may call it. */
  every(milliseconds: number, data: D): Promise<void>
}

export interface QueueSystem {
  readonly store: 'redis' | 'postgres'
  queue<D extends object>(name: string): OpenQueue<D>
  /** Starts a worker that survives a store that is away, also at the first contact. */
  work<D extends object>(name: string, concurrency: number, handle: (job: TakenJob<D>) => Promise<void>): void
  /** Takes no new jobs and waits for the ones under way. */
  close(): Promise<void>
}

interface QueueOptions {
  readonly redisUrl: string | undefined
  readonly stateDatabaseUrl: string
  readonly log: Logger
}

/**
 * Opens the queues, on Redis when there is an address, in Purser's own Postgres otherwise. A dead worker's job is taken
 * by another within about lockDuration + stalledInterval; the state database's heartbeat and the reconciler are usually
 * faster.
 */
export async function openQueues(options: QueueOptions): Promise<QueueSystem> {
  return options.redisUrl === undefined ? openOnPostgres(options) : openOnRedis(options.redisUrl, options.log)
}

const schema = 'bullmq'
const workerTiming = { lockDuration: 10_000, stalledInterval: 4_000, maxStalledCount: 20 } as const
const reconnectPauseMs = 1_000

async function openOnPostgres({ stateDatabaseUrl, log }: QueueOptions): Promise<QueueSystem> {
  const pool = new pg.Pool({
    connectionString: stateDatabaseUrl,
    // Four workers listen all the time; queues and short statements share the rest.
    max: 12,
    connectionTimeoutMillis: 5_000,
    application_name: 'purser-queue',
    keepAlive: true,
    // BullMQ's SQL is unqualified and ignores its own schema option when it is given a pool.
    options: `-c search_path=${schema},public`,
  })
  pool.setMaxListeners(50)
  pool.on('error', (error) => log.warn({ err: error }, 'queue store connection lost'))
  const client = await pool.connect()
  try {
    await runMigrations(client, schema)
  } finally {
    client.release()
  }
  // BullMQ takes a pool as it is; its declaration of one is not written for exactOptionalPropertyTypes.
  const connection = pool as unknown as PostgresConnectionOptions
  const system = systemOn('postgres', createPostgresBackend, { queue: connection, worker: connection }, log)
  return { ...system, close: () => system.close().then(() => pool.end()) }
}

async function openOnRedis(url: string, log: Logger): Promise<QueueSystem> {
  const onError = (error: Error) => log.warn({ err: error }, 'queue store connection lost')
  // Adding must fail at once while Redis is away, or the answer to a click would hang; working may wait.
  const adding = new Redis(url, { enableOfflineQueue: false, maxRetriesPerRequest: 1 })
  const working = new Redis(url, { maxRetriesPerRequest: null })
  for (const connection of [adding, working]) connection.on('error', onError)
  await whenReady(adding)
  const system = systemOn('redis', createRedisBackend, { queue: adding, worker: working }, log)
  return {
    ...system,
    close: async () => {
      await system.close()
      adding.disconnect()
      working.disconnect()
    },
  }
}

async function whenReady(connection: Redis): Promise<void> {
  if (connection.status === 'ready') return
  await new Promise<void>((resolve) => connection.once('ready', () => resolve()))
}

function systemOn<B extends IQueueBackend, C>(
  store: QueueSystem['store'],
  factory: BackendFactory<B, C>,
  connection: { readonly queue: C; readonly worker: C },
  log: Logger,
): QueueSystem {
  const classes = withBackend(factory)
  const closers: (() => Promise<void>)[] = []
  return {
    store,
    queue<D extends object>(name: string): OpenQueue<D> {
      const queue = new classes.Queue<D, void, string>(name, { connection: connection.queue })
      queue.on('error', (error) => log.debug({ err: error, queue: name }, 'queue error'))
      closers.push(() => queue.close())
      // Finished jobs are removed: a kept one would make a later add with its id a silent no-op.
      const gone = { removeOnComplete: true, removeOnFail: true } as const
      return {
        add: async (data, options) => {
          await queue.add('job' as never, data as never, { ...options, ...gone })
        },
        every: async (milliseconds, data) => {
          await queue.upsertJobScheduler(
            name as never,
            { every: milliseconds },
            { name: 'job' as never, data: data as never, opts: gone },
          )
        },
      }
    },
    work(name, concurrency, handle) {
      closers.push(keepWorking(classes.Worker, name, connection.worker, concurrency, handle, log))
    },
    close: async () => {
      await Promise.all(closers.map((close) => close()))
    },
  }
}

type AnyWorkerClass<B extends IQueueBackend, C> = ReturnType<typeof withBackend<B, C>>['Worker']

/**
 * Starts a worker by hand, after it said that it is ready, and builds it anew when it is not: one whose first contact
 * fails is dead for ever on Postgres (its readiness is remembered), and may spin.
 */
function keepWorking<B extends IQueueBackend, C, D extends object>(
  Worker: AnyWorkerClass<B, C>,
  name: string,
  connection: C,
  concurrency: number,
  handle: (job: TakenJob<D>) => Promise<void>,
  log: Logger,
): () => Promise<void> {
  const closing = new AbortController()
  let current: { close(force?: boolean): Promise<void> } | undefined
  const options: WorkerOptions<C> = { connection, concurrency, autorun: false, ...workerTiming }
  const started = (async () => {
    while (!closing.signal.aborted) {
      const worker = new Worker<D, void, string>(name, (job, token) => handle(taken(job, token)), options)
      worker.on('error', (error) => log.debug({ err: error, queue: name }, 'worker error'))
      worker.on('failed', (_job, error) => log.error({ err: error, queue: name }, 'job failed'))
      try {
        await worker.waitUntilReady()
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
    await started
    await current?.close()
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
