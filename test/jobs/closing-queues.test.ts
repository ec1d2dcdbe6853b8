import { pino } from 'pino'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { openQueues } from '../../src/jobs/queues.ts'
import { startTestPostgres, type TestPostgres } from '../support/postgres.ts'
import { redisFrom, redisIsHere, startTestRedis, type TestRedis } from '../support/redis.ts'

let postgres: TestPostgres
let redis: TestRedis | undefined
beforeAll(async () => {
  postgres = await startTestPostgres()
  redis = redisIsHere ? await startTestRedis() : undefined
})
afterAll(async () => {
  await redis?.close()
  await postgres.close()
})

it.each(['PostgreSQL', ...(redisIsHere ? ['Redis'] : [])])(
  'a job that ends while its process closes still adds others, on %s',
  async (store) => {
    const queues = await openQueues({
      redis: store === 'Redis' ? redisFrom({ REDIS_URL: redis?.url }) : undefined,
      stateDatabaseUrl: await postgres.database(),
      owner: 'purser-closing',
      log: pino({ level: 'silent' }),
    })
    const publish = queues.queue<{ run: number }>('publish')
    let begun: () => void = () => undefined
    let mayEnd: () => void = () => undefined
    const hasBegun = new Promise<void>((resolve) => (begun = resolve))
    const released = new Promise<void>((resolve) => (mayEnd = resolve))
    let added = false
    queues.work('phases', 1, async () => {
      begun()
      await released
      await publish.add({ run: 1 }, { jobId: 'run-1' })
      added = true
    })
    await publish.add({ run: 0 }, { jobId: 'run-0' })
    await queues.queue('phases').add({}, { jobId: 'phase' })
    await hasBegun
    const closed = queues.close()
    mayEnd()
    await closed
    expect(added).toBe(true)
    await expect(publish.add({ run: 2 }, { jobId: 'run-2' })).rejects.toThrow('closed')
  },
  30_000,
)
