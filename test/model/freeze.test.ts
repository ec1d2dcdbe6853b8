import { describe, expect, it } from 'vitest'
import { freezeAt, type FreezeWindow } from '../../src/model/freeze.ts'

const berlin = 'Europe/Berlin'
const weekend: FreezeWindow = { name: 'Weekend', starts: '0 18 * * FRI', hours: 63 }
const monthEnd: FreezeWindow = { name: 'Month end', starts: '0 0 L * *', hours: 24 }
const holidays: FreezeWindow = { name: 'Holidays', from: '2026-12-23T18:00', to: '2027-01-02T06:00' }

const at = (windows: readonly FreezeWindow[], time: string, zone = berlin) => {
  const freeze = freezeAt(windows, new Date(time), zone)
  return freeze === undefined ? undefined : `${freeze.name} until ${freeze.until.toISOString().slice(0, 16)}Z`
}

describe('a freeze', () => {
  it.each<[string, readonly FreezeWindow[], string, string | undefined]>([
    ['before it begins', [weekend], '2026-11-27T16:59:59Z', undefined],
    ['when it begins', [weekend], '2026-11-27T17:00:00Z', 'Weekend until 2026-11-30T08:00Z'],
    ['while it is on', [weekend], '2026-11-29T12:00:00Z', 'Weekend until 2026-11-30T08:00Z'],
    ['just before its end', [weekend], '2026-11-30T07:59:59Z', 'Weekend until 2026-11-30T08:00Z'],
    ['at its end', [weekend], '2026-11-30T08:00:00Z', undefined],
    ['a single one', [holidays], '2026-12-24T12:00:00Z', 'Holidays until 2027-01-02T05:00Z'],
    ['a single one, before', [holidays], '2026-12-23T16:59:59Z', undefined],
    ['a single one, from its first second', [holidays], '2026-12-23T17:00:00Z', 'Holidays until 2027-01-02T05:00Z'],
    ['a single one, after', [holidays], '2027-01-02T05:00:00Z', undefined],
    ['the last day of a month', [monthEnd], '2026-11-30T12:00:00Z', 'Month end until 2026-11-30T23:00Z'],
    ['the last day of February', [monthEnd], '2027-02-28T12:00:00Z', 'Month end until 2027-02-28T23:00Z'],
    ['the day before the last', [monthEnd], '2026-11-29T12:00:00Z', undefined],
    [
      'two that touch are one',
      [weekend, { name: 'Monday', starts: '0 9 * * MON', hours: 3 }],
      '2026-11-29T12:00:00Z',
      'Weekend until 2026-11-30T11:00Z',
    ],
    ['two that overlap', [weekend, holidays], '2026-12-26T12:00:00Z', 'Holidays until 2027-01-04T08:00Z'],
    ['none at all', [], '2026-12-26T12:00:00Z', undefined],
  ])('%s', (_, windows, time, expected) => {
    expect(at(windows, time)).toBe(expected)
  })

  it('keeps to the clock of the environment when clocks change', () => {
    const night: FreezeWindow = { name: 'Night', starts: '0 22 * * *', hours: 8 }
    // Summer time ends in Berlin on 25 October 2026, when 03:00 becomes 02:00; eight hours are eight hours.
    expect(at([night], '2026-10-24T20:00:00Z')).toBe('Night until 2026-10-25T04:00Z')
    expect(at([night], '2026-10-25T21:00:00Z')).toBe('Night until 2026-10-26T05:00Z')
    expect(at([night], '2026-10-25T20:30:00Z')).toBeUndefined()
    expect(at([night], '2026-10-25T20:30:00Z', 'UTC')).toBeUndefined()
    expect(at([night], '2026-10-25T22:00:00Z', 'UTC')).toBe('Night until 2026-10-26T06:00Z')
  })

  it('that never ends is told with an end all the same', () => {
    const always: FreezeWindow = { name: 'Always', starts: '0 0 * * *', hours: 25 }
    expect(at([always], '2026-11-29T12:00:00Z')).toMatch(/^Always until 20\d\d-/)
  })
})
