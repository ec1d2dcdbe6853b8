import { newRun } from '../../src/model/new-run.ts'
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, it, onTestFinished, vi } from 'vitest'
import { RunStore } from '../../src/store/runs.ts'
import { migrateStateDatabase } from '../../src/store/schema.ts'
import { StateDatabase, statePool } from '../../src/store/database.ts'
import { ask } from '../support/postgres.ts'

const workerFile = fileURLToPath(new URL('./toy-worker.ts', import.meta.url))
/** Four steps of 0.7 s each. */
const stepMs = 700

interface Act {
  readonly worker: string
  readonly step: string
  readonly what: 'began' | 'ended'
}

/**
 * What must hold on either store. `databaseOfRoom` and `redisUrlOfRoom` give each test its own.
 * All workers are up before the run begins, however long a busy machine takes to start them.
 */
export function crashes(databaseOfRoom: () => Promise<string>, redisUrlOfRoom: () => string | undefined): void {
  async function room() {
    const url = await databaseOfRoom()
    const redisUrl = redisUrlOfRoom()
    const pool = statePool(url, () => undefined)
    await migrateStateDatabase(pool)
    await ask(
      url,
      'create table acts (id serial primary key, worker text, step text, what text, at timestamptz default clock_timestamp())',
    )
    const runs = new RunStore(new StateDatabase(pool, (value) => value))
    const start = async (name: string) => {
      const worker = spawn(process.execPath, ['--import', 'tsx', workerFile, name], {
        env: { ...process.env, STATE_DATABASE_URL: url, ...(redisUrl === undefined ? {} : { REDIS_URL: redisUrl }) },
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      onTestFinished(() => void worker.kill('SIGKILL'))
      await new Promise((resolve) => worker.stdout?.once('data', resolve))
      return worker
    }
    const begin = async () => {
      const { run } = await runs.create(
        newRun('verify', {
          service: 'valuecanvas-api',
          environment: 'production',
          requestedBy: 'U0DANA',
          channel: 'C0DEPLOYS',
          minutes: { verify: 5 },
        }),
      )
      return run.number
    }
    const acts = async () => (await ask(url, 'select worker, step, what from acts order by id')) as unknown as Act[]
    const status = async (run: number) => (await runs.get(run)).status
    return { url, runs, start, begin, acts, status, close: () => pool.end() }
  }

  it('goes on elsewhere within 20 s when its worker is killed, and repeats no finished step', async () => {
    const { start, begin, acts, status, close } = await room()
    const [first, second] = await Promise.all([start('first'), start('second')])
    const run = await begin()
    await vi.waitFor(
      async () => expect((await acts()).some((it) => it.step === 'two' && it.what === 'began')).toBe(true),
      { timeout: 15_000, interval: 50 },
    )
    const holder = (await acts()).find((it) => it.step === 'two')?.worker
    ;(holder === 'first' ? first : second).kill('SIGKILL')
    const killedAt = Date.now()

    await vi.waitFor(async () => expect(await status(run)).toBe('succeeded'), { timeout: 40_000, interval: 100 })
    expect(Date.now() - killedAt).toBeLessThan(20_000 + 3 * stepMs)
    const ended = (await acts()).filter((it) => it.what === 'ended').map((it) => it.step)
    expect(ended).toEqual(['one', 'two', 'three', 'four'])
    const other = holder === 'first' ? 'second' : 'first'
    expect((await acts()).filter((it) => it.worker === other).map((it) => it.step)).not.toContain('one')
    await close()
  }, 70_000)

  it('goes on when the only worker is killed and started again', async () => {
    const { start, begin, acts, status, close } = await room()
    const worker = await start('alone')
    const run = await begin()
    await vi.waitFor(
      async () => expect((await acts()).some((it) => it.step === 'two' && it.what === 'began')).toBe(true),
      { timeout: 15_000, interval: 50 },
    )
    worker.kill('SIGKILL')
    await start('again')
    await vi.waitFor(async () => expect(await status(run)).toBe('succeeded'), { timeout: 40_000, interval: 100 })
    const ended = (await acts()).filter((it) => it.what === 'ended').map((it) => it.step)
    expect(ended).toEqual(['one', 'two', 'three', 'four'])
    await close()
  }, 70_000)

  it('lets a frozen worker that wakes up late write nothing', async () => {
    const { url, start, begin, acts, status, close } = await room()
    const workers = new Map(
      await Promise.all(['left', 'right'].map(async (name) => [name, await start(name)] as const)),
    )
    const run = await begin()
    await vi.waitFor(
      async () => expect((await acts()).some((it) => it.step === 'one' && it.what === 'began')).toBe(true),
      { timeout: 15_000, interval: 50 },
    )
    const frozen = (await acts())[0]?.worker ?? ''
    const awake = frozen === 'left' ? 'right' : 'left'
    workers.get(frozen)?.kill('SIGSTOP')
    await vi.waitFor(async () => expect((await acts()).some((it) => it.worker === awake)).toBe(true), {
      timeout: 25_000,
      interval: 100,
    })
    workers.get(frozen)?.kill('SIGCONT')
    await vi.waitFor(async () => expect(await status(run)).toBe('succeeded'), { timeout: 40_000, interval: 100 })
    const steps = await ask(
      url,
      `select name, result->>'by' as by from purser.steps where run = ${run} order by started_at`,
    )
    expect(steps.map((it) => it['by'])).toEqual([awake, awake, awake, awake])
    const after = (await acts()).filter((it) => it.worker === frozen).map((it) => `${it.step} ${it.what}`)
    expect(after.filter((it) => !it.startsWith('one'))).toEqual([])
    await close()
  }, 90_000)

  it('hands the phase over at once when its worker is asked to stop', async () => {
    const { start, begin, acts, status, close } = await room()
    const workers = new Map(
      await Promise.all(['left', 'right'].map(async (name) => [name, await start(name)] as const)),
    )
    const run = await begin()
    await vi.waitFor(
      async () => expect((await acts()).some((it) => it.step === 'two' && it.what === 'began')).toBe(true),
      { timeout: 15_000, interval: 50 },
    )
    const leaving = (await acts())[0]?.worker ?? ''
    const process = workers.get(leaving)
    const exited = new Promise((resolve) => process?.once('exit', resolve))
    process?.kill('SIGTERM')
    await vi.waitFor(async () => expect((await acts()).some((it) => it.worker !== leaving)).toBe(true), {
      timeout: 10_000,
      interval: 50,
    })
    expect(await exited).toBe(0)
    await vi.waitFor(async () => expect(await status(run)).toBe('succeeded'), { timeout: 30_000, interval: 100 })
    expect((await acts()).filter((it) => it.what === 'ended').map((it) => it.step)).toEqual([
      'one',
      'two',
      'three',
      'four',
    ])
    await close()
  }, 60_000)

  it('hands a phase over that heeds no signal, and ends within its limit', async () => {
    const { start, begin, acts, status, close } = await room()
    const deaf = await start('deaf')
    const run = await begin()
    await vi.waitFor(async () => expect((await acts()).length).toBeGreaterThan(0), { timeout: 15_000, interval: 50 })
    await start('other')
    const exited = new Promise((resolve) => deaf.once('exit', resolve))
    deaf.kill('SIGTERM')
    expect(await exited).toBe(0)
    const endedAt = performance.now()
    await vi.waitFor(async () => expect((await acts()).some(({ worker }) => worker === 'other')).toBe(true), {
      timeout: 10_000,
      interval: 50,
    })
    expect(performance.now() - endedAt).toBeLessThan(10_000)
    await vi.waitFor(async () => expect(await status(run)).toBe('succeeded'), { timeout: 30_000, interval: 100 })
    await close()
  }, 80_000)

  it('stops a phase that someone cancels', async () => {
    const { runs, start, begin, acts, status, close } = await room()
    await start('worker')
    const run = await begin()
    await vi.waitFor(
      async () => expect((await acts()).some((it) => it.step === 'two' && it.what === 'began')).toBe(true),
      { timeout: 15_000, interval: 50 },
    )
    await runs.apply(run, { type: 'cancel', by: 'U0DANA' }, { actor: 'U0DANA', source: 'C0DEPLOYS' })
    await vi.waitFor(async () => expect(await status(run)).toBe('cancelled'), { timeout: 8_000, interval: 50 })
    expect((await acts()).map((it) => it.step)).not.toContain('four')
    await close()
  }, 40_000)
}
