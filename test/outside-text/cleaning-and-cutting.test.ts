import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { cutBetweenWords, endFromWord } from '../../src/outside-text/cut.ts'
import { KnownSecrets } from '../../src/outside-text/known-secrets.ts'
import { LineSplitter } from '../../src/outside-text/lines.ts'
import { maskDeep, slackStructure, storedStructure } from '../../src/outside-text/mask-deep.ts'
import { LineMask, maskOf } from '../../src/outside-text/mask.ts'
import { visible } from '../../src/outside-text/visible.ts'
import { Sensitive } from '../../src/sensitive.ts'

const body = Array.from({ length: 12 }, (_, at) =>
  Buffer.from(`line ${at} of a private key, forty-eight bytes long`).toString('base64').slice(0, 64),
)
const pem = ['-----BEGIN RSA PRIVATE KEY-----', ...body, '-----END RSA PRIVATE KEY-----']
const password = 'correct-horse-battery'
const known = new KnownSecrets([new Sensitive(password), new Sensitive(pem.join('\n'))])
const mask = maskOf(known)
const shapes = maskOf(new KnownSecrets())

/** What a program that prints this chunk by chunk leaves of it, masked as every exit does. */
function printed(chunks: readonly string[]): string {
  const lines: string[] = []
  const splitter = new LineSplitter((line) => lines.push(mask(line)))
  for (const chunk of chunks) splitter.push(Buffer.from(chunk))
  splitter.end()
  return lines.join('\n')
}

/** No eight letters of the secret that stand together are shown. */
function expectHidden(shown: string, secret: string): void {
  for (let at = 0; at + 8 <= secret.length; at += 1) expect(shown).not.toContain(secret.slice(at, at + 8))
}

describe('a secret is not shown because something stands between its letters', () => {
  it.each([
    ['a colour before it', `\u001b[31m${password}\u001b[0m`],
    ['a colour inside of it', `correct-\u001b[1mhorse\u001b[22m-battery`],
    ['the title of a window inside of it', 'correct-\u001b]0;title\u0007horse-battery'],
    ['a zero-width space', 'correct-\u200bhorse-battery'],
    ['another direction of the text', 'correct-\u202ehorse\u202c-battery'],
    ['a NUL and a soft hyphen', 'correct\u0000-horse\u00ad-battery'],
    ['an 8-bit control sequence', 'correct-\u009b31mhorse-battery'],
  ])('%s', (_, text) => expectHidden(mask(`login with ${text} failed`), password))

  it('nor the shape of one: a colour before a key of Stripe', () => {
    expect(shapes('key \u001b[33msk_live_51AbCdEfGh\u001b[0m')).toBe('key sk_live_[masked]')
  })

  it('leaves text without any of it as it is, with its tabs and line ends', () => {
    expect(visible('a\tb\r\nc – ü 😀')).toBe('a\tb\r\nc – ü 😀')
  })
})

describe('what is written under a key that says so', () => {
  it.each([
    ['{"user":"a","password":"hunter2!"}', '{"user":"a","password":"[masked]"}'],
    [`{'db.password' : 'hunter2!'}`, `{'db.password' : '[masked]'}`],
    ['{"password":"a\\"b c"}', '{"password":"[masked]"}'],
    ['{"client_secret":"abc def"}', '{"client_secret":"[masked]"}'],
    ['password: hunter2!', 'password: [masked]'],
    ['  password: "hunter2!"', '  password: [masked]'],
    ['- token: abcdef0123', '- token: [masked]'],
    ['    client-key-data: LS0tLS1CRUdJTi', '    client-key-data: [masked]'],
    ['db_password: hunter2!\nuser: app', 'db_password: [masked]\nuser: app'],
  ])('%j', (text, shown) => {
    expect(shapes(text)).toBe(shown)
    expect(shapes(shapes(text))).toBe(shown)
  })

  it.each([
    'Unexpected token: } in JSON at position 4',
    'password: must have 12 characters',
    'the secret: it stays where it is',
    'token: true',
    '{"passwords":3,"tokens":["a"]}',
    'secretKeyRef: { name: stripe-credentials, key: webhook-secret }',
  ])('leaves %j', (text) => expect(shapes(text)).toBe(text))
})

describe('a private key that comes line by line', () => {
  it.each([
    ['known', known],
    ['unknown', new KnownSecrets()],
  ] as const)('%s: nothing of it is left', (_, by) => {
    const stream = new LineMask(by)
    const shown = ['before', ...pem, 'after'].flatMap((line) => stream.of(line) ?? [])
    expect(shown).toEqual(['before', '-----BEGIN RSA PRIVATE KEY-----[masked]', 'after'])
    expect(maskOf(by)(['before', ...pem, 'after'].join('\n'))).toBe(shown.join('\n'))
  })

  it.each([
    ['its beginning alone', [pem[0] ?? '']],
    ['some of its lines', pem.slice(0, 5)],
    ['a header and some lines', [pem[0] ?? '', 'Proc-Type: 4,ENCRYPTED', '', ...body.slice(0, 2)]],
  ])('that was cut off, %s: nothing of it is shown, and the error after it is', (_, lines) => {
    const stream = new LineMask(new KnownSecrets())
    const after = ['ERROR billing: charging failed', '{"level":"error"}', 'fine']
    expect([...lines, ...after].flatMap((line) => stream.of(line) ?? [])).toEqual([
      '-----BEGIN RSA PRIVATE KEY-----[masked]',
      ...after,
    ])
  })

  it.each(['+', '"', '\\n', 'a', '-', '='])('%j a hundred thousand times behind a beginning is read once', (part) => {
    const stream = new LineMask(new KnownSecrets())
    stream.of(pem[0] ?? '')
    const line = `${part.repeat(100_000)}!`
    expect(stream.of(line)).toBe(line)
  })

  it('in quotes, as YAML and source code have it, is not shown either', () => {
    const stream = new LineMask(new KnownSecrets())
    const shown = pem.map((line) => `    "${line}\\n" +`).flatMap((line) => stream.of(line) ?? [])
    expect(shown).toEqual(['    "-----BEGIN RSA PRIVATE KEY-----[masked]'])
  })

  it('is known by each of its lines, wherever one turns up', () => {
    for (const line of body) expect(mask(`tls: ${line}`)).toBe('tls: [masked]')
  })
})

describe('a cut', () => {
  it('shows no half of a secret, wherever a program breaks its output off', () => {
    fc.assert(
      fc.property(fc.integer({ min: 8_100, max: 8_260 }), fc.integer({ min: 1, max: 40 }), (before, size) => {
        const text = `${'word '.repeat(Math.ceil(before / 5)).slice(0, before)}${password} and more ${'x '.repeat(100)}\n`
        const chunks = Array.from({ length: Math.ceil(text.length / size) }, (_, at) =>
          text.slice(at * size, (at + 1) * size),
        )
        expectHidden(printed(chunks), password)
      }),
    )
  })

  it('at the front begins with a word', () => {
    expect(endFromWord(`login ${password} failed`, 14)).toBe('… failed')
    expect(endFromWord('short', 14)).toBe('short')
    expectHidden(endFromWord(`x${password}`, 10), password)
    expectHidden(cutBetweenWords(`login ${password}`, 14), password)
  })
})

it('a secret is known in hexadecimal too', () => {
  expect(mask(`key ${Buffer.from(password).toString('hex')}`)).toBe('key [masked]')
  expect(mask(`key ${Buffer.from(password).toString('hex').toUpperCase()}`)).toBe('key [masked]')
})

it.each([
  'a.',
  'http://a:',
  'eyJaaaaaaaa-',
  '-----BEGIN A',
  'postgres://',
  'sk_live_',
  '"password":"',
  '\u001b[',
  '\u001b]',
  'a',
])('ten megabytes of %j in one line are masked, and what is shown of them is bounded', (part) => {
  // Some beginnings were once read on for thousands of characters each: minutes for such a line.
  expect(shapes(part.repeat(Math.ceil(10_000_000 / part.length))).length).toBeLessThanOrEqual(512 * 1024 + 1)
})

it('a token is masked however long it is', () => {
  expect(shapes(`eyJhbGciOiJI.eyJzdWIiOiIx.${'a'.repeat(400_000)}`)).toBe('eyJ[masked]')
})

describe('what decides is never masked', () => {
  const words = maskOf(new KnownSecrets([new Sensitive('production'), new Sensitive('deploy-it')]))

  it('in the state database: a password that is the name of an environment renames none', () => {
    const run = { kind: 'deploy-it', environment: 'production', reason: 'production is down' }
    expect(maskDeep(run, words, storedStructure)).toEqual({ ...run, reason: '[masked] is down' })
  })

  it('nor an id or a digest, in which the digits of a secret may stand by chance', () => {
    const digits = maskOf(new KnownSecrets([new Sensitive('key-0123456789-of-nothing')]))
    const plan = {
      identities: { database: { id: 'system identifier 7451234567890' } },
      commit: { sha: '0123456789'.repeat(4) },
    }
    expect(maskDeep(plan, digits, storedStructure)).toEqual(plan)
    expect(digits('order 12345678')).toBe('order [masked]')
  })

  it('in a message: what Slack reads stays, what people read does not', () => {
    const block = {
      type: 'section',
      block_id: 'production',
      private_metadata: '{"environment":"production"}',
      text: { type: 'mrkdwn', text: 'production' },
    }
    expect(maskDeep(block, words, slackStructure)).toEqual({ ...block, text: { type: 'mrkdwn', text: '[masked]' } })
  })
})
