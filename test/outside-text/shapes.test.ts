import { describe, expect, it } from 'vitest'
import { KnownSecrets } from '../../src/outside-text/known-secrets.ts'
import { maskOf } from '../../src/outside-text/mask.ts'

const mask = maskOf(new KnownSecrets())
const pem = [
  '-----BEGIN PRIVATE KEY-----',
  'MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7',
  'abc=',
  '-----END PRIVATE KEY-----',
]
const encodedKey = Buffer.from(pem.join('\n').repeat(3)).toString('base64')

describe('what is shaped like a secret, and known to nobody', () => {
  it.each([
    ['a variable of an environment', 'STRIPE_SECRET_KEY=abcd1234 npm test', 'STRIPE_SECRET_KEY=[masked] npm test'],
    ['one in quotes', 'export DB_PASSWORD="a b c"', 'export DB_PASSWORD="[masked]"'],
    ['a query of a URL', 'GET /x?access_token=abcdef&page=2', 'GET /x?access_token=[masked]&page=2'],
    [
      'JSON inside of JSON',
      String.raw`{"msg":"{\"password\":\"hunter2\",\"a\":1}"}`,
      String.raw`{"msg":"{\"password\":\"[masked]\",\"a\":1}"}`,
    ],
    [
      'a key in camel case',
      '{"dbPassword":"hunter2","stripeSecretKey":"abc"}',
      '{"dbPassword":"[masked]","stripeSecretKey":"[masked]"}',
    ],
    ['a key of several words', 'my_db_admin_password: hunter2', 'my_db_admin_password: [masked]'],
    ['a value that was cut', '{"password":"hunter2 and so', '{"password":"[masked]'],
    [
      'a login of docker',
      '{"auths":{"ghcr.io":{"auth":"Ym90Omh1bnRlcjI="}}}',
      '{"auths":{"ghcr.io":{"auth":"[masked]"}}}',
    ],
    ['a kubeconfig', `    client-key-data: ${encodedKey}`, '    client-key-data: [masked]'],
    ['a key in base64 without a name', `key ${encodedKey} end`, 'key [masked] end'],
    ['SQL', "ALTER ROLE app PASSWORD 'hunter2'", "ALTER ROLE app PASSWORD '[masked]'"],
    [
      'a web hook of Slack',
      'https://hooks.slack.com/services/T0/B0/abcdef',
      'https://hooks.slack.com/services/[masked]',
    ],
    [
      'a token in the place of a user',
      'https://abcdefghij0123456789@github.com/a.git',
      'https://[masked]@github.com/a.git',
    ],
    ['a token of GitLab', 'glpat-abcdef0123456789abcd', 'glpat-[masked]'],
    ['a JSON web token that was cut', 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0', 'eyJ[masked]'],
    [
      'a private key in JSON, and what follows it',
      JSON.stringify({ key: pem.join('\n'), level: 50 }),
      '{"key":"-----BEGIN PRIVATE KEY-----[masked]","level":50}',
    ],
    [
      'one that was cut',
      String.raw`{"key":"-----BEGIN PRIVATE KEY-----\nMIIEvQ…","level":50}`,
      '{"key":"-----BEGIN PRIVATE KEY-----[masked]…","level":50}',
    ],
    [
      'a key of PGP',
      '-----BEGIN PGP PRIVATE KEY BLOCK-----\nVersion: GnuPG v2\n\nlQOYBF\n=abcd\n-----END PGP PRIVATE KEY BLOCK-----\nok',
      '-----BEGIN PGP PRIVATE KEY BLOCK-----[masked]\nok',
    ],
  ])('%s', (_, text, shown) => {
    expect(mask(text)).toBe(shown)
    expect(mask(shown)).toBe(shown)
  })

  it.each([
    'secret=${SECRET} token=$1 password: ${PASSWORD}',
    'max_tokens=4096 tokens: 12',
    'Secret stripe-credentials has the key webhook-secret',
    'the token is renewed; the password was changed by dana',
    'postgres://app@db/billing redis://cache:6379',
    'if (token == undefined) token = next()',
    '"author":"dana","auth":"required"',
    'https://example.com/a@b/c?d=e:f@g',
    `-----BEGIN CERTIFICATE-----\n${'A'.repeat(64)}\n-----END CERTIFICATE-----`,
  ])('leaves %j', (text) => expect(mask(text)).toBe(text))
})

it('a key in base64 that a program has wrapped is not shown, and what follows it is', () => {
  const lines = encodedKey.match(/.{1,76}/g) ?? []
  const shown = mask(['data:', ...lines.slice(0, -1), 'ERROR: cannot read it'].join('\n'))
  expect(shown).toBe('data:\n[masked]\nERROR: cannot read it')
})

it('a line that is empty behind a key keeps the end of the text', () => {
  expect(mask(`${pem.slice(0, 2).join('\n')}\n`)).toBe('-----BEGIN PRIVATE KEY-----[masked]\n')
})
