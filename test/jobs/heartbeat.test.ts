import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import type { Stopped } from '../../src/model/errors.ts'
import { startHeartbeat } from '../../src/jobs/heartbeat.ts'
import type { PhaseStore } from '../../src/store/phases.ts'
import { deploy } from '../messages/example-runs.ts'

const minutes = 60_000
const claim = { run: 1, phase: 'preflight', attempt: 1, epoch: 1, worker: 'w' } as const
const phases = { heartbeat: async () => ({ cancelled: false }) } as unknown as PhaseStore

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

function begun() {
  const run = deploy({ status: 'executing' })
  const budgetMinutes = 10
  const own = run.phases.map((phase) => ({ ...phase, budgetMinutes }))
  const heartbeat = startHeartbeat(claim, { ...run, phases: own }, phases, new AbortController().signal)
  const stopped = () => (heartbeat.signal.aborted ? (heartbeat.signal.reason as Stopped) : undefined)
  return { heartbeat, stopped }
}

it('a phase that tells of no progress is stopped at its time limit', async () => {
  const { heartbeat, stopped } = begun()
  await vi.advanceTimersByTimeAsync(19 * minutes)
  expect(stopped()).toBeUndefined()
  await vi.advanceTimersByTimeAsync(2 * minutes)
  expect(stopped()).toMatchObject({ code: 'time_limit', message: 'stopped after 20 min without an end' })
  heartbeat.stop()
})

it('a phase that comes further is stopped when it stands still for five minutes, however long it took', async () => {
  const { heartbeat, stopped } = begun()
  for (let minute = 0; minute < 120; minute += 4) {
    heartbeat.progressed()
    await vi.advanceTimersByTimeAsync(4 * minutes)
  }
  expect(stopped()).toBeUndefined()
  await vi.advanceTimersByTimeAsync(2 * minutes)
  expect(stopped()).toMatchObject({
    code: 'time_limit',
    message: 'stopped after 121 min: no progress in the last 5 min',
  })
  heartbeat.stop()
})

it('a phase that came further early is stopped at its time limit all the same', async () => {
  const { heartbeat, stopped } = begun()
  heartbeat.progressed()
  await vi.advanceTimersByTimeAsync(21 * minutes)
  expect(stopped()?.code).toBe('time_limit')
  heartbeat.stop()
})
