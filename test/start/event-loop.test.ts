import { pino } from 'pino'
import { expect, it, vi } from 'vitest'
import { watchEventLoop } from '../../src/start/event-loop.ts'

function logged() {
  const lines: string[] = []
  const log = pino({ level: 'debug' }, { write: (line: string) => void lines.push(line) })
  return { log, lines }
}

it('logs a standstill once, with how long it was and what ran', async () => {
  const { log, lines } = logged()
  const stop = watchEventLoop(() => ['run 7 plan'], log, 20)
  await vi.waitFor(() => expect(lines.length).toBeGreaterThan(1))
  const until = performance.now() + 400
  while (performance.now() < until);
  await vi.waitFor(() => expect(lines.join('')).toContain('the event loop stood still'))
  stop()
  const [warned] = lines.filter((line) => line.includes('stood still'))
  const { jobs, loopDelayMs } = JSON.parse(warned ?? '') as {
    readonly jobs: readonly string[]
    readonly loopDelayMs: { readonly max: number }
  }
  expect(jobs).toEqual(['run 7 plan'])
  expect(loopDelayMs.max).toBeGreaterThan(300)
})

it('ends when it is told to', async () => {
  const { log, lines } = logged()
  const stop = watchEventLoop(() => [], log, 5)
  await vi.waitFor(() => expect(lines.length).toBeGreaterThan(0))
  stop()
  const before = lines.length
  const other = logged()
  const stopOther = watchEventLoop(() => [], other.log, 5)
  await vi.waitFor(() => expect(other.lines.length).toBeGreaterThan(3))
  stopOther()
  expect(lines).toHaveLength(before)
})
