import { afterAll, beforeAll, describe } from 'vitest'
import { startTestPostgres, type TestPostgres } from '../support/postgres.ts'
import { priorities } from './priorities.ts'

describe('who comes first on the Postgres queue', () => {
  let postgres: TestPostgres
  beforeAll(async () => {
    postgres = await startTestPostgres()
  }, 60_000)
  afterAll(async () => postgres.close())

  priorities(
    async () => postgres.database(),
    () => undefined,
  )
})
