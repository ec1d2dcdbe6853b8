import { describe, expect, it } from 'vitest'
import { dateWords } from '../../sandbox/slack/dates.ts'
import { plainText } from '../../sandbox/slack/plain-text.ts'

/** Saturday, 28 November 2026, 17:19:42 in UTC. */
const at = Date.UTC(2026, 10, 28, 17, 19, 42)
const seconds = at / 1000
const days = (count: number) => new Date(at + count * 86_400_000)
const reader = { now: days(3), timeZone: 'UTC', locale: 'en-US' }

describe('a date is drawn as Slack draws it', () => {
  it.each([
    ['{date_num}', '2026-11-28'],
    ['{date_slash}', '11/28/2026'],
    ['{date}', 'November 28th'],
    ['{date_pretty}', 'November 28th'],
    ['{date_short}', 'Nov 28'],
    ['{date_short_pretty}', 'Nov 28'],
    ['{date_long}', 'Saturday, November 28th'],
    ['{date_long_pretty}', 'Saturday, November 28th'],
    ['{date_long_full}', 'November 28, 2026'],
    ['{day_divider_pretty}', 'Saturday, November 28th'],
    ['{time}', '5:19 PM'],
    ['{time_secs}', '5:19:42 PM'],
    ['{ago}', '3 days ago'],
    ['Since {date_short} at {time}', 'Since Nov 28 at 5:19 PM'],
  ])('%s', (format, words) => {
    expect(dateWords(seconds, format, reader)).toBe(words)
  })

  it.each([
    [1, 'Since yesterday 5:19 PM'],
    [0, 'Since today 5:19 PM'],
    [-1, 'Since tomorrow 5:19 PM'],
    [-2, 'Since Nov 28 5:19 PM'],
    [181, 'Since Nov 28, 2026 5:19 PM'],
    [-185, 'Since Nov 28, 2026 5:19 PM'],
  ])('seen %i days later: %s', (later, words) => {
    expect(dateWords(seconds, 'Since {date_short_pretty} {time}', { ...reader, now: days(later) })).toBe(words)
  })

  it('with a capital where it begins the format', () => {
    expect(dateWords(seconds, '{date_short_pretty} {time}', { ...reader, now: days(0) })).toBe('Today 5:19 PM')
  })

  it('in the time zone and with the clock of the reader', () => {
    const format = 'Since {date_short_pretty} {time}'
    const inTokyo = { now: days(0), timeZone: 'Asia/Tokyo', locale: 'de-DE' }
    expect(dateWords(seconds, format, inTokyo)).toBe('Since today 02:19')
    expect(dateWords(seconds, '{date_num}', inTokyo)).toBe('2026-11-29')
    expect(dateWords(seconds, '{date_slash}', inTokyo)).toBe('29.11.2026')
  })

  it.each([
    ['{date_short}', Number.NaN],
    ['{date_short}', 9e15],
    ['{date_shrt}', seconds],
    ['{date_short} {frobnicate}', seconds],
    ['no token', seconds],
  ])('and not at all when it cannot be: %s of %d', (format, when) => {
    expect(dateWords(when, format, reader)).toBeUndefined()
  })

  it('with the endings of English', () => {
    const ofDay = (day: number) => dateWords(Date.UTC(2026, 10, day) / 1000, '{date}', reader)
    expect([1, 2, 3, 4, 11, 12, 13, 21, 22, 23].map(ofDay)).toEqual(
      ['1st', '2nd', '3rd', '4th', '11th', '12th', '13th', '21st', '22nd', '23rd'].map((day) => `November ${day}`),
    )
  })
})

describe('a transcript', () => {
  const read = (text: string) => plainText({ text }, undefined, { ...reader, now: days(0) })

  it('has dates in words, and the fallback only where Slack shows it', () => {
    expect(read(`locked since <!date^${seconds}^{date_num} {time}|28 Nov 17:19 UTC>`)).toBe(
      'locked since 2026-11-28 5:19 PM',
    )
    expect(read(`<!date^${seconds}^On {date_pretty}^https://example.org|then>`)).toBe('On today')
    expect(read(`<!date^${seconds}^{when}|28 Nov 17:19 UTC>`)).toBe('28 Nov 17:19 UTC')
  })

  it('has the dates of rich text, in their own time zone when they name one', () => {
    const date = { type: 'date', timestamp: seconds, format: '{time}', fallback: 'then' }
    const elements = [
      date,
      { type: 'text', text: ' and ' },
      { ...date, timezone: 'Asia/Tokyo' },
      { type: 'text', text: ' or ' },
      { ...date, format: '?' },
    ]
    const blocks = [{ type: 'rich_text', block_id: '1', elements: [{ type: 'rich_text_section', elements }] }]
    expect(plainText({ text: '', blocks }, undefined, reader)).toBe('5:19 PM and 2:19 AM or then')
  })
})
