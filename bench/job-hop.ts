import { pino } from 'pino'
import { openQueues } from '../src/jobs/queues.ts'
import { redisFrom, startTestRedis } from '../test/support/redis.ts'
import type { Result } from './measure.ts'

const warmUp = 20

/** From `add` to the first line of the handler: PostgreSQL (no REDIS_URL) beside Redis. */
export async function measureJobHop(stateDatabaseUrl: string, runs: number): Promise<Result> {
  const redis = await startTestRedis()
  try {
    return {
      what: 'one job hop',
      rival: { name: 'queue on Redis', milliseconds: await hops(redis.url, stateDatabaseUrl, runs) },
      ours: { name: 'queue on PostgreSQL', milliseconds: await hops(undefined, stateDatabaseUrl, runs) },
      runs,
    }
  } finally {
    await redis.close()
  }
}

async function hops(redisUrl: string | undefined, stateDatabaseUrl: string, runs: number): Promise<number[]> {
  const queues = await openQueues({
    redis: redisFrom({ REDIS_URL: redisUrl }),
    stateDatabaseUrl,
    owner: 'purser-bench',
    log: pino({ level: 'silent' }),
  })
  const arrivals = new Map<number, (at: number) => void>()
  queues.work<{ number: number }>('bench', 1, async (job) => arrivals.get(job.data.number)?.(performance.now()))
  const queue = queues.queue<{ number: number }>('bench')
  const times: number[] = []
  try {
    for (let number = 0; number < runs + warmUp; number += 1) {
      const arrived = new Promise<number>((resolve) => arrivals.set(number, resolve))
      const began = performance.now()
      await queue.add({ number }, { jobId: `hop-${number}` })
      const took = (await arrived) - began
      if (number >= warmUp) times.push(took)
    }
  } finally {
    await queues.close()
  }
  return times
}
