import { Sensitive } from './sensitive.ts'

/** Replaces every secret in a text by something that only tells its kind. Safe to repeat. */
type Mask = (text: string) => string

const masked = '[masked]'

/** Shorter values are words that occur by chance, and masking them would only garble every text. */
const shortestSecret = 6

/** Lines of a key are longer; shorter ones are words that occur by chance. */
const longLine = 16

/**
 * Makes a mask for everything that this process knows to be secret (also its base64, URL-encoded and JSON-escaped
 * forms, and the password inside a URL) and for everything that is shaped like a key, a token or a connection string.
 */
export function createMask(secrets: readonly Sensitive[]): Mask {
  const replacements = replacementsOf(secrets.flatMap((secret) => secret.values))
  if (replacements.size === 0) return (text) => maskShapes(visible(text))
  // The longest come first: of two secrets that begin alike, the whole one must go.
  const forms = [...replacements.keys()].sort((a, b) => b.length - a.length)
  const known = new RegExp(forms.map((form) => form.replace(/[.*+?^${}()|[\]\\/-]/g, '\\$&')).join('|'), 'g')
  return (text) => maskShapes(visible(text).replace(known, (form) => replacements.get(form) ?? masked))
}

/** Nobody reads more at once; patterns need a stack that grows with what they match. */
const mostCharacters = 512 * 1024

/**
 * Takes out what steers a terminal (colours, cursor, titles) or turns the direction of the text, and what has no width: between
 * the letters of a secret it would hide it from every pattern, and people would still read it.
 */
export function visible(given: string): string {
  const text = cutBetweenWords(given, mostCharacters)
  return steering.test(text) ? text.replace(sequences, '').replace(invisible, '') : text
}

/** Escape sequences of ECMA-48: CSI, then strings (OSC, DCS, APC, PM, SOS) with their bounded content, then the two-letter ones. */
const sequences =
  // eslint-disable-next-line no-control-regex -- These are the characters that are looked for.
  /(?:\u001b\[|\u009b)[0-?]{0,64}[ -/]{0,8}[@-~]?|(?:\u001b[\]PX^_]|[\u009d\u0090\u0098\u009e\u009f])[^\u0007\u001b\u009c]{0,2048}(?:\u0007|\u001b\\|\u009c)?|\u001b[ -/]{0,8}[0-~]?/g
/** Unicode's control and format characters (direction, no width, soft hyphen, byte order mark) but tab and line ends. */
const invisible = /(?![\t\n\r])[\p{Cc}\p{Cf}]/gu
const steering = new RegExp(invisible.source, 'u')

/** Cuts text between words before it is masked: half of a secret would not be known as one. */
export function cutBetweenWords(text: string, most: number): string {
  if (text.length <= most) return text
  return `${/^[\s\S]*[\s"]/.exec(text.slice(0, most))?.[0].trimEnd() ?? ''}…`
}

/** Keeps the end of a text, from the beginning of a word. */
export function endFromWord(text: string, most: number): string {
  if (text.length <= most) return text
  const end = text.slice(-most)
  const at = end.search(/[\s"]/)
  return at < 0 ? '…' : `…${end.slice(at)}`
}

/**
 * Masks every string in a value: plain data and errors at any depth. Other objects (dates, buffers) are handed through;
 * a cycle ends in the text `[circular]`. What stands below a key of `structure` is words of Purser's own, or of Slack's, and stays as
 * it is: a password that happens to be the name of an environment must not rename it.
 */
export function maskDeep<Value>(value: Value, mask: Mask, structure: ReadonlySet<string> = none): Value {
  return new DeepMask(mask, structure).of(value, []) as Value
}

const none: ReadonlySet<string> = new Set()

/** What the state database decides by: it comes from Purser's own tables and from purser.yaml. */
export const storedStructure: ReadonlySet<string> = new Set([
  'kind',
  'status',
  'environment',
  'service',
  'phase',
  'phases',
  'decision',
  'action',
  'outcome',
  'verdict',
  'source',
  'actor',
  'requestedBy',
  'channel',
  'user',
  'by',
  'planHash',
])

/** What Slack reads and nobody else does. */
export const slackStructure: ReadonlySet<string> = new Set([
  'type',
  'action_id',
  'block_id',
  'callback_id',
  'private_metadata',
  'style',
  'user_id',
  'usergroup_id',
  'channel_id',
])

class DeepMask {
  readonly #mask: Mask
  readonly #structure: ReadonlySet<string>

  constructor(mask: Mask, structure: ReadonlySet<string>) {
    this.#mask = mask
    this.#structure = structure
  }

  of(value: unknown, above: readonly object[]): unknown {
    if (typeof value === 'string') return this.#mask(value)
    if (typeof value !== 'object' || value === null) return value
    if (value instanceof Sensitive) return value.toString()
    if (above.includes(value)) return '[circular]'
    const inside = [...above, value]
    if (Array.isArray(value)) return value.map((item) => this.of(item, inside))
    if (value instanceof Map)
      return new Map([...value].map(([key, item]) => [this.of(key, inside), this.of(item, inside)]))
    if (value instanceof Set) return new Set([...value].map((item) => this.of(item, inside)))

    const prototype: unknown = Object.getPrototypeOf(value)
    const plain = prototype === Object.prototype || prototype === null
    if (!plain && !(value instanceof Error)) return value
    // An error keeps its class, so that `instanceof` and `code` still tell what it is.
    const copy: object = plain ? {} : (Object.create(prototype as object) as object)
    for (const key of Object.getOwnPropertyNames(value)) {
      const inner = (value as Record<string, unknown>)[key]
      const kept = plain && typeof inner === 'string' && this.#structure.has(key)
      Object.defineProperty(copy, plain && !kept ? this.#mask(key) : key, {
        value: kept ? inner : this.of(inner, inside),
        enumerable: Object.prototype.propertyIsEnumerable.call(value, key),
        configurable: true,
        writable: true,
      })
    }
    return copy
  }
}

/** Maps every form in which a secret may turn up to what is put in its place. */
function replacementsOf(values: readonly string[]): ReadonlyMap<string, string> {
  const all = new Map<string, string>()
  for (const value of values.flatMap((each) => [each, each.trim()])) {
    const password = passwordOf(value)
    if (password === 'none') continue
    // A key of several lines is printed line by line.
    const lines = value.includes('\n')
      ? value.split(/\r?\n/).filter((line) => line.length >= longLine && !line.startsWith('-----'))
      : []
    for (const secret of password === undefined ? [value, ...lines] : [value, ...password]) {
      if (secret.length < shortestSecret) continue
      for (const form of formsOf(secret)) all.set(form, masked)
      all.set(secret, kindOf(secret))
    }
  }
  const forms = [...all.keys()]
  for (const [form, replacement] of all) {
    // A user name or host may be another variable's secret: then nothing of this one is shown.
    if (!forms.some((other) => replacement.includes(other))) continue
    all.set(form, forms.some((other) => masked.includes(other)) ? '***' : masked)
  }
  return all
}

/**
 * Returns the password of a URL, as written and decoded; `'none'` when it is a URL without one, which is no secret;
 * undefined when it is no URL. A password that equals the user name is left to the shapes: as a bare word it hides
 * nothing.
 */
function passwordOf(value: string): readonly string[] | 'none' | undefined {
  if (!/^[a-z][a-z0-9+.-]{0,30}:\/\//i.test(value)) return undefined
  if (/[?&](password|sslpassword|token|key|secret)=/i.test(value)) return []
  const authority = /^[^:]+:\/\/([^\s:/@]*)(?::(.+))?@/s.exec(value)
  const [, user = '', password] = authority ?? []
  // Tokens travel in web addresses as a user name or as a path.
  if (password === undefined) return /^https?:/i.test(value) ? [] : 'none'
  return password === user ? [] : [password, decoded(password)]
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

function formsOf(secret: string): readonly string[] {
  const base64 = [secret, `${secret}\n`].flatMap((text) => {
    const bytes = Buffer.from(text)
    return [bytes.toString('base64'), bytes.toString('base64url')]
  })
  const forms = [
    ...base64,
    ...base64Inside(secret),
    encoded(secret),
    new URLSearchParams([['', secret]]).toString().slice(1),
    JSON.stringify(secret).slice(1, -1),
    Buffer.from(secret).toString('hex'),
    Buffer.from(secret).toString('hex').toUpperCase(),
  ]
  return forms.filter((form) => form.length >= shortestSecret)
}

function encoded(secret: string): string {
  try {
    return encodeURIComponent(secret)
  } catch {
    return secret // a lone surrogate has no URL-encoded form
  }
}

/**
 * Returns what base64 makes of a secret in the middle of other bytes (`user:secret`), without the characters shared
 * with them.
 */
function base64Inside(secret: string): readonly string[] {
  const size = Buffer.byteLength(secret)
  return [0, 1, 2]
    .map((before) => {
      const text = Buffer.concat([Buffer.alloc(before), Buffer.from(secret)]).toString('base64')
      return text.slice(Math.ceil((before * 8) / 6), Math.floor(((before + size) * 8) / 6))
    })
    .filter((form) => form.length >= 8)
}

/** Returns what is shown of a known secret: the prefix that tells its kind, or where a URL leads. */
function kindOf(secret: string): string {
  const prefix = /^(?:[sr]k_(?:live|test)_|whsec_|xox[a-z]-|xapp-)/.exec(secret)
  if (prefix !== null) return `${prefix[0]}${masked}`
  const url = /^([a-z][a-z0-9+.-]{0,30}:\/\/[^\s:/@]*):.+@([^@?]*)/is.exec(secret)
  return url === null ? masked : `${url[1]}:${masked}@${url[2]}`
}

/**
 * Shapes of secrets. A repetition is bounded wherever the pattern can still fail behind it: linear time on any text.
 */
const shapes: readonly { readonly pattern: RegExp; readonly replacement: string }[] = [
  {
    pattern:
      /-----BEGIN ([A-Z0-9 ]{0,40})PRIVATE KEY-----(?!\[masked])[\s\S]*?(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY-----|$)/g,
    replacement: `-----BEGIN $1PRIVATE KEY-----${masked}`,
  },
  // Passwords of databases and brokers are often written unescaped, so everything up to the last @ is masked.
  {
    pattern:
      /\b((?:postgres(?:ql)?|rediss?|mysql|mongodb(?:\+srv)?|amqps?):\/\/[^\s:/@]{0,128}:)[^\s"'<>,]{1,512}@(?=[^\s@]|$)/gi,
    replacement: `$1${masked}@`,
  },
  { pattern: /\b([a-z][a-z0-9+.-]{0,30}:\/\/[^\s:/@]{0,128}:)[^\s/@"'<>]{1,512}@/gi, replacement: `$1${masked}@` },
  { pattern: /\b(https?:\/\/)[^\s:/@]{20,512}@/gi, replacement: `$1${masked}@` },
  { pattern: /([sr]k_(?:live|test)_)[A-Za-z0-9_]{6,}/g, replacement: `$1${masked}` },
  { pattern: /(whsec_)[A-Za-z0-9+/=_-]{6,}/g, replacement: `$1${masked}` },
  { pattern: /(xox[a-z]-|xapp-)[A-Za-z0-9-]{6,}/g, replacement: `$1${masked}` },
  { pattern: /(gh[pousr]_|github_pat_|glpat-)[A-Za-z0-9_-]{16,}/g, replacement: `$1${masked}` },
  { pattern: /\b(Bearer\s{1,4})[A-Za-z0-9._~+/=-]{16,}/gi, replacement: `$1${masked}` },
  { pattern: /\b(Authorization["']?:\s{0,4}["']?Basic\s{1,4})[A-Za-z0-9+/=_-]{4,}/gi, replacement: `$1${masked}` },
  { pattern: /\b(AKIA|ASIA)[A-Z0-9]{16}\b/g, replacement: `$1${masked}` },
  {
    pattern: /\b((?:PG)?PASSWORD|aws_secret_access_key)(\s{0,4}=\s{0,4})(?!\$\d)[^\s&]+/gi,
    replacement: `$1$2${masked}`,
  },
]

/** Words that name a secret wherever they are a key. */
const secretKeys =
  'password|passwd|passphrase|pwd|secret|client[_-]?secret|signing[_-]?secret|api[_-]?key|access[_-]?key|secret[_-]?key|private[_-]?key|client-key-data|id[_-]?token|access[_-]?token|refresh[_-]?token|auth[_-]?token|token'

/** `"password": "…"`, quoted as in JSON; the value may be escaped. What stands masked already stays as it is. */
const quotedKey = new RegExp(
  `((["'])(?:[A-Za-z0-9]{1,32}[_.-])?(?:${secretKeys})\\2\\s{0,8}:\\s{0,8})(["'])(?:\\\\.|(?!\\3)[^\\\\\n]){1,4096}\\3?`,
  'gi',
)

/** `password: …` and `token: …` as in YAML: one word that ends its line. Prose goes on after such a word. */
const plainKey = new RegExp(
  `((?:^|[\\s,{])(?:- )?(?:[A-Za-z0-9]{1,32}[_.-])?(?:${secretKeys}):[ \\t]{1,8})(?!\\[masked\\]|true\\b|false\\b|null\\b|~)["']?[^\\s"',;{}]{4,4096}["']?(?=[ \\t]*(?:$|[,;}\\n\\r]))`,
  'gim',
)

/**
 * Masks JSON web tokens: three parts, of which the first begins as every JSON object does in base64. Each run of their characters is
 * looked at once, however long it is.
 */
function maskTokens(text: string): string {
  let shown = ''
  let from = 0
  for (let head = text.indexOf('eyJ'); head >= 0; head = text.indexOf('eyJ', from)) {
    let end = head
    while (isTokenCharacter(text.charCodeAt(end))) end += 1
    const [header = '', payload = '', ...more] = text.slice(head, end).split('.', 3)
    const isToken = header.length >= 11 && payload.length >= 8 && more.length > 0
    shown += isToken ? `${text.slice(from, head)}eyJ${masked}` : text.slice(from, end)
    from = end
  }
  return from === 0 ? text : shown + text.slice(from)
}

/** Letters, digits, `-`, `.` and `_`. */
function isTokenCharacter(code: number): boolean {
  const letter = code | 0x20
  return (
    (letter >= 0x61 && letter <= 0x7a) ||
    (code >= 0x30 && code <= 0x39) ||
    code === 0x2d ||
    code === 0x2e ||
    code === 0x5f
  )
}

function maskShapes(text: string): string {
  const shaped = shapes.reduce((rest, { pattern, replacement }) => rest.replace(pattern, replacement), text)
  return maskTokens(shaped)
    .replace(quotedKey, (_, key: string, _quote: string, value: string) => `${key}${value}${masked}${value}`)
    .replace(plainKey, `$1${masked}`)
}

const pemBegin = /-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY-----/
const pemEnd = /-----END [A-Z0-9 ]{0,40}PRIVATE KEY-----/
/** A line inside of a key: base64, in quotes or behind a mark perhaps, a header of an encrypted one, or nothing. */
const pemBody =
  /^[\s>|"'-]{0,40}(?:[A-Za-z0-9+/]+={0,2}|(?:Proc-Type|DEK-Info): [A-Za-z0-9,-]*)?(?:[\s"',;\\][\s"',;\\+nr]*)?$/

/**
 * Masks lines that come one by one: the lines of a private key say nothing by themselves, so everything from its first to its last
 * line becomes one word. A line that is none of a key ends it: whatever a key that was cut off is followed by has to be seen. Give
 * each stream a filter of its own.
 */
export function pemFilter(): (line: string) => string | undefined {
  let inside = false
  return (line) => {
    const text = visible(line)
    if (inside) {
      const over = pemEnd.test(text)
      inside = !over && pemBody.test(text)
      if (over || inside) return undefined
    }
    if (!pemBegin.test(text)) return line
    inside = !pemEnd.test(text)
    return `${text.slice(0, text.search(pemBegin))}-----BEGIN PRIVATE KEY-----${masked}`
  }
}
