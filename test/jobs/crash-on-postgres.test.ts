import { afterAll, beforeAll, describe } from 'vitest'
import { startTestPostgres, type TestPostgres } from '../support/postgres.ts'
import { crashes } from './crashes.ts'

let postgres: TestPostgres
beforeAll(async () => {
  postgres = await startTestPostgres()
})
afterAll(() => postgres.close())

describe('a worker on the PostgreSQL queue', () => {
  crashes(
    () => postgres.database(),
    () => undefined,
  )
})
