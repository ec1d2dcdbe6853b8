import { pino } from 'pino'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { reconcile } from '../../src/jobs/reconciler.ts'
import { boardMessage } from '../../src/messages/board/board.ts'
import { configWith } from '../commands/command-context.ts'
import { shown } from '../messages/slack-takes.ts'
import { openStores, type TestStores } from '../store/stores.ts'

let stores: TestStores
beforeAll(async () => {
  stores = await openStores()
})
beforeEach(() => stores.reset())
afterAll(() => stores.close())

const nothing = async () => undefined

async function sweep(phases: number): Promise<void> {
  await reconcile({
    places: { heavy: 4, phases, looks: 2, watches: 4 },
    runs: stores.runs,
    sweeps: stores.sweeps,
    locks: stores.locks,
    config: configWith({}),
    enqueue: nothing,
    publish: nothing,
    beginWantedRollbacks: nothing,
    discardPrepared: nothing,
    tellLockEnded: nothing,
    log: pino({ level: 'silent' }),
  })
}

const queuedFor = (seconds: number) =>
  stores.pool.query(`update purser.phases set queued_at = now() - make_interval(secs => $1) where status = 'queued'`, [
    seconds,
  ])

async function boardOf(number: number) {
  const run = await stores.runs.get(number)
  const view = { now: new Date(), rollbackUntil: undefined, onCall: undefined, approvers: [] }
  return { rev: run.rev, seen: shown(boardMessage(run, view).blocks) }
}

it('says on its board that a run waits for a place, and says it once', async () => {
  const first = (await stores.create()).run.number
  await stores.claim(first, 'plan')
  const second = (await stores.create()).run.number
  await sweep(1)
  expect((await boardOf(second)).seen).toContain('*Planning.*')

  await queuedFor(5)
  await sweep(1)
  const told = await boardOf(second)
  expect(told.seen).toMatch(/\*Planning:\* waiting since \S+ \S+ UTC for another run to finish a phase\./)
  await sweep(1)
  expect((await boardOf(second)).rev).toBe(told.rev)

  await stores.claim(second, 'plan')
  expect((await boardOf(second)).seen).toContain('*Planning.*')
})

it('says that a phase of an approved run waits for a worker when places are free', async () => {
  const run = await stores.waiting()
  await stores.approve(run)
  await queuedFor(60)
  await sweep(4)
  expect((await boardOf(run.number)).seen).toMatch(/\*Pre-flight checks and backup\*: waiting since .+ for a worker/)
})
