import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readYaml } from '../../src/config/yaml-text.ts'

const letters = [...'abcdefghij']
const bomb = [
  'a: &a [x,x,x,x,x,x,x,x,x]',
  ...letters.slice(1).map((it, at) => `${it}: &${it} [${Array(9).fill(`*${letters[at]}`).join(',')}]`),
]
const numbered = (count: number, line: (at: number) => string, between = '\n') =>
  Array.from({ length: count }, (_, at) => line(at)).join(between)

const hostile: readonly [string, string, RegExp][] = [
  ['an alias of nothing', 'service: *nowhere', /Unresolved alias .* nowhere/],
  ['an alias bomb', bomb.join('\n'), /its aliases stand for too much/],
  ['thousands of aliases', `x: &x 1\ny: [${numbered(20_000, () => '*x', ',')}]`, /more than 100 aliases/],
  [
    'thousands of anchors',
    `${numbered(9_000, (at) => `k${at}: &a${at} 1`)}\nz: [${numbered(9_000, (at) => `*a${at}`, ',')}]`,
    /more than 100 aliases/,
  ],
  ['a circle', 'service: &a\n  name: *a', /line 2, column 9: the alias a is inside of what it names/],
  ['a circle of the whole', '&a\nservice: *a', /the alias a is inside of what it names/],
  ['5 MB of comments', '# x\n'.repeat(1_300_000), /it has 5079 KiB, but at most 256 KiB are read/],
  ['one comment of 5 MB', `a: 1 # ${'x'.repeat(5_000_000)}`, /at most 256 KiB/],
  ['lists in lists', `a: ${'['.repeat(20_000)}`, /nested too deeply/],
  ['lists in lists, closed', `a: ${'['.repeat(20_000)}${']'.repeat(20_000)}`, /nested too deeply/],
  ['a key twice', 'service: 1\nservice: 2', /line 2, column 1: the key service is there twice/],
  ['a quote without an end', `a: "${'x'.repeat(200_000)}`, /Missing closing "quote/],
  ['two documents', 'a: 1\n---\nb: 2', /multiple documents/],
  ['a NUL', 'a: "b\0', /Missing closing/],
]

describe('a hostile text ends in a list of problems', () => {
  it.each(hostile)('%s', (_, text, words) => {
    const read = readYaml(text)
    expect(read.ok ? '' : read.problems.join('\n')).toMatch(words)
    expect(read.ok ? 0 : read.problems.length).toBeLessThanOrEqual(21)
  })

  it('names each of 20 problems and counts the rest', () => {
    const read = readYaml(numbered(40, () => 'a: 1'))
    expect(read.ok ? [] : read.problems).toHaveLength(21)
    expect(read.ok ? '' : read.problems.at(-1)).toBe('and 19 more')
  })
})

it('keeps a key called __proto__ a key: nothing inherits from it', () => {
  const read = readYaml('__proto__: { polluted: true }\nconstructor: { prototype: { polluted: true } }')
  expect(read.ok && Object.keys(read.value as object)).toEqual(['__proto__', 'constructor'])
  expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
  expect((read.ok ? (read.value as Record<string, unknown>) : {})['polluted']).toBeUndefined()
})

it('reads 24,000 keys, and 200 kB of comments, as the text of a file', () => {
  expect(readYaml(numbered(24_000, (at) => `k${at}: 1`)).ok).toBe(true)
  expect(readYaml(`${'# comment\n'.repeat(20_000)}a: 1`)).toMatchObject({ ok: true, value: { a: 1 } })
})

it('answers whatever the text is, and raises nothing', () => {
  const piece = fc.constantFrom(
    'a: ',
    '&a ',
    '*a',
    '- ',
    '[',
    ']',
    '{',
    '}',
    '"',
    "'",
    '|',
    '>',
    '\n',
    '  ',
    '#',
    '---\n',
    '!!',
    '<<: ',
    '?',
    '__proto__: ',
    '\0',
    '\u2028',
    '\t',
  )
  fc.assert(
    fc.property(fc.array(fc.oneof(piece, fc.string()), { maxLength: 60 }), (pieces) => {
      const read = readYaml(pieces.join(''))
      expect(read.ok || read.problems.length > 0).toBe(true)
      if (read.ok) JSON.stringify(read.value)
    }),
  )
})
