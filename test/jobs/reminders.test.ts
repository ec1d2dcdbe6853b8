import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { pino } from 'pino'
import { reconcile } from '../../src/jobs/reconciler.ts'
import type { Lock } from '../../src/model/lock.ts'
import { alex, approves, commandContexts, configWith } from '../commands/command-context.ts'
import { openStores, type TestStores } from '../store/stores.ts'

let stores: TestStores
beforeAll(async () => {
  stores = await openStores()
})
beforeEach(() => stores.reset())
afterAll(() => stores.close())

const { openContext, failedWithEffects, rollbackOf } = commandContexts(() => stores)
const nothing = async () => undefined
const config = configWith({ approvals: 2, approvers: ['UALEX', 'UOLA', 'UDANA'] })

async function sweep(now = config): Promise<readonly Lock[]> {
  const ended: Lock[] = []
  await reconcile({
    places: { heavy: 4, phases: 4, looks: 2, watches: 4 },
    runs: stores.runs,
    sweeps: stores.sweeps,
    locks: stores.locks,
    config: now,
    enqueue: nothing,
    publish: nothing,
    beginWantedRollbacks: nothing,
    discardPrepared: nothing,
    tellLockEnded: async (lock) => void ended.push(lock),
    log: pino({ level: 'silent' }),
  })
  return ended
}

const expiresIn = (minutes: number) =>
  stores.pool.query(`update purser.runs set expires_at = now() + make_interval(mins => $1)`, [minutes])
const reminders = async (run: number) =>
  (await stores.boards.waiting(run)).flatMap(({ post }) => (post.kind === 'reminder' ? [post.approvers] : []))

it('reminds once, at half of the time, those who may approve and have not', async () => {
  const run = await stores.waiting({ approvalsNeeded: 2 })
  await expiresIn(31)
  await sweep()
  expect(await reminders(run.number)).toEqual([])
  await approves(alex, run, openContext({ config }))
  await expiresIn(29)
  await Promise.all([sweep(), sweep()])
  await sweep()
  expect(await reminders(run.number)).toEqual([['UOLA']])
  expect((await stores.runs.get(run.number)).reminded).toMatchObject({ who: ['UOLA'], at: expect.any(Date) as Date })
  expect((await stores.runs.events(run.number)).filter(({ kind }) => kind === 'reminded')).toHaveLength(1)
})

it('reminds nobody while nothing can be approved, and does so once it can', async () => {
  const run = await stores.waiting({ approvalsNeeded: 2 })
  await expiresIn(20)
  await stores.locks.lock({ environment: 'production', reason: 'closing', by: 'UDANA', source: 'C' })
  await sweep()
  expect(await reminders(run.number)).toEqual([])
  await stores.locks.unlock('production', 'UDANA', 'C')
  const local = (minutes: number) => new Date(Date.now() + minutes * 60_000).toISOString().slice(0, 16)
  const freezes = [{ name: 'Month end', from: local(-60), to: local(60) }]
  await sweep(configWith({ approvals: 2, approvers: ['UALEX', 'UOLA'], freezes }))
  expect(await reminders(run.number)).toEqual([])
  await sweep()
  expect(await reminders(run.number)).toEqual([['UALEX', 'UOLA']])
})

it('reminds of a rollback in a locked environment, where it can be approved', async () => {
  const context = openContext({ config: configWith({ rollbackApprovals: 1 }) })
  const rollback = await rollbackOf(await failedWithEffects(), context)
  await expiresIn(20)
  await stores.locks.lock({ environment: 'production', reason: 'closing', by: 'UDANA', source: 'C' })
  await sweep()
  expect(await reminders(rollback)).toEqual([['UALEX', 'UOLA']])
})

it('reminds nobody by facts that are no longer true: somebody approved in between', async () => {
  const run = await stores.waiting({ approvalsNeeded: 2 })
  await approves(alex, run, openContext({ config }))
  expect(await stores.sweeps.remind(run, ['UALEX', 'UOLA'])).toBe(false)
  expect(await stores.sweeps.remind(await stores.runs.get(run.number), ['UOLA'])).toBe(true)
  expect(await reminders(run.number)).toEqual([['UOLA']])
})

it('reminds nobody of what is decided, or has expired', async () => {
  const run = await stores.waiting({ approvalsNeeded: 1 })
  await stores.runs.apply(run.number, { type: 'rejected', by: 'UALEX' }, { actor: 'UALEX', source: 'CDEPLOYS' })
  await expiresIn(10)
  await sweep()
  expect(await reminders(run.number)).toEqual([])
  const late = await stores.waiting({ approvalsNeeded: 1 })
  await expiresIn(-1)
  await sweep()
  expect(await reminders(late.number)).toEqual([])
})

it('tells of a lock that has ended, once', async () => {
  await stores.locks.lock({
    environment: 'production',
    reason: 'closing',
    by: 'UDANA',
    source: 'C',
    until: new Date(Date.now() - 1),
  })
  expect(await sweep()).toEqual([expect.objectContaining({ environment: 'production', reason: 'closing' })])
  expect(await sweep()).toEqual([])
})
