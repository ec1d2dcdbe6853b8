import { levelOfNumber, levelOfWord } from './levels.ts'

/** What a line of pairs says about its level. */
interface PairLevel {
  readonly level: string
  /** Whether nothing but pairs, times and names stands before it; in prose `level=info` may be about anything. */
  readonly leads: boolean
}

const levelKeys = new Set(['level', 'lvl', 'severity', 'sev', 'loglevel', 'levelname', 'log.level', 'at'])
/** Words before the first pair that may be the names of a pod and its container. */
const mostNames = 2

/** Reads `level=error` of a line of pairs (logfmt), quoted or not; one that stands inside of quotes is content. */
export function levelOfPairs(line: string, own: ReadonlySet<string>): PairLevel | undefined {
  let names = 0
  let prose = false
  for (let at = 0; at < line.length;) {
    const { key, value, end } = tokenAt(line, at)
    at = end
    if (value === undefined) {
      if (/^[A-Za-z]/.test(key) && !/[[\]|]/.test(key)) names += 1
      prose ||= names > mostNames || /^[A-Z]|error|exception|unhandled|uncaught|fail|panic/.test(key)
      continue
    }
    const name = key.toLowerCase().replaceAll(/[_@-]/g, '')
    const level = levelKeys.has(name) ? levelOf(value.trim(), own, name !== 'at') : undefined
    if (level !== undefined) return { level, leads: !prose }
  }
  return undefined
}

function levelOf(value: string, own: ReadonlySet<string>, mayBeNumber: boolean): string | undefined {
  if (own.has(value.toLowerCase())) return value.toLowerCase()
  return (
    levelOfWord(value) ?? (mayBeNumber && /^\d{1,5}$/.test(value) ? levelOfNumber(Number(value), 'any') : undefined)
  )
}

/** Reads up to the next space: a word, or a key with its value, in quotes perhaps. Each character is looked at once. */
function tokenAt(line: string, from: number): { key: string; value: string | undefined; end: number } {
  let at = from
  while (at < line.length && isSpace(line.charCodeAt(at))) at += 1
  if (line.charAt(at) === '"') return { key: '"', value: undefined, end: endOfQuotes(line, at) }
  const begin = at
  while (at < line.length && !isSpace(line.charCodeAt(at)) && line.charAt(at) !== '=') at += 1
  // Keys are short; of a longer word nobody needs a copy.
  const key = line.slice(begin, Math.min(at, begin + 64))
  if (line.charAt(at) !== '=') return { key, value: undefined, end: at }
  const value = at + 1
  if (line.charAt(value) === '"') {
    const end = endOfQuotes(line, value)
    return { key, value: line.slice(value + 1, Math.min(end - 1, value + 65)), end }
  }
  at = value
  while (at < line.length && !isSpace(line.charCodeAt(at))) at += 1
  return { key, value: line.slice(value, Math.min(at, value + 64)).replace(/[,;]$/, ''), end: at }
}

function endOfQuotes(line: string, from: number): number {
  let at = from + 1
  while (at < line.length && line.charAt(at) !== '"') at += line.charAt(at) === '\\' ? 2 : 1
  return at + 1
}

function isSpace(code: number): boolean {
  return code === 0x20 || (code >= 0x09 && code <= 0x0d)
}
