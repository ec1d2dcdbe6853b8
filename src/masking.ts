import { Sensitive } from './sensitive.ts'

/** Replaces every secret in a text by something that only tells its kind. Safe to repeat. */
type Mask = (text: string) => string

const masked = '[masked]'

/** Shorter values are words that occur by chance, and masking them would only garble every text. */
const shortestSecret = 6

/**
 * Makes a mask for everything that this process knows to be secret (also its base64, URL-encoded and JSON-escaped
 * forms, and the password inside a URL) and for everything that is shaped like a key, a token or a connection string.
 */
export function createMask(secrets: readonly Sensitive[]): Mask {
  const replacements = replacementsOf(secrets.map((secret) => secret.reveal()))
  if (replacements.size === 0) return maskShapes
  // The longest come first: of two secrets that begin alike, the whole one must go.
  const forms = [...replacements.keys()].sort((a, b) => b.length - a.length)
  const known = new RegExp(forms.map((form) => form.replace(/[.*+?^${}()|[\]\\/-]/g, '\\$&')).join('|'), 'g')
  return (text) => maskShapes(text.replace(known, (form) => replacements.get(form) ?? masked))
}

/** Cuts text between words before it is masked: half of a secret would not be known as one. */
export function cutBetweenWords(text: string, most: number): string {
  if (text.length <= most) return text
  return `${/^[\s\S]*[\s"]/.exec(text.slice(0, most))?.[0].trimEnd() ?? ''}…`
}

/**
 * Masks every string in a value: plain data and errors at any depth. Other objects (dates, buffers) are handed through;
 * a cycle ends in the text `[circular]`.
 */
export function maskDeep<Value>(value: Value, mask: Mask): Value {
  return maskValue(value, mask, []) as Value
}

function maskValue(value: unknown, mask: Mask, above: readonly object[]): unknown {
  if (typeof value === 'string') return mask(value)
  if (typeof value !== 'object' || value === null) return value
  if (value instanceof Sensitive) return value.toString()
  if (above.includes(value)) return '[circular]'
  const inside = [...above, value]
  if (Array.isArray(value)) return value.map((item) => maskValue(item, mask, inside))
  if (value instanceof Map) return new Map(entriesOf(value, mask, inside))
  if (value instanceof Set) return new Set([...value].map((item) => maskValue(item, mask, inside)))

  const prototype: unknown = Object.getPrototypeOf(value)
  const plain = prototype === Object.prototype || prototype === null
  if (!plain && !(value instanceof Error)) return value
  // An error keeps its class, so that `instanceof` and `code` still tell what it is.
  const copy: object = plain ? {} : (Object.create(prototype as object) as object)
  for (const key of Object.getOwnPropertyNames(value)) {
    Object.defineProperty(copy, plain ? mask(key) : key, {
      value: maskValue((value as Record<string, unknown>)[key], mask, inside),
      enumerable: Object.prototype.propertyIsEnumerable.call(value, key),
      configurable: true,
      writable: true,
    })
  }
  return copy
}

function entriesOf(map: Map<unknown, unknown>, mask: Mask, above: readonly object[]): [unknown, unknown][] {
  return [...map].map(([key, item]) => [maskValue(key, mask, above), maskValue(item, mask, above)])
}

/** Maps every form in which a secret may turn up to what is put in its place. */
function replacementsOf(values: readonly string[]): ReadonlyMap<string, string> {
  const all = new Map<string, string>()
  for (const value of values.flatMap((each) => [each, each.trim()])) {
    const password = passwordOf(value)
    if (password === 'none') continue
    for (const secret of password === undefined ? [value] : [value, ...password]) {
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
  { pattern: /\b(eyJ)[A-Za-z0-9_-]{8,4096}\.[A-Za-z0-9_-]{8,8192}\.[A-Za-z0-9_-]*/g, replacement: `$1${masked}` },
  { pattern: /\b(Bearer\s{1,4})[A-Za-z0-9._~+/=-]{16,}/gi, replacement: `$1${masked}` },
  { pattern: /\b(Authorization["']?:\s{0,4}["']?Basic\s{1,4})[A-Za-z0-9+/=_-]{4,}/gi, replacement: `$1${masked}` },
  { pattern: /\b(AKIA|ASIA)[A-Z0-9]{16}\b/g, replacement: `$1${masked}` },
  {
    pattern: /\b((?:PG)?PASSWORD|aws_secret_access_key)(\s{0,4}=\s{0,4})(?!\$\d)[^\s&]+/gi,
    replacement: `$1$2${masked}`,
  },
]

function maskShapes(text: string): string {
  return shapes.reduce((rest, { pattern, replacement }) => rest.replace(pattern, replacement), text)
}
