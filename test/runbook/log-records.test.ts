import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { visible } from '../../src/outside-text/visible.ts'
import { errorLine } from '../../src/runbook/log-records/error-records.ts'
import { fingerprintOf } from '../../src/runbook/log-records/fingerprint.ts'
import { RecordReader } from '../../src/runbook/log-records/records.ts'
import { clean, failing, multiLine } from './log-lines.ts'

const logs = {
  include: ['billing', 'webhook', 'PlanEnforcement'],
  errors: ['\\berror\\b', '\\bfatal\\b', 'unhandled', 'exception'],
  levels: ['error', 'fatal', 'critical', 'alert', 'emergency', 'panic'],
  maxErrors: 0,
  windowMinutes: 5,
  maxErrorsPerMinute: 0,
}

/** Reads a log from its first to its last line and returns what its errors are shown as. */
function errorsOf(text: string, config: typeof logs = logs): readonly string[] {
  const [reader, shown] = [new RecordReader(), errorLine({ logs: config })]
  const records = text.split('\n').flatMap((line, index) => reader.take(visible(line), String(index)))
  const last = reader.end()
  return [...records, ...(last === undefined ? [] : [last])].flatMap((record) => shown(record) ?? [])
}

describe('one line', () => {
  it('there are enough of them to say so', () => {
    expect(failing.length + clean.length).toBeGreaterThanOrEqual(120)
  })
  it.each(failing)('is an error: %s', (line) => {
    expect(errorsOf(line)).toHaveLength(1)
  })
  it.each(clean)('is none: %s', (line) => {
    expect(errorsOf(line)).toEqual([])
  })
  it.each(failing)('is none when it is about something else: %s', (line) => {
    expect(errorsOf(line, { ...logs, include: ['thumbnails'] })).toEqual([])
  })
})

describe('lines that belong together', () => {
  it.each(multiLine)('$name', ({ text, errors }) => {
    expect(errorsOf(text)).toEqual(errors)
  })
})

describe('levels of the service’s own', () => {
  const own = { ...logs, levels: ['OOPS', 'warning'] }
  it.each([
    ['{"level":"oops","msg":"billing"}', 1],
    ['time=now level=Oops msg=billing', 1],
    ['{"level":40,"msg":"billing"}', 1],
    ['{"level":"error","msg":"billing"}', 0],
  ])('%s', (line, count) => {
    expect(errorsOf(line, own)).toHaveLength(count)
  })
  it('a level that nobody knows says nothing, so the words count', () => {
    expect(errorsOf('{"level":"gold","msg":"billing error"}')).toHaveLength(1)
    expect(errorsOf('{"level":"gold","msg":"billing"}')).toEqual([])
  })
})

describe('repeats of one error', () => {
  it.each<[string, string, string]>([
    [
      'at another time, of another event and request',
      '2026-03-10T11:17:00.123Z ERROR billing: event evt_1NG8Du2eZvKYlo2C of 6ba7b810-9dad-11d1-80b4-00c04fd430c8 failed after 32 ms',
      '2026-03-10T12:00:09Z ERROR billing: event evt_9zzAAu2eZvKYlo2D of 16fd2706-8baf-433b-82eb-8c7fada847da failed after 1250.5 ms',
    ],
    ['about another value', `billing: no plan "team"`, `billing: no plan "business"`],
    ['at another address', 'billing: panic at 0x7ffe12 in a1b2c3d4e5f6', 'billing: panic at 0x33 in 99b2c3d4e5f7'],
    [
      'as JSON',
      '{"time":"2026-03-10T11:17:00.1Z","level":"error","msg":"refresh failed","attempt":3}',
      '{"time":"2026-03-10T11:18:00.9Z","level":"error","msg":"refresh failed","attempt":4}',
    ],
  ])('%s are one', (_, one, other) => {
    expect(fingerprintOf(other)).toBe(fingerprintOf(one))
  })

  it('other errors are others', () => {
    const msg = (text: string) => `{"level":"error","msg":"${text}"}`
    expect(fingerprintOf(msg('refresh failed'))).not.toBe(fingerprintOf(msg('insert failed')))
    expect(fingerprintOf('billing error: no plan')).not.toBe(fingerprintOf('billing error: no customer'))
  })

  it('a line without end has a fingerprint that has one', () => {
    expect(fingerprintOf(`billing ${'x'.repeat(100_000)}`).length).toBeLessThanOrEqual(300)
  })
})

describe('any text', () => {
  const pieces = fc.constantFrom(
    ...failing.slice(0, 40),
    ...'{|}|[|]|"|\\|level=|=|:| |\t|ERROR|error: |[error]|{"level":|50|at x (y)|Traceback (most recent call last):|panic: |<11>|E0102 |\r|\u001b[31m|\n'.split(
      '|',
    ),
  )
  it('is read without an error, to no more records than lines', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(pieces, fc.string()), { maxLength: 30 }), (parts) => {
        const text = parts.join('')
        expect(errorsOf(text).length).toBeLessThanOrEqual(text.split(/[\n\r]/).length)
      }),
      { numRuns: 500 },
    )
  })

  /** A pattern that looks at a megabyte once for each of its characters would hold the test up for hours. */
  it.each([
    ['{"level":"info","msg":"billing ', 'x'],
    ['{"a":', '{"a":'],
    ['{"a":', '['],
    ['', '"'],
    ['', "'"],
    ['', '\\'],
    ['billing ', 'error '],
    ['billing ', 'error:'],
    ['', 'a.'],
    ['', 'a-'],
    ['', 'A'],
    ['', '['],
    ['', '[a] '],
    ['', '1 '],
    ['', 'a=b '],
    ['', 'a="'],
    ['', '/'],
    ['GET /', 'GET /'],
    ['', '\t'],
    ['', '\r'],
    ['', ' at '],
    ['', 'a('],
    ['', 'no error '],
  ])('of a megabyte is read once: %j and %j again and again', (head, piece) => {
    const text = head + piece.repeat(1_000_000 / piece.length)
    expect(errorsOf(text).length).toBeLessThanOrEqual(text.length)
  })
})
