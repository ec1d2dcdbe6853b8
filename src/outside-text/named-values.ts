import { masked } from './forms.ts'

/** Words that name a secret wherever they are a key, or its last part (`db_password`, `stripeSecretKey`); longer ones come first. */
const keys =
  /passphrase|password|passwd|pwd|clientsecret|signingsecret|secret(?:[_-]?(?:access[_-]?)?key)?|(?:api|access|private)[_-]?key|client-key-data|(?:id|access|refresh|auth|identity)[_-]?token|token|auth/gi

const longestKey = 64
/** A value as one word of YAML or of an environment. */
const shortestWord = 4
/** What of a word tells whether it is a secret. */
const telling = 256

/** What is no secret although it stands behind such a key: words of YAML, and references to variables. */
const harmless = /^(?:(?:true|false|null|none|~|\*+)$|\$\d|\$\{|\$\(|\[masked\])/i
/** What shows its kind and nothing else is masked already. */
const alreadyMasked = /^(?:[a-z]+[_-](?:live_|test_)?|eyJ|AKIA|ASIA)?\[masked\]$/
const address = /^[a-z][a-z0-9+.-]{0,30}:\/\//i

/**
 * Masks what is written under a key that says so: in JSON (escaped or not), YAML, variables of an environment, a query of a URL and
 * SQL. Prose goes on after such a word, so only a value that ends its line or is quoted counts there. Each key is looked at once.
 */
export function maskNamed(text: string): string {
  let shown = ''
  let from = 0
  keys.lastIndex = 0
  for (let key = keys.exec(text); key !== null; key = keys.exec(text)) {
    const value = valueBehind(text, key.index, key[0])
    if (value === undefined) continue
    shown += `${text.slice(from, value.from)}${masked}`
    from = value.to
    keys.lastIndex = from
  }
  return from === 0 ? text : shown + text.slice(from)
}

interface Span {
  readonly from: number
  readonly to: number
}

function valueBehind(text: string, at: number, word: string): Span | undefined {
  const begin = keyBefore(text, at, word)
  if (begin === undefined) return undefined
  const end = at + word.length
  const quote = matchAt(quotationMark, text, end)
  const onlyQuoted = word.toLowerCase() === 'auth'
  if (quote !== '') {
    if (text.slice(Math.max(0, begin - quote.length), begin) !== quote) return undefined
    const value = quotedBehind(text, end + quote.length)
    return value !== undefined && onlyQuoted && !isLogin(text.slice(value.from, value.to)) ? undefined : value
  }
  if (onlyQuoted) return undefined
  return behindEquals(text, end, word) ?? behindColon(text, begin, end) ?? behindSpace(text, end, word)
}

/** Returns the place where the key begins whose last part is this word; undefined when it is a part of another word. */
function keyBefore(text: string, at: number, word: string): number | undefined {
  let begin = at
  while (begin > 0 && at - begin < longestKey && /[A-Za-z0-9_.-]/.test(text.charAt(begin - 1))) begin -= 1
  const former = text.charAt(at - 1)
  if (begin === at || /[_.-]/.test(former) || /^passw/i.test(word)) return begin
  // `dbToken`, but neither `detoken` nor `DETOKEN`.
  return /[a-z0-9]/.test(former) && /^[A-Z]/.test(word) ? begin : undefined
}

/** A login as docker keeps it: `user:password` in base64. */
function isLogin(value: string): boolean {
  return /^[A-Za-z0-9+/]{8,}={0,2}$/.test(value) && Buffer.from(value, 'base64').toString('latin1').includes(':')
}

/** The quotation mark that ends a key, with the backslashes of JSON inside of JSON. */
const quotationMark = /\\{0,8}["']/y
const colonAndMark = /\s{0,8}:\s{0,8}(\\{0,8}["'])/y
const equalsSign = /[ \t]{0,4}=(?!=)[ \t]{0,4}/y
const colonOfYaml = /:[ \t]{1,8}/y
const wordOfYaml = /[^\s"',;{}]+/y
const restOfLine = /[ \t]{0,64}(?:$|[,;}\n\r])/y
const wordStart = new RegExp(`[^\\s&"']{1,${telling}}`, 'y')

function matchAt(pattern: RegExp, text: string, at: number): string {
  pattern.lastIndex = at
  return pattern.exec(text)?.[0] ?? ''
}

function quotedBehind(text: string, at: number): Span | undefined {
  colonAndMark.lastIndex = at
  const found = colonAndMark.exec(text)
  return found === null ? undefined : quoted(text, at + found[0].length, found[1] ?? '"')
}

/** The value up to the quotation mark that ends it, or the end of its line: it may have been cut. */
function quoted(text: string, from: number, quote: string): Span | undefined {
  let to = from
  while (to < text.length && text.charAt(to) !== '\n' && !text.startsWith(quote, to))
    to += text.charAt(to) === '\\' ? escapeLength(text, to, quote) : 1
  to = Math.min(to, text.length)
  const short = text.slice(from, Math.min(to, from + telling))
  return short === '' || alreadyMasked.test(short) ? undefined : { from, to }
}

/** How many characters a backslash makes one, of those that may hold the mark that is looked for. */
function escapeLength(text: string, at: number, quote: string): number {
  let end = at
  while (text.charAt(end) === '\\') end += 1
  const slashes = end - at
  const isMark = text.charAt(end) === quote.at(-1)
  // In plain JSON an even number of backslashes stands for themselves, and the mark behind them is the end.
  return isMark && (quote.length > 1 || slashes % 2 === 1) ? slashes + 1 : slashes
}

function behindEquals(text: string, end: number, word: string): Span | undefined {
  const equals = matchAt(equalsSign, text, end)
  if (equals === '') return undefined
  const from = end + equals.length
  const quote = matchAt(quotationMark, text, from)
  if (quote !== '') return quoted(text, from + quote.length, quote)
  const value = matchAt(wordStart, text, from)
  // A password may be short, and `password = x` stands in settings; `token = x` stands in programs.
  const isPassword = /^(?:passw|pwd|passphrase)/i.test(word)
  if (value === '' || (!isPassword && (value.length < shortestWord || equals !== '='))) return undefined
  return isSecret(value) ? { from, to: endOfWord(text, from + value.length) } : undefined
}

function endOfWord(text: string, from: number): number {
  let to = from
  while (to < text.length && !/[\s&"']/.test(text.charAt(to))) to += 1
  return to
}

function behindColon(text: string, begin: number, end: number): Span | undefined {
  const colon = matchAt(colonOfYaml, text, end)
  if (colon === '' || !/^[\s,{]?$/.test(text.charAt(begin - 1))) return undefined
  const from = end + colon.length
  const quote = matchAt(quotationMark, text, from)
  if (quote !== '') {
    const inside = quoted(text, from + quote.length, quote)
    return inside === undefined ? undefined : { from, to: Math.min(text.length, inside.to + quote.length) }
  }
  const value = matchAt(wordOfYaml, text, from)
  if (value.length < shortestWord || !isSecret(value)) return undefined
  restOfLine.lastIndex = from + value.length
  return restOfLine.test(text) ? { from, to: from + value.length } : undefined
}

/** `ALTER ROLE app PASSWORD 'x'`. */
function behindSpace(text: string, end: number, word: string): Span | undefined {
  if (!/^password$/i.test(word) || !/[ \t]/.test(text.charAt(end)) || text.charAt(end + 1) !== "'") return undefined
  return quoted(text, end + 2, "'")
}

function isSecret(value: string): boolean {
  return !harmless.test(value) && !alreadyMasked.test(value) && !address.test(value)
}
