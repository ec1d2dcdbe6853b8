import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { openDatabase } from '../../src/adapters/postgres/database.ts'
import { Sensitive } from '../../src/sensitive.ts'
import { ask, startTestPostgres, type TestPostgres } from '../support/postgres.ts'

/** Heartbeats and acknowledgements go on while large migrations are read: nothing of it runs on the event loop. */

const tables = 3_000
/** On a machine with other work to do, a loop that does nothing waits as well: so many times as long as that one. */
const mostTimesIdle = 4
const freeMs = 100

let postgres: TestPostgres
let url: string
let most: number
const never = new AbortController().signal
beforeAll(async () => {
  postgres = await startTestPostgres()
  url = await postgres.database()
  await ask(
    url,
    `do $$ begin for n in 1..${tables} loop execute format('create table t%s (id bigint primary key, name text not null, at timestamptz)', n); if n % 100 = 0 then commit; end if; end loop; end $$`,
  )
  most = Math.max(freeMs, mostTimesIdle * (await waitsWhile(() => pause(1_000))))
}, 120_000)
afterAll(() => postgres.close())

/** The longest that 99 of 100 turns of the event loop had to wait, in milliseconds. */
async function waitsWhile(work: () => Promise<unknown>): Promise<number> {
  const histogram = monitorEventLoopDelay({ resolution: 10 })
  histogram.enable()
  await work()
  histogram.disable()
  return histogram.percentile(99) / 1e6
}

const database = () => openDatabase({ url: new Sensitive(url) })

it('what a migration of thousands of tables changes', async () => {
  const sql = Array.from({ length: tables }, (_, n) => `alter table t${n + 1} add column more text;`).join('\n')
  let makes = 0
  const p99 = await waitsWhile(async () => {
    const { files } = await database().changes([{ sql }], never)
    makes = files[0]?.makes.length ?? 0
  })
  expect(makes).toBe(tables)
  expect(p99).toBeLessThan(most)
}, 120_000)

it('ten megabytes of rows, looked through for what a migration may not say', async () => {
  const row = `insert into t1 (id, name) values (1, '${'x'.repeat(280)}');\n`
  const sql = row.repeat(Math.ceil(10_000_000 / row.length))
  const p99 = await waitsWhile(async () => {
    const { obstacles } = await database().applicability(sql, { lockTimeoutMs: 5_000 }, never)
    expect(obstacles).toEqual([])
  })
  expect(p99).toBeLessThan(most)
}, 180_000)
