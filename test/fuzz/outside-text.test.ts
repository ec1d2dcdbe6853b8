import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { cutBetweenWords, endFromWord } from '../../src/outside-text/cut.ts'
import { clipped, excerpt, firstOf, LastWords } from '../../src/outside-text/excerpt.ts'
import { knownSecrets } from '../../src/outside-text/known-secrets.ts'
import { LineReader, ShownLines } from '../../src/outside-text/lines.ts'
import { maskOf } from '../../src/outside-text/mask.ts'
import { maskDeep, slackStructure } from '../../src/outside-text/mask-deep.ts'
import { Sensitive } from '../../src/sensitive.ts'
import { runs } from './runs.ts'
import { forms, kinds, randomOf, type Secret, secretsOf, seenOf } from './secrets.ts'

/**
 * No eight characters of a secret that stand together come out, whatever the secret, the form in which it came, what stands around it
 * and between its letters, and wherever it was cut, before it came to Purser or after.
 */

const pool = 40
const secrets = new Map(Object.keys(kinds).map((kind) => [kind, secretsOf(kind, pool)]))

/** What a terminal would not show, between any two letters. */
const invisible = [
  '',
  '\u001b[31m',
  '\u001b[1;38;5;196m',
  '\u001b]0;title\u0007',
  '\u200b',
  '\u202e',
  '\u00ad',
  '\u0000',
  '\u009b0m',
]

interface Case {
  readonly secret: Secret
  readonly form: string
  /** The text around the secret, and the secret in its form. */
  readonly text: string
}

const cases = fc
  .record({
    kind: fc.constantFrom(...Object.keys(kinds)),
    form: fc.constantFrom(...Object.keys(forms)),
    which: fc.nat(pool - 1),
    between: fc.constantFrom(...invisible),
    every: fc.integer({ min: 1, max: 30 }),
    before: fc.constantFrom(
      '',
      'login with ',
      '{"level":"error","msg":"',
      "password='",
      'key=',
      'Authorization: Bearer ',
      '  \u001b[33m',
      'ü',
    ),
    after: fc.constantFrom('', ' refused', '"}', "'", '\n', '\u001b[0m and more', '@host/'),
  })
  .map(({ kind, form, which, between, every, before, after }): Case => {
    const secret = secrets.get(kind)?.[which]
    const made = forms[form]
    if (secret === undefined || made === undefined) throw new Error('the pool is empty')
    const written = made.of(secret.value)
    const disturbed = between === '' ? written : written.replace(new RegExp(`[^\\n]{${every}}`, 'gu'), `$&${between}`)
    return { secret, form, text: `${before}${disturbed}${after}` }
  })

function expectHidden(shown: string, { secret, form }: Case): void {
  const says = forms[form]?.says ?? ((value: string) => value)
  for (const hidden of secret.hidden) {
    // What is wrapped or escaped as a whole has another form in its parts.
    if (seenOf(shown, says(hidden)).length > 0)
      expect.fail(`${secret.kind} ${form}: ${seenOf(shown, says(hidden))[0]} in ${shown}`)
  }
}

describe('no eight characters of a secret come out', () => {
  it('of a text', () => {
    fc.assert(
      fc.property(cases, (one) => expectHidden(maskOf(one.secret.known)(one.text), one)),
      runs(1_500),
    )
  })

  it('of a text that was cut anywhere before it came here', () => {
    fc.assert(
      fc.property(cases, fc.nat(), fc.nat(), (one, from, to) => {
        const begin = from % one.text.length
        const end = begin + 1 + (to % (one.text.length - begin))
        expectHidden(maskOf(one.secret.known)(one.text.slice(begin, end)), one)
      }),
      runs(1_500),
    )
  })

  it('of a text that is cut when it is masked', () => {
    fc.assert(
      fc.property(cases, fc.nat({ max: 300 }), (one, most) => {
        const shown = maskOf(one.secret.known)(one.text)
        expectHidden(cutBetweenWords(shown, most), one)
        expectHidden(endFromWord(shown, most), one)
        expectHidden(maskOf(one.secret.known)(cutBetweenWords(one.text, most)), one)
        expectHidden(maskOf(one.secret.known)(endFromWord(one.text, most)), one)
      }),
      runs(1_500),
    )
  })

  it('of what a program prints, in chunks of any size, also through the middle of a letter', () => {
    fc.assert(
      fc.property(cases, fc.integer({ min: 1, max: 80 }), (one, size) => {
        const bytes = Buffer.from(`before\n${one.text}\nafter\n`)
        const reader = new LineReader()
        const lines = new ShownLines(one.secret.known)
        const raw = Array.from({ length: Math.ceil(bytes.length / size) }, (_, at) =>
          reader.push(bytes.subarray(at * size, (at + 1) * size)),
        ).flat()
        const shown = [...raw, ...reader.end()].flatMap((line) => lines.of(line) ?? [])
        expectHidden(shown.join('\n'), one)
        expect(shown.at(0)).toBe('before')
        expect(shown.at(-1)).toBe('after')
      }),
      runs(1_500),
    )
  })

  it('of what was broken into lines, however narrow', () => {
    fc.assert(
      fc.property(
        cases,
        fc.integer({ min: 1, max: 90 }),
        fc.constantFrom('\n', '\r\n', '\n    '),
        (one, width, end) => {
          const flat = one.text.replaceAll('\n', ' ')
          const broken = flat.replace(new RegExp(`.{${width}}`, 'gu'), `$&${end}`)
          // A private key has lines of its own; broken again they are no key any more, but known all the same.
          expectHidden(maskOf(one.secret.known)(broken), one)
        },
      ),
      runs(1_500),
    )
  })

  it('of an excerpt, of a value in a table, and of the last words of a program', () => {
    for (const pooled of secrets.values()) for (const { value } of pooled) knownSecrets.learn(new Sensitive(value))
    fc.assert(
      fc.property(cases, fc.nat({ max: 300 }), fc.integer({ min: 1, max: 80 }), (one, most, size) => {
        expectHidden(excerpt(one.text, most), one)
        expectHidden(clipped(one.text, most), one)
        expectHidden(firstOf(one.text, most), one)
        const words = new LastWords(most)
        const bytes = Buffer.from(one.text)
        for (let at = 0; at < bytes.length; at += size) words.push(bytes.subarray(at, at + size))
        expectHidden(words.text(), one)
      }),
      runs(1_000),
    )
  })

  it('of data, wherever it is nested', () => {
    fc.assert(
      fc.property(cases, fc.nat({ max: 4 }), (one, depth) => {
        let data: unknown = one.text
        for (let level = 0; level < depth; level += 1)
          data = level % 2 === 0 ? [data, { [one.text]: data }] : { text: data }
        const shown = maskDeep({ blocks: [{ type: 'section', data }] }, maskOf(one.secret.known), slackStructure)
        expectHidden(stringsIn(shown).join(' '), one)
      }),
      runs(500),
    )
  })
})

function stringsIn(value: unknown): readonly string[] {
  if (typeof value === 'string') return [value]
  if (Array.isArray(value)) return value.flatMap(stringsIn)
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, inner]) => [key, ...stringsIn(inner)])
}

describe('whatever comes', () => {
  const parts = [
    'eyJ',
    '://',
    'http://a:',
    '@',
    '-----BEGIN ',
    'PRIVATE KEY-----',
    '-----END ',
    'password',
    '=',
    ': ',
    '"',
    '\\',
    "'",
    '\n',
    ' ',
    'sk_live_',
    'a',
    '.',
    '\u001b[',
    '\u001b]',
    'token',
    '[masked]',
    'LS0tLS1CRUdJTi',
    'Bearer ',
  ]
  const hostile = fc
    .array(fc.oneof(fc.constantFrom(...parts), fc.string({ maxLength: 4 })), { maxLength: 40 })
    .map((all) => all.join(''))
  const known = secrets.get('a key of Stripe')?.[0]?.known

  it('a text that is masked stays as it is when it is masked again', () => {
    const mask = maskOf(known)
    fc.assert(
      fc.property(hostile, (text) => {
        const once = mask(text)
        expect(mask(once)).toBe(once)
      }),
      runs(2_000),
    )
  })

  it('text without anything secret is shown as it is', () => {
    const random = randomOf(7)
    const words = [
      'deploy',
      'v1.2.0',
      'failed:',
      'the',
      'pod',
      'api-7d9f',
      'exited',
      'with',
      '137',
      '(OOMKilled)',
      'after',
      '12 s',
      'https://example.com/a?b=c',
      'evt_1NG8Du2eZvKYlo2C',
    ]
    const mask = maskOf(known)
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...words), { maxLength: 30 }), (chosen) => {
        const text = chosen.join(random(2) === 0 ? ' ' : '\n')
        expect(mask(text)).toBe(text)
      }),
      runs(1_000),
    )
  })
})
