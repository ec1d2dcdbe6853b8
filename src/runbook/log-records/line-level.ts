import { levelOfLetter, levelOfPriority, levelOfWord } from './levels.ts'

/**
 * Reads the level of a line of plain text: `2026-01-05 10:00:00,123 [main] ERROR c.v.Billing - …`, `[error] 29#29: …`,
 * `error: …`, `E0105 10:00:00.123 1 sync.go:12] …`. It has to stand where loggers put it, behind nothing but times,
 * numbers, brackets and names; in the middle of a sentence the same word is prose, and the line has no level.
 */
export function levelOfLine(line: string): string | undefined {
  return new LineHead(line.slice(0, longestHead)).level()
}

/** The level stands within the first characters of a line, behind no more parts than this. */
const longestHead = 400
const mostParts = 28

/** In capitals these are words like any other; before a colon, or in brackets of their own, they are levels. */
const needColon = new Set(
  'log config fine finer finest all note fail failure default success spam trac deb fat fata cri emer'.split(' '),
)
/** Before a colon these name a part, as in Go's `http: panic serving …`, unless they stand in capitals. */
const namesOfParts = new Set('config log all default verb deb success spam'.split(' '))
/** These are levels of some logger, and in a line of text nearly always something else. */
const onlyInFields = new Set(['http', 'ok'])
/** Straight behind the time these are levels, also in small letters; others are too often words of a message. */
const behindTime = new Set('trace verbose debug info notice warn warning error fatal critical'.split(' '))
/** With one of these a sentence begins, or the head of a stack trace, and no name of a logger. */
const trouble =
  /error$|exception$|^(?:panic|fatal|unhandled|uncaught|fail(?:ed|ure|ing|s)?|cannot|could|no|not|when|while|if|on|in|after|before|with|without)$/i

const space = /\s{1,40}/y
const separators = /[|•·>:,;*=~-]{1,12}/y
const numeric = /[#*+~v]?\d[\w:.,+/#%-]{0,60}/y
const zone = /(?:UTC|GMT|[A-Z]{1,3}[SD]T|CET|[AP]M|[ap]m|Z)(?![\w])[,:]?/y
const calendar =
  /(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun|Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]{0,6}(?![\w-])[,.]?/y
const priority = /<(\d{1,3})>/y
const klog = /([IWEF])(?:20\d\d)?[01]\d[0-3]\d \d\d:\d\d:\d\d/y
const ruby = /([DIWEF]), \[/y
const logcat = /([VDIWEF])\/[\w.-]{1,40}(?:\(\s{0,4}\d{1,7}\))?:/y
const mongo = /([FEWID]) {1,2}[A-Z]{3,10} {1,8}\[/y
const monolog = /[\w-]{1,40}\.(DEBUG|INFO|NOTICE|WARNING|ERROR|CRITICAL|ALERT|EMERGENCY):/y
const squareBrackets = /\[([^\]\n]{0,160})\]/y
const roundBrackets = /\(([^)\n]{0,80})\)/y
const angleBrackets = /<([^>\n]{0,80})>/y
const word = /[A-Za-z]{1,13}(?![\w.$@\\-])/y
const name = /[A-Za-z_][\w.$@\\/-]{0,80}(?:\[\d{1,7}\])?(?![\w=("'])/y

class LineHead {
  readonly #line: string
  #at = 0
  /** A severity of syslog; the level that the message itself names goes before it. */
  #priority: string | undefined
  #sawTime = false
  #names = 0
  #bareNames = 0

  constructor(line: string) {
    this.#line = line
  }

  level(): string | undefined {
    const begins = this.#letter(klog) ?? this.#letter(ruby) ?? this.#letter(logcat)
    if (begins !== undefined) return begins
    for (let parts = 0; parts < mostParts && this.#at < this.#line.length; parts += 1) {
      if (this.#take(space) !== undefined || this.#take(separators) !== undefined) continue
      const found = this.#letter(klog) ?? this.#letter(mongo) ?? this.#channel() ?? this.#word()
      if (found !== undefined) return found
      const brackets = this.#take(squareBrackets)?.[1]
      if (brackets === undefined && !this.#prefix()) break
      const inside = brackets === undefined ? undefined : levelInside(brackets)
      if (inside !== undefined) return inside
      if (/\d/.test(brackets ?? '')) this.#sawTime = true
    }
    return this.#priority
  }

  #take(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#at
    const match = pattern.exec(this.#line)
    if (match === null) return undefined
    this.#at = pattern.lastIndex
    return match
  }

  #letter(pattern: RegExp): string | undefined {
    const letter = this.#take(pattern)?.[1]
    return letter === undefined ? undefined : levelOfLetter(letter)
  }

  /** Passes over what may stand before a level; false when this is something else. */
  #prefix(): boolean {
    const syslog = this.#take(priority)?.[1]
    if (syslog !== undefined) {
      this.#priority = levelOfPriority(Number(syslog))
      return true
    }
    if (this.#take(numeric) !== undefined || this.#take(zone) !== undefined || this.#take(calendar) !== undefined) {
      this.#sawTime = true
      return true
    }
    if ((this.#take(roundBrackets) ?? this.#take(angleBrackets)) !== undefined) return true
    return this.#name()
  }

  /** Reads Monolog's `app.ERROR:`. */
  #channel(): string | undefined {
    const level = this.#take(monolog)?.[1]
    return level === undefined ? undefined : levelOfWord(level)
  }

  /** Reads a level that stands by itself: in capitals, or before a colon or a bar. */
  #word(): string | undefined {
    const from = this.#at
    const text = this.#take(word)?.[0]
    const after = this.#line.slice(this.#at, this.#at + 12)
    this.#at = from
    if (text === undefined) return undefined
    const level = levelOfWord(text)
    const lower = text.toLowerCase()
    const capitals = text === text.toUpperCase()
    if (level === undefined || onlyInFields.has(lower)) return undefined
    if (/^\s{0,10}(?:[|•]|:(?:\s|$))/.test(after)) return namesOfParts.has(lower) && !capitals ? undefined : level
    // Many a format is "time level message", without a sign between them.
    if (this.#sawTime && this.#names === 0 && behindTime.has(text) && /^\s/.test(after)) return level
    // Nest writes its level for everyday messages so, before the name of a part.
    if (text === 'LOG' && /^\s{1,8}\[/.test(after)) return level
    const ends = /^(?:[\s\]|,;!:>)([]|$)/.test(after)
    return capitals && ends && text.length >= 3 && !needColon.has(lower) ? level : undefined
  }

  /** Passes over the name of a program, thread or logger, which has a separator behind it or looks like no word. */
  #name(): boolean {
    const from = this.#at
    const text = this.#take(name)?.[0]
    if (text === undefined) return false
    const after = this.#line.slice(this.#at, this.#at + 8)
    const separated = /^(?:\s{0,3}(?:[-|:>•–]|\[)|\])/.test(after)
    const technical = /[\d._/$@\\-]/.test(text.replace(/[.:]$/, ''))
    const bare = !separated && !technical
    const isName = !trouble.test(text.replace(/\W+$/, '')) && (!bare || this.#mayBeBare(text))
    if (isName && this.#names < 4) {
      this.#names += 1
      if (bare) this.#bareNames += 1
      return true
    }
    this.#at = from
    return false
  }

  /** Takes a word for a name without any sign of one: the first of a line, or a host and a program behind the time. */
  #mayBeBare(text: string): boolean {
    return /^[a-z]/.test(text) && this.#bareNames < (this.#sawTime ? 2 : 1)
  }
}

/** Reads `[error]`, `[core:error]` (Apache) and `[10:00:00 ERR]`: alone in any case, among other words in capitals. */
function levelInside(inside: string): string | undefined {
  const alone = /^\s*([A-Za-z]{3,13})\s*$/.exec(inside)?.[1]
  if (alone !== undefined) return onlyInFields.has(alone.toLowerCase()) ? undefined : levelOfWord(alone)
  const apache = /^[a-z_]{2,20}:([a-z]{3,9})\d?$/.exec(inside)?.[1]
  if (apache !== undefined) return levelOfWord(apache)
  for (const part of inside.split(/[\s:|,/]+/, 12))
    if (/^[A-Z]{3,11}$/.test(part) && !needColon.has(part.toLowerCase()) && !onlyInFields.has(part.toLowerCase())) {
      const level = levelOfWord(part)
      if (level !== undefined) return level
    }
  return undefined
}
