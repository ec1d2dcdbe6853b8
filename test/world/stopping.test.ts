import { afterEach, describe, expect, it } from 'vitest'
import type { Bot } from '../../sandbox/bot.ts'
import { phasesOf } from '../../src/model/kinds.ts'
import { redisIsHere, startTestRedis, type TestRedis } from '../support/redis.ts'
import { startTestWorld, type TestWorld } from './test-world.ts'

/** The time within which another process goes on after one was asked to stop. */
const goesOnWithinMs = 10_000
/** A queue takes two minutes: an ordinary run takes the one that needs nothing but the state database, `PURSER_EVERY_QUEUE=1` both. */
const everyQueue = process.env['PURSER_EVERY_QUEUE'] === '1'

describe('Purser that is asked to stop in every phase of a deploy', () => {
  let world: TestWorld
  let redis: TestRedis | undefined
  afterEach(async () => {
    await world.close()
    await redis?.close()
    redis = undefined
  })

  it.each(everyQueue && redisIsHere ? ['PostgreSQL', 'Redis'] : ['PostgreSQL'])(
    'ends by itself and another process goes on, on the %s queue',
    async (queue) => {
      if (queue === 'Redis') redis = await startTestRedis()
      await stops()
    },
    720_000,
  )

  async function stops(): Promise<void> {
    world = await startTestWorld({ monitorSeconds: 6, ...(redis === undefined ? {} : { redisUrl: redis.url }) })
    const workers = new Map<string, Bot>()
    let started = 0
    const startWorker = async () => {
      const name = `worker-${(started += 1)}`
      workers.set(name, await world.startBot(name, { PURSER_ROLE: 'worker', PORT: '0' }))
    }
    const bot = await world.startBot('bot-1', { PURSER_ROLE: 'bot', PORT: '0' })
    // The next phase does not wait for a new process to be up, so some are up beforehand.
    for (let spare = 0; spare < 4; spare += 1) await startWorker()
    const starting: Promise<unknown>[] = []
    const ended: Promise<{ readonly phase: string; readonly code: number | null }>[] = []
    // What was acknowledged is done, also by a process that is asked to stop at that moment.
    await world.types('dana', '/billing deploy v1.2.0')
    bot.kill('SIGTERM')
    ended.push(bot.exited.then((code) => ({ phase: 'bot', code })))
    starting.push(world.startBot('bot-2', { PURSER_ROLE: 'bot', PORT: '0' }))
    for (const phase of phasesOf('deploy')) {
      const holder = await heldBy(phase)
      const worker = workers.get(holder)
      if (worker === undefined) throw new Error(`${phase} is held by ${holder}`)
      worker.kill('SIGTERM')
      const stoppedAt = performance.now()
      await takenFrom(holder, phase)
      expect(performance.now() - stoppedAt).toBeLessThan(goesOnWithinMs)
      ended.push(worker.exited.then((code) => ({ phase, code })))
      starting.push(startWorker())
      if (phase !== 'plan') continue
      await Promise.all(starting)
      await world.waitFor('the plan', () => (world.seenBy('dana').at(-1) ?? '').includes('waiting for approval'))
      await world.presses('alex', 'approve')
    }
    await Promise.all(starting)
    expect(await Promise.all(ended)).toEqual(['bot', ...phasesOf('deploy')].map((phase) => ({ phase, code: 0 })))
    await world.waitFor('the end', () => (world.seenBy('dana').at(-1) ?? '').includes(': succeeded'), 360_000)
    // Each ended in good order, and not by its time limit.
    expect(world.logs()).not.toContain('what is still held is handed over')
    expect(await world.state('select 1 from purser.phases where attempt > 1')).toEqual([])
    const boards = world.seenBy('dana').filter((text) => text.includes('v1.2.0 → production'))
    expect(boards).toHaveLength(1)
  }

  async function phaseNow(phase: string): Promise<{ readonly status: string; readonly worker: string }> {
    const [row] = await world.state(`select status, worker from purser.phases where run = 1 and name = '${phase}'`)
    return { status: String(row?.['status']), worker: String(row?.['worker'] ?? '') }
  }

  /** The name of the worker in whose hands the phase is seen to be. */
  async function heldBy(phase: string): Promise<string> {
    let holder = ''
    await expect
      .poll(
        async () => {
          const { status, worker } = await phaseNow(phase)
          if (status === 'succeeded') throw new Error(`${phase} has ended before anybody was asked to stop`)
          holder = status === 'running' ? worker : ''
          return holder
        },
        { timeout: 90_000, interval: 20 },
      )
      .not.toBe('')
    return holder
  }

  /** Somebody else holds the phase, or it has ended. */
  async function takenFrom(holder: string, phase: string): Promise<void> {
    await expect
      .poll(
        async () => {
          const { status, worker } = await phaseNow(phase)
          return status === 'succeeded' || (status === 'running' && worker !== holder)
        },
        { timeout: 20_000, interval: 50 },
      )
      .toBe(true)
  }
})
