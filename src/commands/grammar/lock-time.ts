import { Cron } from 'croner'
import { clip } from '../../outside-text/cut.ts'
import { tidyTime } from './typed.ts'
import { isReason } from './words.ts'

/** What stands behind `/billing lock`: until when, and why; or one sentence that says what is wrong with it. */
type LockWords =
  | { readonly ok: true; readonly until: Date | undefined; readonly reason: string | undefined }
  | { readonly ok: false; readonly problem: string }

const minuteMs = 60_000
const longestMs = 30 * 24 * 60 * minuteMs
const units: Readonly<Record<string, number>> = { m: 1, h: 60, d: 24 * 60 }
const noReason = 'Give a reason (3–300 characters). Everyone sees it.'
const examples = 'Try “until 18:00”, “until tomorrow 09:00”, “until 2026-12-24 18:00” or “for 2h”.'

/**
 * Reads `until 18:00 REASON`, `for 2h REASON` or only a reason; times of day are those of `timeZone`. Anything else that begins
 * with `until` or `for`, as in “for the audit”, is a reason. Pure.
 */
export function readLockWords(text: string, now: Date, timeZone: string): LockWords {
  const typed = text.trim()
  const timed = /^(?<word>until|for)\s+(?<rest>(?:tomorrow\b|\d)[\s\S]*)$/i.exec(tidyTime(typed))?.groups
  if (timed === undefined) return withReason(undefined, typed)
  const { word = '', rest = '' } = timed
  const read = word.toLowerCase() === 'for' ? readDuration(rest, now) : readTime(rest, now, timeZone)
  if (read === undefined) return { ok: false, problem: `“${word} ${firstWords(rest)}” isn't a time. ${examples}` }
  const { until, left } = read
  const ms = until.getTime() - now.getTime()
  if (ms <= 0) return { ok: false, problem: `That time has passed. ${examples}` }
  // A time beyond what a Date can hold is no number.
  if (!(ms <= longestMs))
    return { ok: false, problem: 'A lock can end within 30 days at most. Without a time, it stays until you unlock.' }
  return withReason(until, left)
}

/**
 * Says what is wrong with an end that stands by itself, as a dialog asks for it: whatever is no time would be taken for a part
 * of the reason, and the lock would have no end. Pure.
 */
export function endProblem(text: string, now: Date, timeZone: string): string | undefined {
  const read = readLockWords(text, now, timeZone)
  if (!read.ok && read.problem !== noReason) return read.problem
  return read.ok && read.until !== undefined && read.reason === undefined
    ? undefined
    : `“${clip(text, 60)}” isn't a time. ${examples}`
}

function withReason(until: Date | undefined, text: string): LockWords {
  if (text === '') return { ok: true, until, reason: undefined }
  if (!isReason(text)) return { ok: false, problem: noReason }
  return { ok: true, until, reason: text }
}

interface Read {
  readonly until: Date
  /** What follows the time. */
  readonly left: string
}

/** `2h`, `1h30m`, `90 min`, `1 day`. */
function readDuration(text: string, now: Date): Read | undefined {
  const found = /^(?:\d+\s*(?:minutes?|mins?|min|m|hours?|hrs?|h|days?|d)\b\s*|\d+[hd](?=\d))+/i.exec(text)?.[0]
  if (found === undefined) return undefined
  const parts = [...found.matchAll(/(\d+)\s*([a-z]+)/gi)]
  const total = parts.reduce((sum, [, count = '', unit = '']) => sum + Number(count) * minutesOf(unit), 0)
  return { until: new Date(now.getTime() + total * minuteMs), left: text.slice(found.length).trim() }
}

function minutesOf(unit: string): number {
  const first = unit.toLowerCase()[0] ?? ''
  return units[first] ?? 0
}

/** `18:00`, `tomorrow 9:00`, `2026-12-24 18:00`. A time of day alone is the next one. */
function readTime(text: string, now: Date, timeZone: string): Read | undefined {
  const found = /^(?:(?<day>tomorrow|\d{4}-\d{2}-\d{2})[\sT]+)?(?<hour>\d{1,2}):(?<minute>\d{2})(?![\d:])/i.exec(text)
  if (found === null) return undefined
  const { day, hour = '', minute = '' } = found.groups ?? {}
  if (Number(hour) > 23 || Number(minute) > 59) return undefined
  const date = day === undefined ? undefined : /^\d/.test(day) ? day : dayAfter(now, timeZone)
  const until =
    date === undefined
      ? new Cron(`${Number(minute)} ${Number(hour)} * * *`, { timezone: timeZone }).nextRun(now)
      : instant(`${date}T${hour.padStart(2, '0')}:${minute}:00`, timeZone)
  return until === null ? undefined : { until, left: text.slice(found[0].length).trim() }
}

/** The instant of a local time; null for a day that there is not. */
function instant(local: string, timeZone: string): Date | null {
  try {
    return new Cron(local, { timezone: timeZone }).nextRun(new Date(0))
  } catch {
    return null
  }
}

/** Tomorrow's date in that zone: from today's noon in it, a day has between 23 and 25 hours. */
function dayAfter(now: Date, timeZone: string): string {
  const date = (at: Date) => new Intl.DateTimeFormat('en-CA', { timeZone, dateStyle: 'short' }).format(at)
  const noon = instant(`${date(now)}T12:00:00`, timeZone) ?? now
  return date(new Date(noon.getTime() + 24 * 60 * minuteMs))
}

function firstWords(text: string): string {
  return clip(text.split(/\s+/).slice(0, 2).join(' '), 40)
}
