import { describe, expect, it } from 'vitest'
import { errorTest, fingerprintOf } from '../../src/runbook/monitor/log-lines.ts'

const logs = {
  include: ['billing'],
  errors: ['\\berror\\b', 'unhandled'],
  levels: ['error', 'fatal'],
  maxErrors: 0,
  windowMinutes: 5,
  maxErrorsPerMinute: 0,
}

describe('a log line is an error', () => {
  const isError = errorTest({ logs })
  it.each<[string, boolean, string]>([
    ['by its level', true, '{"level":"error","msg":"billing refresh failed"}'],
    ['by a number as pino writes it', true, '{"level":50,"msg":"billing refresh failed"}'],
    ['by its severity', true, '{"severity":"FATAL","msg":"billing is gone"}'],
    ['by the level of a line of pairs', true, 'time=now level=error msg="billing refresh failed"'],
    ['not when its level is lower, whatever words it has', false, '{"level":"warn","msg":"billing","error":"timeout"}'],
    ['by its words when it has no level', true, 'Unhandled rejection in BILLING'],
    ['by its words when it is half a line of JSON', true, '{"level":"info","msg":"billing error'],
    ['not when it is about something else', false, '{"level":"error","msg":"thumbnails failed"}'],
    ['not without a sign of one', false, 'billing webhook processed'],
  ])('%s', (_, expected, line) => {
    expect(isError(line)).toBe(expected)
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
