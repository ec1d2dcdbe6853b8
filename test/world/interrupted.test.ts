import pg from 'pg'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { Bot } from '../../sandbox/bot.ts'
import { redisIsHere, startTestRedis, type TestRedis } from '../support/redis.ts'
import { startTestWorld, type TestWorld } from './test-world.ts'

/** An ordinary run takes the queue that needs nothing but the state database, `PURSER_EVERY_QUEUE=1` both. */
const queues = process.env['PURSER_EVERY_QUEUE'] === '1' && redisIsHere ? ['PostgreSQL', 'Redis'] : ['PostgreSQL']

describe.each(queues)('Purser that is killed with kill -9, on the %s queue,', (queue) => {
  let world: TestWorld
  let redis: TestRedis | undefined
  let bot: Bot
  let boards = 0
  beforeAll(async () => {
    redis = queue === 'Redis' ? await startTestRedis() : undefined
    world = await startTestWorld({ monitorSeconds: 4, ...(redis === undefined ? {} : { redisUrl: redis.url }) })
    bot = await world.startBot('bot-0')
  }, 180_000)
  afterEach(() => world.sandbox.slack.control.clearFaults())
  afterAll(async () => {
    await world.close()
    await redis?.close()
  }, 60_000)

  const nothing = (what: string) => world.state(`select 1 from purser.${what}`).then((rows) => expect(rows).toEqual([]))

  it('before it has kept a command does nothing, and Slack says that it was not taken', async () => {
    const locked = await lock('purser.requests')
    const typed = world.sandbox.slack.control.type('U0DANA', 'C0DEPLOYS', '/billing verify')
    await locked.isWaitedFor()
    await killed()
    expect(await typed).toMatchObject({ ok: false })
    await locked.release()
    await startsAgain()
    await nothing('kept_requests')
    await nothing('runs')
  }, 180_000)

  it('after it has acknowledged a command and before its run is stored: another process begins the run', async () => {
    const locked = await lock('purser.runs')
    await acknowledged('/billing verify')
    await locked.isWaitedFor()
    await killed()
    await locked.release()
    await startsAgain()
    await endsOnOneBoard()
    await world.waitFor('a word to Dana', () =>
      (world.toldOnly('dana') ?? '').includes('after you typed /billing verify'),
    )
  }, 180_000)

  it.runIf(queue === 'PostgreSQL')(
    'after its run is stored and before that is in the queue: another process goes on with it',
    async () => {
      const tables = await world.state(`select quote_ident(relname) as name from pg_class c
        join pg_namespace n on n.oid = c.relnamespace where nspname = 'bullmq' and relkind in ('r', 'p')`)
      const locked = await lock(...tables.map(({ name }) => `bullmq.${String(name)}`))
      await acknowledged('/billing verify')
      await runs(boards + 1)
      await killed()
      await locked.release()
      await startsAgain()
      await endsOnOneBoard()
    },
    180_000,
  )

  it('before its first board stands: another process posts it', async () => {
    world.sandbox.slack.control.setFault({ method: 'chat.postMessage', delayMs: 60_000 })
    await acknowledged('/billing verify')
    await runs(boards + 1)
    await killed()
    world.sandbox.slack.control.clearFaults()
    await startsAgain()
    await endsOnOneBoard()
  }, 180_000)

  it('between Slack’s answer to its first board and its record: another process goes on with that board', async () => {
    const { control } = world.sandbox.slack
    control.setFault({ method: 'chat.postMessage', loseAnswer: true, times: 1 })
    const posted = () => control.apiCalls('chat.postMessage').length
    const before = posted()
    await acknowledged('/billing verify')
    await world.waitFor('the post', () => posted() > before)
    await killed()
    await startsAgain()
    await endsOnOneBoard()
  }, 180_000)

  it('after it has acknowledged an approval and before that is stored: it counts, once', async () => {
    await acknowledged('/billing deploy v1.2.0')
    await world.waitFor('the plan', () => (world.seenBy('dana').at(-1) ?? '').includes('waiting for approval'))
    const locked = await lock('purser.approvals')
    await world.presses('alex', 'approve')
    await locked.isWaitedFor()
    await killed()
    await locked.release()
    await startsAgain()
    const begun = `select 1 from purser.runs where kind = 'deploy' and started_at is not null`
    await expect.poll(() => world.state(begun), { timeout: 60_000 }).toHaveLength(1)
    const approvals = await world.state(`select 1 from purser.approvals where decision = 'approved'`)
    expect(approvals).toHaveLength(1)
    await world.waitFor('a word to Alex', () => (world.toldOnly('alex') ?? '').includes('after you pressed a button'))
    await nothing('kept_requests')
    expect((await world.audit()).lines).toContain('No problems found.')
  }, 300_000)

  it('keeps every command, however many answers wait for the state database', async () => {
    const locked = await lock('purser.audit_events')
    const [answers, asked] = [7, 10]
    for (let typed = 0; typed < asked; typed += 1) await acknowledged('/billing status')
    await expect.poll(() => world.state('select 1 from pg_locks where not granted')).toHaveLength(answers)
    await acknowledged('/billing status')
    expect(await world.state('select 1 from purser.kept_requests')).toHaveLength(asked + 1)
    await locked.release()
    await expect.poll(() => world.state('select 1 from purser.kept_requests')).toEqual([])
  }, 180_000)

  it('answers within two and a half seconds what it cannot keep, and never does it later', async () => {
    const before = (await world.state('select 1 from purser.runs')).length
    const locked = await lock('purser.requests')
    const typedAt = performance.now()
    await acknowledged('/billing verify')
    expect(performance.now() - typedAt).toBeLessThan(2_500)
    await world.waitFor('an answer', () => (world.toldOnly('dana') ?? '').includes('Nothing changed.'))
    await locked.release()
    await expect.poll(() => world.state('select 1 from purser.kept_requests')).toEqual([])
    expect(await world.state('select 1 from purser.runs')).toHaveLength(before)
  }, 180_000)

  async function acknowledged(text: string): Promise<void> {
    expect(await world.sandbox.slack.control.type('U0DANA', 'C0DEPLOYS', text)).toMatchObject({ ok: true })
  }

  async function killed(): Promise<void> {
    bot.kill('SIGKILL')
    await bot.exited
  }

  async function startsAgain(): Promise<void> {
    bot = await world.startBot(`bot-${world.bots.length}`)
  }

  async function runs(count: number): Promise<void> {
    await expect.poll(() => world.state('select 1 from purser.runs'), { timeout: 20_000 }).toHaveLength(count)
  }

  async function endsOnOneBoard(): Promise<void> {
    boards += 1
    const seen = () => world.seenBy('dana').filter((text) => /\bchecks\b/.test(text))
    const shown = `select 1 from purser.runs where status = 'succeeded' and board_rev = rev`
    await expect.poll(() => world.state(shown), { timeout: 60_000 }).toHaveLength(boards)
    expect(seen(), world.seenBy('dana').join('\n――\n')).toHaveLength(boards)
    await runs(boards)
    await nothing('kept_requests')
  }

  /** Keeps everybody from changing these tables, as a slow disk would; what is read is not kept. */
  async function lock(...tables: readonly string[]) {
    const client = new pg.Client({ connectionString: world.sandbox.stateDatabaseUrl })
    await client.connect()
    await client.query(`begin; lock table ${tables.join()} in exclusive mode`)
    return {
      isWaitedFor: () =>
        expect
          .poll(() => world.state('select 1 from pg_locks where not granted'), { timeout: 20_000 })
          .not.toHaveLength(0),
      release: () => client.end(),
    }
  }
})
