import { millisecondsOf, settingOf } from './settings.ts'
import type { Statement } from './statements.ts'

/** A statement of a migration that changes `lock_timeout`, in whatever way. */
export interface LockLimit {
  readonly line: number
  /** Its place in the text that is run. */
  readonly start: number
  readonly text: string
  /**
   * What becomes of it: `left out` where it does nothing else and is weaker, `set again` where Purser's limit follows it, and `inside` where it
   * stands in a block or a function, so that nothing can come between.
   */
  readonly how: 'left out' | 'set again' | 'inside'
}

/** Statements that may call what nobody sees here; the server's own functions that dumps call by the hundred set no limit. */
const mayHide =
  /^(do|call|execute)\b|^(select|with)\b(?!.*\b(setval|nextval|pg_get_serial_sequence|now|count|max) ?\().*\(/

/** The most places at which the limit is looked at: each is a round trip to the server. */
const mostPlaces = 1_000

/** Tells which of the statements change `lock_timeout`. Pure. */
export function lockLimitsOf(statements: readonly Statement[]): readonly LockLimit[] {
  return statements.flatMap((statement) => {
    const how = howItSets(statement)
    const { line, start, text } = statement
    return how === undefined ? [] : [{ line, start, text, how }]
  })
}

function howItSets({ words, text }: Statement): LockLimit['how'] | undefined {
  // These count for later sessions; each of Purser's sets its own limit.
  if (/^alter (role|user|database|system)\b/.test(words)) return undefined
  if (/^(set (local |session )?|reset )(lock_timeout\b|"")/.test(words) && /^\D*?\block_timeout\b/i.test(text))
    return 'left out'
  if (/^(reset all|discard all)$/.test(words)) return 'set again'
  if (!/lock_timeout/i.test(text)) return undefined
  if (/^do\b|^create (or replace )?(function|procedure)\b/.test(words)) return 'inside'
  return /\bset_config ?\(|\bpg_settings\b/.test(words) ? 'set again' : undefined
}

/** Tells where the limit is set again while a file is run as a whole: the ends of statements after which it may be another. Pure. */
export function placesToSetAgain(statements: readonly Statement[]): readonly number[] {
  const ends = (some: readonly Statement[]): readonly number[] => some.map(({ start, text }) => start + text.length)
  const known = statements.filter((statement) => ['set again', 'inside'].includes(howItSets(statement) ?? ''))
  const hidden = statements.filter(({ words }) => mayHide.test(words))
  const all = [...new Set([...ends(known), ...ends(hidden)])].toSorted((a, b) => a - b)
  return all.length <= mostPlaces ? all : ends(known).slice(0, mostPlaces)
}

/** Sets Purser's limit for the rest of the transaction, unless one is set that is stricter. */
export function lockLimitAgain(lockTimeoutMs: number): string {
  const ms = Math.round(lockTimeoutMs)
  return `select pg_catalog.set_config('lock_timeout', '${ms}ms', true)
    where not (pg_catalog.current_setting('lock_timeout')::pg_catalog.interval between '1 microsecond' and '${ms} milliseconds')`
}

/** Leaves out the file's own lock limits that are weaker than Purser's; a stricter one is the author's wish. Pure. */
export function weakerLockLimits(limits: readonly LockLimit[], lockTimeoutMs: number): readonly LockLimit[] {
  return limits.filter(({ text, how }) => {
    const setting = how === 'left out' ? settingOf({ text, words: text.toLowerCase() }) : undefined
    const ms = setting === undefined ? undefined : millisecondsOf(setting)
    return ms === undefined || ms === 0 || ms > lockTimeoutMs
  })
}
