import { afterAll, beforeAll, describe } from 'vitest'
import { startTestPostgres, type TestPostgres } from '../support/postgres.ts'
import { redisIsHere, startTestRedis, type TestRedis } from '../support/redis.ts'
import { crashes } from './crashes.ts'

describe.runIf(redisIsHere)('a worker on the Redis queue', () => {
  let postgres: TestPostgres
  let redis: TestRedis
  let rooms = 0
  beforeAll(async () => {
    postgres = await startTestPostgres()
    redis = await startTestRedis()
  })
  afterAll(async () => {
    await redis.close()
    await postgres.close()
  })
  crashes(
    () => postgres.database(),
    () => `${redis.url}/${(rooms += 1)}`,
  )
})
