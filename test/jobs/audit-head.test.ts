import { readFileSync } from 'node:fs'
import { pino } from 'pino'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { confirmReject } from '../../src/commands/decide.ts'
import { parsePurserYaml } from '../../src/config/purser-yaml.ts'
import { PhaseExecutor } from '../../src/jobs/executor.ts'
import { reconcile } from '../../src/jobs/reconciler.ts'
import type { World } from '../../src/runbook/world.ts'
import { alex, commandContexts, said } from '../commands/command-context.ts'
import { openStores, type TestStores } from '../store/stores.ts'

let stores: TestStores
const { openContext } = commandContexts(() => stores)
const config = parsePurserYaml(readFileSync(new URL('../../purser.yaml', import.meta.url), 'utf8'), 'purser.yaml')

let lines: Record<string, unknown>[]
const log = pino({}, { write: (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>) })
const nothing = async () => undefined

beforeAll(async () => {
  stores = await openStores()
})
beforeEach(async () => {
  await stores.reset()
  lines = []
})
afterAll(() => stores.close())

/** The log has the place and hash of the event that ended the run. */
async function expectHead(run: number): Promise<void> {
  const event = (await stores.runs.events(run)).at(-1)
  expect(lines.filter(({ msg }) => msg === 'audit head')).toEqual([
    expect.objectContaining({ level: 30, run, sequence: event?.sequence, hash: event?.hash }),
  ])
}

it('the log has the audit head of a run that ends in a phase', async () => {
  const { run } = await stores.approve(await stores.waiting())
  const executor = new PhaseExecutor({
    runs: stores.runs,
    phases: stores.phases,
    config,
    worldOf: () => ({}) as World,
    phaseOf: () => () => Promise.reject(new Error('no')),
    enqueue: nothing,
    publish: nothing,
    worker: 'worker-1',
    log,
  })
  const never = () => Promise.reject(new Error('the job is done'))
  const job = { run: run.number, phase: 'preflight', attempt: 1 } as const
  await executor.handle({ data: job, defer: never, requeue: never })
  await expectHead(run.number)
})

it('the log has the audit head of a run that a person ends', async () => {
  const run = await stores.waiting()
  const context = openContext({ log })
  const metadata = JSON.stringify({ run: run.number, channel: alex.channel })
  const dialog = { user: alex.user, metadata, value: () => undefined }
  expect(await said(context, alex, () => confirmReject(dialog, context))).toBe('')
  await expectHead(run.number)
})

it('the log has the audit head of a run that expires', async () => {
  const run = await stores.waiting()
  await stores.pool.query(`update purser.runs set expires_at = now() - interval '1 minute'`)
  await reconcile({
    places: { heavy: 4, phases: 4, looks: 2, watches: 4 },
    runs: stores.runs,
    sweeps: stores.sweeps,
    config,
    enqueue: nothing,
    publish: nothing,
    beginWantedRollbacks: nothing,
    discardPrepared: nothing,
    locks: stores.locks,
    tellLockEnded: nothing,
    log,
  })
  await expectHead(run.number)
})
