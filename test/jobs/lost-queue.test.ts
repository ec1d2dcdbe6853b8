import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { migrateStateDatabase } from '../../src/store/schema.ts'
import { openStores, type TestStores } from '../store/stores.ts'
import { ask } from '../support/postgres.ts'
import { redisIsHere, startTestRedis, type TestRedis } from '../support/redis.ts'

const workerFile = fileURLToPath(new URL('./toy-worker.ts', import.meta.url))

describe.runIf(redisIsHere)('a Redis that comes back empty', () => {
  let redis: TestRedis
  let stores: TestStores
  beforeAll(async () => {
    redis = await startTestRedis()
    stores = await openStores()
    await migrateStateDatabase(stores.pool)
    await ask(stores.url, 'create table acts (id serial primary key, worker text, step text, what text)')
  })
  afterAll(async () => {
    await stores.close()
    await redis.close()
  })

  it('loses nothing: what the state database wants is found again', async () => {
    const worker = spawn(process.execPath, ['--import', 'tsx', workerFile, 'worker'], {
      env: { ...process.env, STATE_DATABASE_URL: stores.url, REDIS_URL: redis.url },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    onTestFinished(() => void worker.kill('SIGKILL'))
    await new Promise((resolve) => worker.stdout.once('data', resolve))
    const client = new Redis(redis.url)
    await client.flushall()
    client.disconnect()

    // Stored while the queue could not be told: no job is added for it here.
    const { run } = await stores.create({ kind: 'verify', approvalsNeeded: 0 })
    const status = async () => (await stores.runs.get(run.number)).status
    await expect.poll(status, { timeout: 35_000, interval: 200 }).toBe('succeeded')
  }, 60_000)
})
