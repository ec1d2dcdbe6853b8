const second = 1000
const minute = 60 * second
const hour = 60 * minute
const day = 24 * hour

/** Writes a duration for people, never negative: "under 1s", "45s", "1m 12s", "1h 05m", "2d 3h". */
export function duration(ms: number): string {
  const whole = Math.max(0, Math.floor(ms / second) * second)
  if (whole === 0 && ms > 0) return 'under 1s'
  if (whole < minute) return `${whole / second}s`
  if (whole < hour) {
    const seconds = (whole % minute) / second
    return seconds === 0 ? `${whole / minute}m` : `${Math.floor(whole / minute)}m ${pad(seconds)}s`
  }
  if (whole < day) return `${Math.floor(whole / hour)}h ${pad(Math.floor((whole % hour) / minute))}m`
  return `${Math.floor(whole / day)}d ${Math.floor((whole % day) / hour)}h`
}

/** Writes how long a check took: "12 ms", "1.2s", "45s". */
export function milliseconds(ms: number): string {
  if (ms < second) return `${Math.round(ms)} ms`
  return ms < 9.95 * second ? `${(ms / second).toFixed(1)}s` : duration(ms)
}

/** Writes a budget or an estimate: "10 min", "1.5 min", "30 s" (the sandbox scales its monitoring down). */
export function minutes(count: number): string {
  if (count > 0 && count < 1) return `${Math.round(count * 60)} s`
  return `${Math.round(count * 10) / 10} min`
}

/** Writes how long something took or has lasted, in one unit: "850 ms", "40 s", "12 min", "3 h", "2 d". */
export function roughly(ms: number): string {
  if (ms <= 0) return '0 s'
  if (ms < second) return `${Math.round(ms)} ms`
  if (ms < 90 * second) return `${Math.round(ms / second)} s`
  if (ms < 90 * minute) return `${Math.round(ms / minute)} min`
  return ms < 48 * hour ? `${Math.round(ms / hour)} h` : `${Math.round(ms / day)} d`
}

/** Writes a size: "0.4 kB", "12.3 MB", "1.2 GB", "3.4 TB". */
export function sizeOf(bytes: number): string {
  if (bytes < 1e6) return `${(bytes / 1e3).toFixed(1)} kB`
  if (bytes < 1e9) return `${(bytes / 1e6).toFixed(1)} MB`
  return bytes < 1e12 ? `${(bytes / 1e9).toFixed(1)} GB` : `${(bytes / 1e12).toFixed(1)} TB`
}

/** Writes a time: "2026-01-01 09:05 UTC". */
export function utc(at: Date): string {
  return `${at.toISOString().slice(0, 16).replace('T', ' ')} UTC`
}

/** Writes how long ago a time is: "just now", "12m ago", "3h ago", "2d ago". */
export function ago(at: Date, now: Date): string {
  const ms = now.getTime() - at.getTime()
  if (ms < minute) return 'just now'
  if (ms < hour) return `${Math.floor(ms / minute)}m ago`
  if (ms < day) return `${Math.floor(ms / hour)}h ago`
  return `${Math.floor(ms / day)}d ago`
}

/** Writes a number with its noun: "1 migration", "3 migrations". */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`
}

/**
 * Makes a sentence of an error message, which says what was being done in lower case and without a full stop. A name that it
 * begins with, as v1.2.0 or 1_m.sql, is left as it is.
 */
export function sentence(text: string): string {
  const line = oneLine(text)
  const isName = /^\S*[\d_/]/.test(line)
  return `${isName ? line : `${line.charAt(0).toUpperCase()}${line.slice(1)}`}${line === '' || /[.!?…:]$/.test(line) ? '' : '.'}`
}

/** Folds all white space into single spaces. */
export function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim()
}

function pad(count: number): string {
  return String(count).padStart(2, '0')
}
