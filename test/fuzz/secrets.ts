import { KnownSecrets } from '../../src/outside-text/known-secrets.ts'
import { Sensitive } from '../../src/sensitive.ts'

/** Secrets of every kind that Purser handles, made of a seed, and the forms in which they turn up in text. */

const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'
const marks = `${letters}!#$%&*+-./:;<=>?@^_|~`
const beyond = `${letters}äöüßéλ–€😀`

/** A generator of numbers (mulberry32): the same seed makes the same secret. */
export function randomOf(seed: number): (below: number) => number {
  let state = seed | 0
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}

type Random = ReturnType<typeof randomOf>

function text(random: Random, length: number, alphabet: string): string {
  const all = Array.from(alphabet)
  return Array.from({ length }, () => all[random(all.length)]).join('')
}

const line = (random: Random) => text(random, 64, letters)

interface Made {
  readonly value: string
  /** What of it must not be seen: without the prefix that tells its kind, or the parts of a URL that are no secret. */
  readonly hidden: readonly string[]
}

const whole = (value: string): Made => ({ value, hidden: [value] })
const behind = (prefix: string, rest: string): Made => ({ value: prefix + rest, hidden: [rest] })

export const kinds: Readonly<Record<string, (random: Random) => Made>> = {
  'a password': (random) => whole(text(random, 8 + random(24), marks)),
  'a password with letters beyond ASCII': (random) => whole(text(random, 10 + random(20), beyond)),
  'a passphrase': (random) => whole(Array.from({ length: 4 }, () => text(random, 4 + random(6), letters)).join(' ')),
  'a password of seven characters': (random) => whole(text(random, 7, letters)),
  'a key of Stripe': (random) => behind(random(2) === 0 ? 'sk_live_' : 'rk_test_', text(random, 24, letters)),
  'a signing secret of Stripe': (random) => behind('whsec_', text(random, 32, letters)),
  'a token of Slack': (random) => behind('xoxb-', `${random(1e9)}-${text(random, 24, letters)}`),
  'a token of GitHub': (random) => whole(`ghp_${text(random, 36, letters)}`),
  'a key of AWS': (random) => whole(text(random, 40, `${letters}/+`)),
  'a key in hexadecimal': (random) => whole(text(random, 64, '0123456789abcdef')),
  'a JSON web token': (random) =>
    whole(
      ['{"alg":"RS256"}', `{"sub":"${text(random, 20, letters)}"}`].map(base64url).join('.') +
        `.${text(random, 86, letters)}`,
    ),
  'the address of a database': (random) => {
    const password = text(random, 12 + random(12), letters)
    return { value: `postgres://app:${password}@db.internal:5432/billing`, hidden: [password] }
  },
  'a private key': (random) => {
    const lines = Array.from({ length: 6 }, () => line(random))
    const pem = ['-----BEGIN PRIVATE KEY-----', ...lines, '-----END PRIVATE KEY-----'].join('\n')
    return { value: pem, hidden: lines }
  },
}

function base64url(value: string): string {
  return Buffer.from(value).toString('base64url')
}

export interface Secret extends Made {
  readonly kind: string
  readonly known: KnownSecrets
}

/** A pool of secrets, each with a registry that knows it. */
export function secretsOf(kind: string, count: number): readonly Secret[] {
  const make = kinds[kind]
  if (make === undefined) throw new Error(`there is no kind ${kind}`)
  return Array.from({ length: count }, (_, seed) => {
    const made = make(randomOf(seed * 7919 + 17))
    return { ...made, kind, known: new KnownSecrets([new Sensitive(made.value)]) }
  })
}

interface Form {
  /** The text that holds the secret in this form. */
  readonly of: (value: string) => string
  /** What of that text says the secret, and no eight characters of it may be seen. */
  readonly says: (hidden: string) => string
}

const plainly = (of: (value: string) => string): Form => ({ of, says: of })
/** The characters of base64 that six bits of the text alone decide. */
const inBase64 = (value: string) => {
  const bytes = Buffer.from(value)
  return bytes.toString('base64').slice(0, Math.floor((bytes.length * 8) / 6))
}
const wrapped = (width: number): Form => ({
  of: (value) =>
    Buffer.from(value)
      .toString('base64')
      .replace(new RegExp(`.{${width}}`, 'g'), '$&\n'),
  says: inBase64,
})
const hex = (value: string) => Buffer.from(value).toString('hex')
const json = (value: string) => JSON.stringify(value).slice(1, -1)

export const forms: Readonly<Record<string, Form>> = {
  'as it is': plainly((value) => value),
  'in base64': { of: (value) => Buffer.from(value).toString('base64'), says: inBase64 },
  'in base64 for URLs': {
    of: (value) => Buffer.from(value).toString('base64url'),
    says: (value) => inBase64(value).replaceAll('+', '-').replaceAll('/', '_'),
  },
  'in base64, wrapped at 76': wrapped(76),
  'in base64, wrapped at 64': wrapped(64),
  'in hexadecimal': plainly(hex),
  'in hexadecimal, large': plainly((value) => hex(value).toUpperCase()),
  'URL-encoded': plainly(encodeURIComponent),
  'in a form': plainly((value) => new URLSearchParams([['', value]]).toString().slice(1)),
  'in JSON': plainly(json),
  'in JSON inside of JSON': plainly((value) => json(json(value))),
}

/** Every run of eight characters that is shown although it says a part of the secret. */
export function seenOf(shown: string, says: string): readonly string[] {
  const length = Math.min(8, says.length)
  const joined = shown.replaceAll(/[\r\n]+[ \t]*/g, '')
  const seen: string[] = []
  for (let at = 0; at + length <= says.length; at += 1) {
    const part = says.slice(at, at + length)
    if (joined.includes(part)) seen.push(part)
  }
  return seen
}
