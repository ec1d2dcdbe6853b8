import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { openDatabase } from '../../src/adapters/postgres/database.ts'
import { Sensitive } from '../../src/sensitive.ts'
import { ask, sessionWith, startTestPostgres, type TestPostgres } from '../support/postgres.ts'

let postgres: TestPostgres
let url: string
beforeAll(async () => {
  postgres = await startTestPostgres()
  url = await postgres.database()
  await ask(url, 'create table held (n int); insert into held values (1)')
})
afterAll(() => postgres.close())

const sessions = async () =>
  Number(
    (
      await ask(
        url,
        `select count(*) from pg_stat_activity where application_name = 'purser' and datname = current_database()`,
      )
    )[0]?.['count'],
  )

it('opens four connections for a hundred queries at once, and answers every one of them', async () => {
  const lock = await sessionWith(url, 'begin; lock table held in access exclusive mode')
  const never = new AbortController().signal
  const database = () => openDatabase({ url: new Sensitive(url) })
  const all = Array.from({ length: 100 }, () =>
    database().query('select count(*) from held', { timeoutMs: 60_000 }, never),
  )
  await vi.waitFor(async () => expect(await sessions()).toBe(4), { timeout: 20_000, interval: 20 })

  // Who gives up while waiting takes no place along.
  const impatient = new AbortController()
  const reason = new Error('no longer wanted')
  const given = database().query('select 1', { timeoutMs: 60_000 }, impatient.signal)
  impatient.abort(reason)
  await expect(given).rejects.toBe(reason)
  expect(await sessions()).toBe(4)

  await lock.query('commit')
  await lock.end()
  const answers = await Promise.all(all)
  expect(answers.map(({ rows }) => rows[0]?.[0])).toEqual(Array.from({ length: 100 }, () => '1'))
  // They wait a moment for the next question, and then they are gone.
  await vi.waitFor(async () => expect(await sessions()).toBe(0), { timeout: 20_000, interval: 20 })
}, 90_000)

it('asks one question after the other on one connection, until a question fails or the server closes it', async () => {
  const database = openDatabase({ url: new Sensitive(url) })
  const never = new AbortController().signal
  const process = async () => {
    const { rows } = await database.query(
      'select pid from pg_stat_activity where pid = pg_backend_pid()',
      { timeoutMs: 5_000 },
      never,
    )
    return String(rows[0]?.[0])
  }
  const first = await process()
  expect(await process()).toBe(first)
  await expect(database.query('select 1 / 0', { timeoutMs: 5_000 }, never)).rejects.toThrow('division by zero')
  const second = await process()
  expect(second).not.toBe(first)
  await ask(url, `select pg_terminate_backend(${second})`)
  await vi.waitFor(async () => expect(await sessions()).toBe(0), { timeout: 20_000, interval: 20 })
  expect(await process()).not.toBe(second)
}, 90_000)
