import { readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it, onTestFinished, vi } from 'vitest'
import { type Bot, startBot } from '../../sandbox/bot.ts'
import { newRun } from '../../src/model/new-run.ts'
import { StateDatabase, statePool } from '../../src/store/database.ts'
import { RunStore } from '../../src/store/runs.ts'
import { startTestPostgres, type TestPostgres } from '../support/postgres.ts'

let postgres: TestPostgres
let url: string
let directory: string
beforeAll(async () => {
  postgres = await startTestPostgres()
  url = await postgres.database()
  directory = await mkdtemp(join(tmpdir(), 'purser-two-'))
})
afterAll(async () => {
  await postgres.close()
  await rm(directory, { recursive: true, force: true })
})

/** A worker of the Purser of this service; what it works on is not there, so a plan of it fails. */
async function startPurser(service: string, environment: Readonly<Record<string, string>> = {}): Promise<Bot> {
  const config = join(directory, `${service}.yaml`)
  const yaml = readFileSync(new URL('../../purser.yaml', import.meta.url), 'utf8')
    .replace('name: valuecanvas-api', `name: ${service}`)
    .replaceAll(/SREPLACE\w+/g, 'S0DEPLOYERS')
    .replaceAll(/CREPLACE\w+/g, 'C0DEPLOYS')
    .replaceAll(/UREPLACE\w+/g, 'U0DANA')
    .replace(/^ *contacts:.*\n(?: {6,}.*\n)*/gm, '')
    .replaceAll('runner: required', 'runner: optional')
    .replaceAll(/acct_REPLACE\w+/g, 'acct_1ABCDEFGHIJKLMNO')
  await writeFile(config, yaml)
  const nowhere = 'postgres://nobody:secret-of-nobody@127.0.0.1:9/none'
  const bot = startBot(
    {
      PURSER_CONFIG: config,
      PURSER_ROLE: 'worker',
      PURSER_INSTANCE: `${service}-worker`,
      PURSER_DATA_DIR: join(directory, service),
      PURSER_RUNNER: 'none',
      PORT: '0',
      STATE_DATABASE_URL: url,
      SLACK_BOT_TOKEN: 'xoxb-token-of-the-test-0123456789',
      SLACK_API_URL: 'http://127.0.0.1:9/api/',
      PRODUCTION_DATABASE_URL: nowhere,
      STAGING_DATABASE_URL: nowhere.replace('9/none', '9/other'),
      STRIPE_SECRET_KEY: 'sk_live_0123456789abcdefghij',
      STAGING_STRIPE_SECRET_KEY: 'sk_test_0123456789abcdefghij',
      ...environment,
    },
    join(directory, `${service}.log`),
  )
  onTestFinished(() => bot.stop())
  await bot.ready
  return bot
}

it('a second service is refused the state of the first one, and works beside it in a schema of its own', async () => {
  await startPurser('billing-api')
  await expect(startPurser('shop-api')).rejects.toThrow(
    /holds the state of the service billing-api[^]*STATE_DATABASE_SCHEMA=purser_shop_api[^]*renamed/,
  )
  await startPurser('shop-api', { STATE_DATABASE_SCHEMA: 'purser_shop_api' })
  // Both have a run #1 of an environment of the same name, and each is carried out by its own Purser.
  expect(await workersOf('billing-api', 'purser')).toEqual(['billing-api-worker'])
  expect(await workersOf('shop-api', 'purser_shop_api')).toEqual(['shop-api-worker'])
}, 120_000)

/** Who wrote down what came of a run that is begun in this schema. */
async function workersOf(service: string, schema: string): Promise<readonly string[]> {
  const pool = statePool(url, () => undefined)
  try {
    const runs = new RunStore(new StateDatabase(pool, (value) => value, [], schema))
    const asked = { service, environment: 'production', version: 'v1.2.0', requestedBy: 'U0DANA', channel: 'C0DEPLOYS' }
    const { run } = await runs.create({ ...newRun('deploy', asked), approvalsNeeded: 1 })
    expect(run.number).toBe(1)
    await vi.waitFor(async () => expect((await runs.get(1)).status).toBe('failed'), { timeout: 60_000, interval: 200 })
    const events = await runs.events(1)
    return [...new Set(events.filter(({ actor }) => actor === 'purser').map(({ source }) => source))]
  } finally {
    await pool.end()
  }
}
