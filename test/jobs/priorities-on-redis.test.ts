import { afterAll, beforeAll, describe } from 'vitest'
import { startTestPostgres, type TestPostgres } from '../support/postgres.ts'
import { redisIsHere, startTestRedis, type TestRedis } from '../support/redis.ts'
import { priorities } from './priorities.ts'

describe.runIf(redisIsHere)('who comes first on the Redis queue', () => {
  let postgres: TestPostgres
  let redis: TestRedis
  let rooms = 0
  beforeAll(async () => {
    postgres = await startTestPostgres()
    redis = await startTestRedis()
  }, 60_000)
  afterAll(async () => {
    await postgres.close()
    await redis.close()
  })

  priorities(
    async () => postgres.database(),
    () => `${redis.url}/${rooms++}`,
  )
})
