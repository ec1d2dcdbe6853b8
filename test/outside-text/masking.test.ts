import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { DatabaseError } from '../../src/adapters/postgres/errors.ts'
import { cutBetweenWords } from '../../src/outside-text/cut.ts'
import { KnownSecrets } from '../../src/outside-text/known-secrets.ts'
import { maskDeep } from '../../src/outside-text/mask-deep.ts'
import { maskOf } from '../../src/outside-text/mask.ts'
import { Sensitive } from '../../src/sensitive.ts'

const knows = (...values: string[]) => maskOf(new KnownSecrets(values.map((value) => new Sensitive(value))))
const knowsNothing = maskOf(new KnownSecrets())

describe('masking what this process knows', () => {
  const secretText = fc
    .string({ minLength: 6, maxLength: 60, unit: 'grapheme' })
    .filter((text) => text.trim().length >= 6)

  it('lets no known secret survive, wherever it stands and however it is encoded', () => {
    fc.assert(
      fc.property(
        fc.array(secretText, { minLength: 1, maxLength: 4 }),
        fc.array(fc.string({ maxLength: 20 }), { minLength: 5, maxLength: 5 }),
        (secrets, around) => {
          const mask = knows(...secrets)
          for (const secret of secrets) {
            const forms = [
              secret,
              Buffer.from(secret).toString('base64'),
              new URLSearchParams([['q', secret]]).toString(),
              JSON.stringify({ secret }),
              Buffer.from(`user:${secret}`).toString('base64'),
            ]
            const shown = mask(forms.map((form, index) => `${around[index]} ${form}`).join('|'))
            expect(shown).not.toContain(secret)
            expect(shown).not.toContain(Buffer.from(secret).toString('base64'))
            expect(shown).not.toContain(JSON.stringify(secret))
          }
        },
      ),
      { numRuns: 300 },
    )
  })

  it('hides the password of a known URL everywhere, and still tells where the URL leads', () => {
    const mask = knows('postgres://purser:tr%C3%A4umerei7@db.internal:5432/billing?sslmode=require')
    expect(mask('at postgres://purser:tr%C3%A4umerei7@db.internal:5432/billing?sslmode=require')).toBe(
      'at postgres://purser:[masked]@db.internal:5432/billing',
    )
    expect(mask('auth failed with träumerei7, alias tr%C3%A4umerei7')).toBe('auth failed with [masked], alias [masked]')
  })

  it('leaves short values and addresses without a password readable', () => {
    const mask = knows('abc', 'redis://cache:6379', 'postgres://postgres:postgres@db/app')
    expect(mask('abc from redis://cache:6379 in postgres 17')).toBe('abc from redis://cache:6379 in postgres 17')
    expect(mask('postgres://postgres:postgres@db/app')).toBe('postgres://postgres:[masked]@db/app')
  })

  it('hides the longer of two secrets that begin alike', () => {
    expect(knows('opensesame', 'opensesame-and-more')('say opensesame-and-more')).toBe('say [masked]')
  })
})

describe('masking what is shaped like a secret', () => {
  it.each([
    ['sk_live_51AbCdEfGh', 'sk_live_[masked]'],
    ['rk_test_51AbCdEfGh', 'rk_test_[masked]'],
    ['key=whsec_Zm9vYmFyYmF6/+=', 'key=whsec_[masked]'],
    ['xoxb-123456-abcdef', 'xoxb-[masked]'],
    ['xapp-1-A012-345-abcdef', 'xapp-[masked]'],
    ['postgres://app:hunter2@db:5432/billing', 'postgres://app:[masked]@db:5432/billing'],
    ['postgresql://app:p@ss/w:rd@db/billing', 'postgresql://app:[masked]@db/billing'],
    ['redis://:hunter2@cache:6379/0', 'redis://:[masked]@cache:6379/0'],
    ['https://bot:hunter2@git.example.com/a.git', 'https://bot:[masked]@git.example.com/a.git'],
    ['Authorization: Bearer abcdef0123456789abcdef', 'Authorization: Bearer [masked]'],
    ['authorization: Basic dXNlcjpwYXNz', 'authorization: Basic [masked]'],
    ['AKIAIOSFODNN7EXAMPLE', 'AKIA[masked]'],
    ['host=db password=hunter2 user=app', 'host=db password=[masked] user=app'],
    ['token eyJhbGciOiJI.eyJzdWIiOiIx.SflKxwRJSMeK', 'token eyJ[masked]'],
    [
      '-----BEGIN RSA PRIVATE KEY-----\nMIIE\nabc\n-----END RSA PRIVATE KEY-----\nafter',
      '-----BEGIN RSA PRIVATE KEY-----[masked]\nafter',
    ],
  ])('%s', (text, shown) => {
    expect(knowsNothing(text)).toBe(shown)
    expect(knowsNothing(knowsNothing(text))).toBe(shown)
  })

  it.each([
    'image http://127.0.0.1:5000/valuecanvas/api@sha256:9f86d081884c7d65 is there',
    'whsec_... belongs into stripe-credentials, see https://dashboard.stripe.com/webhooks',
    'UPDATE users SET password = $1; the bearer authentication is basic',
    'dana@example.com asked for v1.2.0 at 12:30:01',
  ])('leaves harmless text alone: %s', (text) => {
    expect(knowsNothing(text)).toBe(text)
  })
})

describe('masking structures', () => {
  it('reaches every string in nested data and in errors, and keeps the kind of an error', () => {
    const mask = knows('hunter2hunter2')
    const cause = new Error('connecting with hunter2hunter2')
    const error = new DatabaseError('permission_denied', 'asking: hunter2hunter2', {
      evidence: ['hunter2hunter2'],
      cause,
    })
    const shown = maskDeep({ list: [{ error }], at: new Date(0), secret: new Sensitive('x'), hunter2hunter2: 1 }, mask)

    const shownError = shown.list[0]?.error
    expect(shownError).toBeInstanceOf(DatabaseError)
    expect(shownError?.code).toBe('permission_denied')
    expect(shownError?.message).toBe('asking: [masked]')
    expect(shownError?.evidence).toEqual(['[masked]'])
    expect(shownError?.cause).toHaveProperty('message', 'connecting with [masked]')
    expect(shownError?.stack).not.toContain('hunter2')
    expect(shown.at).toEqual(new Date(0))
    expect(JSON.stringify(shown)).not.toContain('hunter2')
    expect(shown.secret).toBe('[secret]')
    expect(error.message).toContain('hunter2') // the original is not touched
  })

  it('ends at a cycle', () => {
    const loop: { name: string; self?: unknown } = { name: 'sk_live_51AbCdEfGh' }
    loop.self = loop
    expect(maskDeep(loop, knowsNothing)).toEqual({ name: 'sk_live_[masked]', self: '[circular]' })
  })
})

describe('what is cut short before it is masked', () => {
  const secret = 'correct-horse-battery'
  const mask = knows(secret)

  it('never ends in the middle of a secret', () => {
    const line = `{"level":"error","msg":"login with ${secret} refused","key":"${secret}"}`
    for (let most = 1; most <= line.length; most += 1) {
      const shown = mask(cutBetweenWords(line, most))
      expect(shown).not.toMatch(/correct|horse|battery/)
      expect(shown.length).toBeLessThanOrEqual(Math.max(most + 1, mask(line).length))
    }
    expect(cutBetweenWords(line, line.length)).toBe(line)
    expect(cutBetweenWords('a quick brown fox', 9)).toBe('a quick…')
  })
})
