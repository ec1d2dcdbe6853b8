import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readLockWords } from '../../src/commands/grammar/lock-time.ts'

const berlin = 'Europe/Berlin'
/** Winter: Berlin is an hour ahead. */
const now = new Date('2026-11-29T12:30:00Z')

const read = (text: string, zone = berlin, at = now) => {
  const words = readLockWords(text, at, zone)
  return words.ok ? [words.until?.toISOString().replace(':00.000Z', 'Z'), words.reason] : words.problem
}

describe('until when, and why', () => {
  it.each<[string, string | undefined, string | undefined]>([
    ['until 18:00 closing the books', '2026-11-29T17:00Z', 'closing the books'],
    ['UNTIL 18:00 closing', '2026-11-29T17:00Z', 'closing'],
    ['until 9:05 closing', '2026-11-30T08:05Z', 'closing'],
    ['until 13:30 closing', '2026-11-30T12:30Z', 'closing'],
    ['until tomorrow 09:00 audit', '2026-11-30T08:00Z', 'audit'],
    ['until 2026-12-24 18:00 holidays', '2026-12-24T17:00Z', 'holidays'],
    ['until 2026-12-24T18:00 holidays', '2026-12-24T17:00Z', 'holidays'],
    ['for 2h closing', '2026-11-29T14:30Z', 'closing'],
    ['for 2 hours closing', '2026-11-29T14:30Z', 'closing'],
    ['for 90m closing', '2026-11-29T14:00Z', 'closing'],
    ['for 90 min closing', '2026-11-29T14:00Z', 'closing'],
    ['for 1h30m closing', '2026-11-29T14:00Z', 'closing'],
    ['for 1d 2h closing', '2026-11-30T14:30Z', 'closing'],
    ['for 30d closing', '2026-12-29T12:30Z', 'closing'],
    ['for 2h', '2026-11-29T14:30Z', undefined],
    ['until 18:00', '2026-11-29T17:00Z', undefined],
    ['until\u00a018:00 “closing”, all of it.', '2026-11-29T17:00Z', '“closing”, all of it.'],
    ['“until 18:00” closing', '2026-11-29T17:00Z', 'closing'],
    ['Until １８：００ closing', '2026-11-29T17:00Z', 'closing'],
    ['until <tel:18:00|18:00> closing', '2026-11-29T17:00Z', 'closing'],
    ['until 2026‑12‑24 18:00 holidays', '2026-12-24T17:00Z', 'holidays'],
    ['', undefined, undefined],
    ['closing the books', undefined, 'closing the books'],
    ['for the audit', undefined, 'for the audit'],
    ['until we know more', undefined, 'until we know more'],
    ['forever', undefined, 'forever'],
  ])('%j', (text, until, reason) => {
    expect(read(text)).toEqual([until, reason])
  })

  it.each([
    ['until 25:00 closing', /“until 25:00 closing” isn't a time/],
    ['until 18:60 closing', /isn't a time/],
    ['until 18 closing', /isn't a time/],
    ['until tomorrow', /“until tomorrow” isn't a time/],
    ['until tomorrow closing', /isn't a time/],
    ['until 18:00:30 closing', /isn't a time/],
    ['until 2026-02-31 10:00 closing', /isn't a time|passed/],
    ['until 2026-13-01 10:00 closing', /isn't a time/],
    ['until 2026-11-28 10:00 closing', /passed/],
    ['for 2 closing', /“for 2 closing” isn't a time/],
    ['for 2x closing', /isn't a time/],
    ['for 0h closing', /passed/],
    ['for 31d closing', /within 30 days/],
    ['for 99999999999999999999d closing', /within 30 days/],
    ['until 2027-06-01 10:00 closing', /within 30 days/],
    ['until 18:00 x', /Give a reason/],
    [`for 2h ${'x'.repeat(301)}`, /Give a reason/],
  ])('%j is answered by what to type instead', (text, problem) => {
    expect(read(text)).toMatch(problem)
  })
})

describe('times of day are those of the environment, also when clocks change', () => {
  it.each<[string, string, string, string]>([
    ['UTC', '2026-11-29T12:30:00Z', 'until 18:00 why so', '2026-11-29T18:00Z'],
    ['America/New_York', '2026-11-29T12:30:00Z', 'until 18:00 why so', '2026-11-29T23:00Z'],
    ['Asia/Kolkata', '2026-11-29T12:30:00Z', 'until 18:30 why so', '2026-11-29T13:00Z'],
    ['Asia/Kolkata', '2026-11-29T20:30:00Z', 'until tomorrow 09:00 why so', '2026-12-01T03:30Z'],
    // Summer time ends in Berlin on 25 October 2026 at 03:00.
    [berlin, '2026-10-24T20:00:00Z', 'until tomorrow 18:00 why so', '2026-10-25T17:00Z'],
    [berlin, '2026-10-24T20:00:00Z', 'until 18:00 why so', '2026-10-25T17:00Z'],
    // It begins on 28 March 2027 at 02:00.
    [berlin, '2027-03-27T20:00:00Z', 'until 18:00 why so', '2027-03-28T16:00Z'],
    [berlin, '2027-03-27T22:30:00Z', 'until tomorrow 09:00 why so', '2027-03-28T07:00Z'],
  ])('in %s at %s: %s', (zone, at, text, until) => {
    expect(read(text, zone, new Date(at))).toEqual([until, 'why so'])
  })
})

it('reads whatever is typed, and an end is always to come, within 30 days', () => {
  const piece = fc.constantFrom(
    'until ',
    'for ',
    'tomorrow ',
    '18:00 ',
    '2026-12-01 ',
    '2h',
    '30m ',
    '1 ',
    'd ',
    'why ',
    ':',
    '99',
  )
  fc.assert(
    fc.property(fc.array(fc.oneof(piece, fc.string()), { maxLength: 8 }), (pieces) => {
      const words = readLockWords(pieces.join(''), now, berlin)
      if (!words.ok || words.until === undefined) return
      const ms = words.until.getTime() - now.getTime()
      expect(ms).toBeGreaterThan(0)
      expect(ms).toBeLessThanOrEqual(30 * 86_400_000)
    }),
  )
})
