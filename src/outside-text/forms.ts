/**
 * The forms in which one secret may turn up: as it is, trimmed, the password of a URL, the lines of a key, and each of them in base64,
 * in hexadecimal, URL-encoded and escaped for JSON.
 */

/** Shorter values are words that occur by chance, and masking them would only garble every text. */
export const shortestSecret = 6
/** From this length on not even a part of a secret may be seen that has it. */
export const fragmentLength = 8
/** Lines of a key are longer; shorter ones are words that occur by chance. */
const longLine = 16

export const masked = '[masked]'

export interface SecretForm {
  readonly text: string
  /** What is put in place of the whole form. */
  readonly replacement: string
  /** How many of its first characters may be shown, because they tell no more than its kind. */
  readonly shown: number
  /** Whether its parts are secret too. Of an address they are not: only its password is, which has forms of its own. */
  readonly inParts: boolean
}

export function formsOf(value: string): readonly SecretForm[] {
  const all = new Map<string, SecretForm>()
  const add = (form: SecretForm): void => {
    if (form.text.length < shortestSecret || all.has(form.text)) return
    all.set(form.text, form)
  }
  for (const text of new Set([value, value.trim()])) {
    const parts = partsOf(text)
    if (parts === undefined) continue
    add({ text, replacement: kindOf(text), shown: kindPrefix(text).length, inParts: parts.wholeInParts })
    for (const form of encodings(text)) add({ text: form, replacement: masked, shown: 0, inParts: parts.wholeInParts })
    for (const part of parts.secrets) {
      add({ text: part, replacement: kindOf(part), shown: kindPrefix(part).length, inParts: true })
      for (const form of encodings(part)) add({ text: form, replacement: masked, shown: 0, inParts: true })
    }
  }
  return [...all.values()]
}

/** Returns what of a value is the secret: of a URL its password, of anything else the whole. */
export function secretsIn(value: string): readonly string[] {
  const password = passwordOf(value)
  return password === 'none' ? [] : password === undefined ? [value.trim()] : password
}

interface Parts {
  readonly wholeInParts: boolean
  /** What is secret by itself, beside the whole. */
  readonly secrets: readonly string[]
}

/** Returns undefined for what is no secret: a URL without a password. */
function partsOf(value: string): Parts | undefined {
  const password = passwordOf(value)
  if (password === 'none') return undefined
  if (password !== undefined) return { wholeInParts: false, secrets: [...password, ...longWords(value)] }
  if (/^\s*\{/.test(value)) return { wholeInParts: false, secrets: quotedIn(value) }
  // A key of several lines is printed line by line.
  if (value.includes('\n')) return { wholeInParts: false, secrets: longLines(value) }
  return { wholeInParts: true, secrets: listed(value) }
}

/**
 * Returns the password of a URL, as written and decoded; `'none'` when it is a URL without one, which is no secret;
 * undefined when it isn't a URL. A password that equals the user name is left to the shapes: as a bare word it hides
 * nothing.
 */
function passwordOf(value: string): readonly string[] | 'none' | undefined {
  if (!/^[a-z][a-z0-9+.-]{0,30}:\/\//i.test(value)) return undefined
  if (/[?&](password|sslpassword|token|key|secret)=/i.test(value)) return []
  const authority = /^[^:]+:\/\/([^\s:/@]*)(?::(.+))?@/s.exec(value)
  const [, user = '', password] = authority ?? []
  // Tokens travel in web addresses as a user name or as a path.
  if (password === undefined) {
    if (!/^https?:/i.test(value)) return 'none'
    return user.length >= 20 ? [user, decoded(user)] : []
  }
  return password === user ? [] : [password, decoded(password)]
}

/** The parts of an address that nobody would choose as a name: tokens in a path or a query. */
function longWords(url: string): readonly string[] {
  const behindHost = url.replace(/^[^:]+:\/\/[^/?#]*/, '')
  const words = behindHost.split(/[/?&=#]/).flatMap((word) => [word, decoded(word)])
  return words.filter((word) => word.length >= longLine && /\d/.test(word) && /[a-z]/i.test(word))
}

function longLines(value: string): readonly string[] {
  return value
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line.length >= longLine && !line.startsWith('-----'))
}

/** The long values of a document in JSON, such as the key file of a service account. */
function quotedIn(json: string): readonly string[] {
  const strings = [...json.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([, text = '']) => text)
  return strings
    .flatMap((text) => text.split(/\\n|\s/))
    .filter((text) => text.length >= longLine && !text.startsWith('-----') && /\d/.test(text) && !text.includes('://'))
}

/** The members of a list such as `new,old`. */
function listed(value: string): readonly string[] {
  const members = value.split(',').map((part) => part.trim())
  return members.length > 1 ? members.filter((part) => part.length >= fragmentLength) : []
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

function encodings(secret: string): readonly string[] {
  const base64 = [secret, `${secret}\n`].flatMap((text) => {
    const bytes = Buffer.from(text)
    return [bytes.toString('base64'), bytes.toString('base64url')]
  })
  const inside = base64Inside(secret)
  const hex = Buffer.from(secret).toString('hex')
  return [
    ...base64,
    ...inside,
    ...inside.map((text) => text.replaceAll('+', '-').replaceAll('/', '_')),
    ...urlEncoded(secret),
    ...escaped(secret),
    hex,
    hex.toUpperCase(),
  ].filter((form) => form.length >= shortestSecret)
}

function urlEncoded(secret: string): readonly string[] {
  try {
    const strict = encodeURIComponent(secret).replace(/[!'()*~]/g, (one) => `%${one.charCodeAt(0).toString(16)}`)
    const all = [encodeURIComponent(secret), encodeURI(secret), strict]
    const inForm = new URLSearchParams([['', secret]]).toString().slice(1)
    return [...all, inForm].flatMap((form) => [form, form.replace(/%[0-9A-Fa-f]{2}/g, (code) => code.toLowerCase())])
  } catch {
    return [] // a lone surrogate has no URL-encoded form
  }
}

/** As JSON writes it, with and without letters beyond ASCII, and JSON inside of JSON. */
function escaped(secret: string): readonly string[] {
  const once = JSON.stringify(secret).slice(1, -1)
  const ascii = once.replace(/[^\x20-\x7e]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
  return [once, JSON.stringify(once).slice(1, -1), ascii, once.replaceAll('/', String.raw`\/`)]
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
    .filter((form) => form.length >= fragmentLength)
}

/** Returns what is shown of a known secret: the prefix that tells its kind, or where a URL leads. */
function kindOf(secret: string): string {
  const prefix = kindPrefix(secret)
  if (prefix !== '') return `${prefix}${masked}`
  const url = /^([a-z][a-z0-9+.-]{0,30}:\/\/[^\s:/@]*):.+@([^@?]*)/is.exec(secret)
  return url === null ? masked : `${url[1]}:${masked}@${url[2]}`
}

function kindPrefix(secret: string): string {
  return /^(?:[sr]k_(?:live|test)_|whsec_|xox[a-z]-|xapp-)/.exec(secret)?.[0] ?? ''
}
