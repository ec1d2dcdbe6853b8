import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { whileFilling } from '../../src/adapters/postgres/restores/fill-progress.ts'
import { Sensitive } from '../../src/sensitive.ts'
import { ask, startTestPostgres, type TestPostgres } from '../support/postgres.ts'

let postgres: TestPostgres
let url: string
beforeAll(async () => {
  postgres = await startTestPostgres()
  url = await postgres.database()
  await ask(url, 'create table events (n int)')
}, 60_000)
afterAll(() => postgres.close())

it('a restore tells how many rows of a table the server has, for as long as that takes', async () => {
  const said: string[] = []
  const onProgress = (line: string) => void said.push(line)
  const signal = AbortSignal.timeout(60_000)
  await whileFilling(new Sensitive(url), onProgress, signal, async () => {
    const psql = spawn('psql', [url, '--no-psqlrc', '--command', 'copy events from stdin'], {
      stdio: ['pipe', 'ignore', 'inherit'],
    })
    const more = () => psql.stdin.write('7\n'.repeat(100_000))
    more()
    await expect.poll(() => said.length, { timeout: 20_000 }).toBeGreaterThan(0)
    const before = said.length
    more()
    await expect.poll(() => said.length, { timeout: 20_000 }).toBeGreaterThan(before)
    psql.stdin.end('7\n')
    await once(psql, 'exit')
  })
  expect(said[0]).toMatch(/^filling events, \d+ rows$/)
  expect(new Set(said).size).toBe(said.length)
  expect(await ask(url, 'select count(*)::int as n from events')).toEqual([{ n: 200_001 }])
})

it('a watch that cannot be kept ends no restore', async () => {
  const nowhere = new Sensitive('postgres://nobody@127.0.0.1:1/none')
  const done = whileFilling(
    nowhere,
    () => undefined,
    AbortSignal.timeout(10_000),
    async () => 'filled',
  )
  await expect(done).resolves.toBe('filled')
})
