import pg from 'pg'
import type { Logger } from 'pino'
import {
  type BackendFactory,
  createPostgresBackend,
  createRedisBackend,
  type IQueueBackend,
  type JobsOptions,
  type PostgresConnectionOptions,
  type Queue,
  runMigrations,
  withBackend,
} from 'bullmq'
import type { RedisPlace } from '../config/environment/environment.ts'
import { keepWorking, type TakenJob } from './queue-worker.ts'
import { openRedis, refuseEviction, type RedisClient } from './redis.ts'

/*
 * BullMQ on Redis or on the state database, behind an interface that knows neither. The queue only says "look at this
 * run": what counts is in the state database, and the reconciler fills a lost queue again, so a job may come twice or
 * be lost. A dead worker's job is taken by another one. A job that cannot go on now is deferred or given back, never
 * failed, so that BullMQ's own attempts are not used up. A worker is built anew until its store answers, because one
 * whose first contact failed never recovers, and so is a queue.
 */

export interface OpenQueue<D extends object> {
  /**
   * Adds a job. It rejects within seconds when the store is away or refuses, and at once when the queues are closed: the
   * reconciler adds what the state database still wants.
   */
  add(data: D, options: Pick<JobsOptions, 'jobId' | 'deduplication' | 'priority'>): Promise<void>
  /** Repeats one job for ever; every process may call it. */
  every(milliseconds: number, data: D): Promise<void>
}

export interface QueueSystem {
  readonly store: 'redis' | 'postgres'
  queue<D extends object>(name: string): OpenQueue<D>
  /** Starts a worker that survives a store that is away, also at the first contact. */
  work<D extends object>(name: string, concurrency: number, handle: (job: TakenJob<D>) => Promise<void>): void
  /** Takes no new jobs and waits for the ones under way; jobs can still be added. */
  stopWorking(): Promise<void>
  /**
   * Stops working, and closes the queues after that: a job that ends adds others,
   * and BullMQ never answers an addition to a closed queue on Postgres.
   */
  close(): Promise<void>
}

interface QueueOptions {
  readonly redis: RedisPlace | undefined
  readonly stateDatabaseUrl: string
  /** The name that these queues have to themselves, wherever several Pursers share one store. */
  readonly owner: string
  readonly log: Logger
}

/**
 * Opens the queues, on Redis when there is an address, in Purser's own Postgres otherwise. A dead worker's job is taken
 * by another within about lockDuration + stalledInterval; the state database's heartbeat and the reconciler are usually
 * faster. Raises ConfigError when Redis throws keys away.
 */
export async function openQueues(options: QueueOptions): Promise<QueueSystem> {
  return options.redis === undefined ? openOnPostgres(options) : openOnRedis(options.redis, options)
}

const schema = 'bullmq'
/** The time for adding a job: whoever pressed a button waits for it. */
const addLimitMs = 2_500
/** The time that a start waits for Redis; without it commands are answered all the same. */
const firstContactMs = 10_000

async function openOnPostgres({ stateDatabaseUrl, owner, log }: QueueOptions): Promise<QueueSystem> {
  const pool = new pg.Pool({
    connectionString: stateDatabaseUrl,
    // Six workers listen all the time; queues and short statements share the rest.
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
  const names = { in: (name: string) => `${owner}-${name}` }
  const system = systemOn('postgres', createPostgresBackend, { queue: connection, worker: connection, names }, log)
  return {
    ...system,
    close: async () => {
      await system.close()
      await pool.end()
    },
  }
}

async function openOnRedis(place: RedisPlace, { owner, log }: QueueOptions): Promise<QueueSystem> {
  const onError = (error: Error) => log.warn({ err: error }, 'queue store connection lost')
  // Adding must fail at once while Redis is away, or the answer to a click would hang; working may wait.
  const prompt = { enableOfflineQueue: false, maxRetriesPerRequest: 1, commandTimeout: addLimitMs }
  const adding = openRedis(place, prompt, onError)
  const working = openRedis(place, { maxRetriesPerRequest: null }, onError)
  const close = () => {
    adding.disconnect()
    working.disconnect()
  }
  try {
    if (await isReady(adding, firstContactMs)) await refuseEviction(adding)
    else log.warn("Redis doesn't answer: commands are stored, and what they start waits for it")
  } catch (error) {
    close()
    throw error
  }
  // Every key of one BullMQ script must be in one slot of a cluster, so the name is a hash tag.
  const names = { in: (name: string) => name, prefix: `{${owner}}` }
  const system = systemOn('redis', createRedisBackend, { queue: adding, worker: working, names }, log)
  return { ...system, close: () => system.close().finally(close) }
}

async function isReady(connection: RedisClient, withinMs: number): Promise<boolean> {
  if (connection.status === 'ready') return true
  let limit: NodeJS.Timeout | undefined
  const ready = await new Promise<boolean>((resolve) => {
    connection.once('ready', () => resolve(true))
    limit = setTimeout(() => resolve(false), withinMs)
  })
  clearTimeout(limit)
  return ready
}

interface Connections<C> {
  readonly queue: C
  readonly worker: C
  readonly names: { readonly in: (name: string) => string; readonly prefix?: string }
}

function systemOn<B extends IQueueBackend, C>(
  store: QueueSystem['store'],
  factory: BackendFactory<B, C>,
  { queue: connection, worker, names }: Connections<C>,
  log: Logger,
): QueueSystem {
  const classes = withBackend(factory)
  const workers: (() => Promise<void>)[] = []
  const queues: (() => Promise<void>)[] = []
  let closed = false
  const allOf = async (closers: readonly (() => Promise<void>)[]): Promise<void> => {
    for (const ended of await Promise.allSettled(closers.map((close) => close())))
      if (ended.status === 'rejected') log.warn({ err: ended.reason as unknown }, 'closing a queue')
  }
  const prefix = names.prefix === undefined ? {} : { prefix: names.prefix }
  // Finished jobs are removed: a kept one would make a later add with its id a silent no-op.
  const gone = { removeOnComplete: true, removeOnFail: true } as const
  return {
    store,
    queue<D extends object>(name: string): OpenQueue<D> {
      type Built = Queue<D, void, string>
      let built: Built | undefined
      const using = async (use: (queue: Built) => Promise<unknown>): Promise<void> => {
        if (closed) throw new Error('the queues are closed, as this process ends')
        if (built === undefined) {
          built = new classes.Queue<D, void, string>(names.in(name), { connection, ...prefix }) as unknown as Built
          built.on('error', (error) => log.debug({ err: error, queue: name }, 'queue error'))
        }
        const queue = built
        const ready = queue.waitUntilReady().catch((error: unknown) => {
          if (built === queue) built = undefined
          void queue.close().catch(() => undefined)
          throw error
        })
        await withinLimit(ready.then(() => use(queue)))
      }
      queues.push(async () => built?.close())
      return {
        add: (data, options) => using((queue) => queue.add('job' as never, data as never, { ...options, ...gone })),
        every: (milliseconds, data) =>
          using((queue) =>
            queue.upsertJobScheduler(
              name as never,
              { every: milliseconds },
              { name: 'job' as never, data: data as never, opts: gone },
            ),
          ),
      }
    },
    work(name, concurrency, handle) {
      const options = { connection: worker, ...prefix }
      workers.push(keepWorking(classes.Worker, { name: names.in(name), options, concurrency, handle, log }))
    },
    stopWorking: () => allOf(workers),
    close: async () => {
      await allOf(workers)
      closed = true
      await allOf(queues)
    },
  }
}

/** Rejects when it takes too long: a closed or lost store of BullMQ may never answer. */
async function withinLimit<T>(work: Promise<T>): Promise<T> {
  let limit: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    limit = setTimeout(
      () => reject(new Error(`the queue store has not answered within ${addLimitMs / 1_000} s`)),
      addLimitMs,
    )
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(limit)
  }
}
