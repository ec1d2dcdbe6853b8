import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readKubernetesYaml } from '../../src/config/yaml-text.ts'

const values = (text: string) => {
  const read = readKubernetesYaml(text)
  return read.ok ? read.documents.map(({ value }) => value) : read.problems
}

/** Each with what kubectl makes of it, as `kubectl annotate --local` prints it. */
const words: readonly (readonly [string, unknown])[] = [
  ['0400', 256],
  ['0o400', 256],
  ['0O17', 15],
  ['00', 0],
  ['0_7', 7],
  ['08', 8],
  ['0800', 800],
  ['0900.5', 900.5],
  ['1_000', 1000],
  ['0x1F', 31],
  ['0x_1F', 31],
  ['0b101', 5],
  ['-0b11', -3],
  ['+12', 12],
  ['-0', 0],
  ['1e3', 1000],
  ['1.5e3', 1500],
  ['1e+3', 1000],
  ['12e03', 12000],
  ['1.', 1],
  ['.5', 0.5],
  ['-.5', -0.5],
  ['._5', '._5'],
  ['1:30', '1:30'],
  ['2001-01-01', '2001-01-01'],
  ['yes', true],
  ['y', true],
  ['Y', true],
  ['on', true],
  ['ON', true],
  ['True', true],
  ['tRuE', 'tRuE'],
  ['no', false],
  ['N', false],
  ['Off', false],
  ['FALSE', false],
  ['~', null],
  ['NULL', null],
  ['nULL', 'nULL'],
  ['"0400"', '0400'],
  ["'yes'", 'yes'],
  ['!!str 0400', '0400'],
  ['!!str yes', 'yes'],
  ['! 12', '12'],
  ['!foo x', 'x'],
  ['!!int "0400"', 256],
  ['!!float 3', 3],
  ['!!bool yes', true],
  ['!!binary aGVsbG8=', 'hello'],
  ['!!timestamp 2001-01-01', '2001-01-01'],
  ['=', '='],
  ['"*/5 * * * *"', '*/5 * * * *'],
  ['0 3 * * *', '0 3 * * *'],
]

describe('a word means what it means to kubectl', () => {
  it.each(words)('%s', (word, value) => {
    expect(values(`a: ${word}`)).toEqual([{ a: value }])
  })

  it.each([
    ['.inf', /isn't a number that JSON has/],
    ['.nan', /isn't a number that JSON has/],
    ['!!int x', /Unresolved tag/],
    ['9007199254740993', /too large/],
    ['18446744073709551616', /too large/],
  ])('and %s is a problem, never another number', (word, problem) => {
    expect(values(`a: ${word}`)).toEqual([expect.stringMatching(problem)])
  })

  it('also as a key', () => {
    expect(values('on: 1\n0x10: 2\n1.5: 3')).toEqual([{ true: 1, 16: 2, 1.5: 3 }])
  })
})

it.each<[string, string, readonly unknown[]]>([
  ['one document', 'a: 1', [{ a: 1 }]],
  ['a last separator', 'a: 1\n---\n', [{ a: 1 }]],
  ['a first separator', '---\na: 1', [{ a: 1 }]],
  ['two', 'a: 1\n---\nb: 2\n', [{ a: 1 }, { b: 2 }]],
  ['comments between', '# x\n---\n# only this\n---\na: 1 # y\n--- # z\n', [{ a: 1 }]],
  ['nothing', '', []],
  ['null', '---\n~\n---\n', []],
  ['CRLF', 'a: 1\r\n---\r\nb: 2\r\n', [{ a: 1 }, { b: 2 }]],
  ['JSON', '{"a": {"b": [1, "0400"]}}', [{ a: { b: [1, '0400'] } }]],
  ['an end mark', 'a: 1\n...\n---\nb: 2\n...\n', [{ a: 1 }, { b: 2 }]],
])('documents are told apart: %s', (_, text, documents) => {
  expect(values(text)).toEqual(documents)
})

it.each<[string, string, unknown]>([
  ['one map', 'a: &x {b: 1}\nc: {<<: *x, d: 2}', { a: { b: 1 }, c: { b: 1, d: 2 } }],
  ['what stands beside it wins', 'a: &x {b: 1}\nc: {<<: *x, b: 2}\nd: {b: 3, <<: *x}', { c: { b: 2 }, d: { b: 3 } }],
  ['of several the first wins', 'a: &x {b: 1}\nc: {<<: [*x, {b: 5, f: 6}]}', { c: { b: 1, f: 6 } }],
  ['merged maps that merge', 'a: &x {b: 1}\nc: &y {<<: *x, d: 2}\ne: {<<: *y}', { e: { b: 1, d: 2 } }],
  ['a quoted key merges nothing', 'a: &x {b: 1}\nc: {"<<": *x}', { c: { '<<': { b: 1 } } }],
])('merge keys: %s', (_, text, value) => {
  expect(values(text)).toEqual([expect.objectContaining(value)])
})

const letters = [...'abcdefghijklmnopqrstuvwxyz']

describe('a hostile manifest ends in a list of problems', () => {
  it.each<[string, string, RegExp]>([
    [
      'merges that double',
      [
        'a: &a {x: 1}',
        ...letters
          .slice(1)
          .map((one, at) => `${one}: &${one} {<<: [*${letters[at]}, *${letters[at]}], ${one}${one}: 1}`),
      ].join('\n'),
      /its aliases stand for too much/,
    ],
    ['a merge of itself', 'a: &a\n  <<: *a', /is inside of what it names/],
    ['a merge of no map', 'a: &a [1]\nb: {<<: *a}', /Merge sources must be maps/],
    ['an alias of nothing', 'a: *x', /Unresolved alias/],
    ['an alias of another document', 'a: &x 1\n---\nb: *x', /Unresolved alias/],
    ['a key twice', 'a: 1\na: 2', /the key a is there twice/],
    ['a key twice, in the second document', 'a: 1\n---\na: 1\na: 2', /line 4, column 1: the key a is there twice/],
    ['thousands of documents with aliases', 'a: &x 1\nb: *x\n---\n'.repeat(9_000) + 'c: *x', /more than 200 documents/],
    ['5 MB', 'a: 1\n---\n'.repeat(700_000), /at most 256 KiB/],
    ['lists in lists', `a: ${'['.repeat(20_000)}`, /nested too deeply/],
  ])('%s', (_, text, words) => {
    const read = readKubernetesYaml(text)
    expect(read.ok ? '' : read.problems.join('\n')).toMatch(words)
  })

  it('whatever the text is', () => {
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
      '|',
      '\n',
      '  ',
      '---\n',
      '<<: ',
      '!!int ',
      '0',
      '_',
      'y',
      '%YAML 1.2\n',
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 60 }), (pieces) => {
        expect(typeof readKubernetesYaml(pieces.join('')).ok).toBe('boolean')
      }),
    )
  })

  it('a key called __proto__ stays a key', () => {
    expect(Object.keys(values('__proto__: {polluted: true}')[0] as object)).toEqual(['__proto__'])
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
  })
})
