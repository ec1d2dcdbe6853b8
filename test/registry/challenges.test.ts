import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { challengesIn, chosenChallenge } from '../../src/adapters/registry/login/challenges.ts'

const hub =
  'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:valuecanvas/api:pull,push"'
const amazon = 'Basic realm="https://1.dkr.ecr.eu-west-1.amazonaws.com/",service="ecr.amazonaws.com"'

describe('what a registry asks for', () => {
  it.each([
    ['', []],
    ['Basic', [['basic', {}]]],
    ['Basic realm="Registry Realm"', [['basic', { realm: 'Registry Realm' }]]],
    ['basic REALM="x"', [['basic', { realm: 'x' }]]],
    [
      hub,
      [
        [
          'bearer',
          {
            realm: 'https://auth.docker.io/token',
            service: 'registry.docker.io',
            scope: 'repository:valuecanvas/api:pull,push',
          },
        ],
      ],
    ],
    [
      `${amazon}, Bearer realm="https://a.example/token"`,
      [
        ['basic', { realm: 'https://1.dkr.ecr.eu-west-1.amazonaws.com/', service: 'ecr.amazonaws.com' }],
        ['bearer', { realm: 'https://a.example/token' }],
      ],
    ],
    [
      'Negotiate, Basic realm="x" , Bearer realm="y"',
      [
        ['negotiate', {}],
        ['basic', { realm: 'x' }],
        ['bearer', { realm: 'y' }],
      ],
    ],
    // Not as the standard has it, but as registries do.
    [
      'Bearer realm=https://a.example/token,service=a',
      [['bearer', { realm: 'https://a.example/token', service: 'a' }]],
    ],
    ['Bearer realm = "y" , service="a"', [['bearer', { realm: 'y', service: 'a' }]]],
    ['Bearer  realm="a\\"b\\\\c"', [['bearer', { realm: 'a"b\\c' }]]],
    [',, Bearer realm="y",,', [['bearer', { realm: 'y' }]]],
    ['Bearer realm="y",realm="z"', [['bearer', { realm: 'y' }]]],
    ['Bearer realm=""', [['bearer', { realm: '' }]]],
    ['realm="nobody’s"', []],
  ])('%j', (header, expected) => {
    expect(challengesIn(header).map(({ scheme, parameters }) => [scheme, Object.fromEntries(parameters)])).toEqual(
      expected,
    )
  })

  it.each([
    [hub, 'bearer'],
    [amazon, 'basic'],
    [`${amazon}, ${hub}`, 'bearer'],
    [`${hub}, ${amazon}`, 'bearer'],
    ['Negotiate, Basic realm="x"', 'basic'],
    // A token that nobody hands out is none.
    ['Bearer, Basic realm="x"', 'basic'],
    ['Negotiate', undefined],
    ['Digest realm="x", nonce="y"', undefined],
    ['', undefined],
  ])('of %j the answer is to %s', (header, scheme) => {
    expect(chosenChallenge(header)?.scheme).toBe(scheme)
  })

  it('is read to its end, whatever it is', () => {
    const word = fc.string({ unit: fc.constantFrom(...'Basic Bearer="\\,:/ \t\n') })
    fc.assert(fc.property(fc.oneof(fc.string(), word), (header) => void challengesIn(header)))
    // A header that is longer than any registry's is cut, so its end costs nothing.
    expect(challengesIn(`${'Basic,'.repeat(10_000)}Bearer realm="y"`).some(({ scheme }) => scheme === 'bearer')).toBe(
      false,
    )
  })

  it('is read back as it was written', () => {
    const name = fc.stringMatching(/^[a-z]{1,8}$/)
    const quotes = (text: string) => `"${text.replace(/["\\]/g, '\\$&')}"`
    const written = fc.dictionary(name, fc.string({ minLength: 0, maxLength: 20 }), { minKeys: 1, maxKeys: 4 })
    fc.assert(
      fc.property(fc.array(written, { minLength: 1, maxLength: 3 }), (all) => {
        const header = all.map(
          (one) =>
            `Scheme ${Object.entries(one)
              .map(([key, value]) => `${key}=${quotes(value)}`)
              .join(',')}`,
        )
        expect(challengesIn(header.join(', ')).map(({ parameters }) => Object.fromEntries(parameters))).toEqual(
          all.map((one) => ({ ...one })),
        )
      }),
    )
  })
})
