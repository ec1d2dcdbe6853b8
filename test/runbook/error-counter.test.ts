import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { LogLine } from '../../src/adapters/kubernetes/logs/port.ts'
import { errorLine } from '../../src/runbook/log-records/error-records.ts'
import { ErrorCounter } from '../../src/runbook/monitor/error-counter.ts'
import { clean, failing, multiLine } from './log-lines.ts'
import { service } from './phase-context.ts'

const newCounter = (
  ...seen: ConstructorParameters<typeof ErrorCounter> extends [unknown, ...infer Rest] ? Rest : never
) => new ErrorCounter(errorLine(service.monitor), ...seen)

function lineOf(pod: string, at: number, text: string): LogLine {
  const stamp = `2026-01-05T10:00:00.${String(at).padStart(9, '0')}Z`
  return { pod, container: 'api', timestamp: stamp, text }
}

const stack = ['TypeError: no plan', '    at charge (/app/billing.js:12:7)', '    at run (/app/run.js:1:1)']

describe('errors are counted', () => {
  it('once for each record, whichever pods write between its lines', () => {
    const counter = newCounter([], [])
    stack.forEach((text, index) => {
      for (const pod of ['api-1', 'api-2']) counter.take(lineOf(pod, index + 1, text))
    })
    expect(counter.drain({ all: true, testEvents: [] })).toEqual({
      groups: [expect.objectContaining({ count: 2, example: 'TypeError: no plan … at charge (/app/billing.js:12:7)' })],
      pods: [
        { pod: 'api-1', stamp: '2026-01-05T10:00:00.000000003Z', errors: 1 },
        { pod: 'api-2', stamp: '2026-01-05T10:00:00.000000003Z', errors: 1 },
      ],
    })
  })

  it('only when they are whole: until then the pod stands before their first line', () => {
    const counter = newCounter([], [])
    counter.take(lineOf('api-1', 1, 'billing is up'))
    for (const [index, text] of stack.entries()) counter.take(lineOf('api-1', index + 2, text))
    expect(counter.drain({ all: false, testEvents: [] })).toEqual({
      groups: [],
      pods: [{ pod: 'api-1', stamp: '2026-01-05T10:00:00.000000001Z', errors: 0 }],
    })
    counter.take(lineOf('api-1', 9, 'billing is up again'))
    expect(counter.drain({ all: false, testEvents: [] })).toMatchObject({ pods: [{ errors: 1 }] })
  })

  it('when their second line comes late: what was judged already is judged again, and counts once', () => {
    const counter = newCounter([], [])
    counter.take(lineOf('api-1', 1, stack[0] ?? ''))
    expect(counter.drain({ all: true, testEvents: [] })).toMatchObject({ groups: [], pods: [{ errors: 0 }] })
    for (const [index, text] of stack.slice(1).entries()) {
      counter.take(lineOf('api-1', index + 2, text))
      counter.drain({ all: true, testEvents: [] })
    }
    counter.take(lineOf('api-1', 8, '    at billing (/app/late.js:1:1)'))
    counter.take(lineOf('api-1', 9, 'billing is up again'))
    expect(counter.drain({ all: true, testEvents: [] })).toMatchObject({ groups: [], pods: [{ errors: 0 }] })
  })

  it('by the worker that goes on after a crash, from where the other one stood, and none twice', () => {
    const first = newCounter([], [])
    const all = ['ERROR billing failed', ...stack, 'billing is up'].map((text, index) =>
      lineOf('api-1', index + 1, text),
    )
    for (const line of all.slice(0, 3)) first.take(line)
    const written = first.drain({ all: false, testEvents: [] })
    expect(written.pods).toMatchObject([{ errors: 1 }])
    const second = newCounter(written.pods, written.groups)
    for (const line of all) second.take(line)
    expect(second.drain({ all: true, testEvents: [] }).pods).toMatchObject([{ errors: 1 }])
  })

  it('the same wherever the log is cut between two samples', () => {
    const texts = fc.array(fc.constantFrom(...failing, ...clean, ...multiLine.map(({ text }) => text)), {
      maxLength: 12,
    })
    fc.assert(
      fc.property(texts, fc.infiniteStream(fc.boolean()), (logs, cuts) => {
        const lines = logs.flatMap((text) => text.split('\n')).map((text, index) => lineOf('api-1', index + 1, text))
        const count = (drains: boolean) => {
          const counter = newCounter([], [])
          const counts = lines.flatMap((line) => {
            counter.take(line)
            return drains && cuts.next().value === true ? counter.drain({ all: false, testEvents: [] }).pods : []
          })
          return [...counts, ...counter.drain({ all: true, testEvents: [] }).pods].reduce(
            (sum, { errors }) => sum + errors,
            0,
          )
        }
        expect(count(true)).toBe(count(false))
      }),
      { numRuns: 200 },
    )
  })
})

describe('what a service logs about test events', () => {
  const error = (message: string) => `{"level":"error","msg":"billing: ${message}"}`
  const refusal = error('webhook signature verification failed')
  const at = (seconds: string, text: string): LogLine => ({
    pod: 'api-1',
    container: 'api',
    timestamp: `2026-01-05T${seconds}.500000000Z`,
    text,
  })
  const testEvents = [new Date('2026-01-05T10:00:00Z')]

  it.each([
    ['a refusal at the time of the test event', refusal, '10:00:01', 0],
    ['a refusal at another time', refusal, '10:00:09', 1],
    ['something else at that time', error('charge failed'), '10:00:01', 1],
    ['a line with the id of the event', error('refused evt_1PurserProbe0123456789ab'), '11:00:00', 0],
    ['a line with the name of the sender', error('400 POST /hook "Purser webhook probe"'), '11:00:00', 0],
  ])('%s', (_, text, seconds, errors) => {
    const counter = newCounter([], [])
    counter.take(at(seconds, text))
    expect(counter.drain({ all: true, testEvents })).toMatchObject({ pods: [{ errors }] })
  })

  it('is left out by the times that are known when it is written down, and the pod was read up to there', () => {
    const counter = newCounter([], [])
    counter.take(at('10:00:01', refusal))
    counter.take(at('10:00:02', 'billing is up'))
    expect(counter.inDoubt).toBe(1)
    expect(counter.drain({ all: false, testEvents })).toEqual({
      groups: [],
      pods: [{ pod: 'api-1', stamp: '2026-01-05T10:00:01.500000000Z', errors: 0 }],
    })
  })

  it('counts each when there are more than test events explain', () => {
    const counter = newCounter([], [])
    for (let nanos = 0; nanos < 1_200; nanos += 1)
      counter.take({ ...at('10:00:01', refusal), timestamp: `2026-01-05T10:00:01.${String(nanos).padStart(9, '0')}Z` })
    const { pods } = counter.drain({ all: true, testEvents })
    expect(pods).toMatchObject([{ errors: expect.any(Number) }])
    expect(pods[0]?.errors).toBeGreaterThanOrEqual(199)
  })
})
