import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { answerInWords, violationsInWords } from '../../src/runbook/verify/answer-words.ts'

type Row = readonly (string | null)[]

describe('an answer shows what counts and what is named', () => {
  it.each<[string, readonly string[], readonly Row[], readonly string[], string]>([
    ['no rows', ['count'], [], [], '0'],
    ['a count', ['count'], [['12']], [], '12'],
    ['a number under any name', ['sum'], [['12.5']], [], '12.5'],
    [
      'grouped counts',
      ['count', 'processed'],
      [
        ['12', 't'],
        ['1', 'f'],
      ],
      ['processed'],
      '12 (processed true), 1 (processed false)',
    ],
    [
      'grouped by an e-mail',
      ['count', 'email'],
      [
        ['12', 'ann@x.de'],
        ['1', 'bo@x.de'],
      ],
      [],
      '12, 1 (email: 2 different values)',
    ],
    ['grouped by a token', ['count', 'key'], [['12', 'tok_1a2b3c']], [], '12 (key: 1 different value)'],
    [
      'grouped by a name and a state',
      ['count', 'name', 'state'],
      [['2', 'Ann', 'open']],
      ['state'],
      '2 (state open) (name: 1 different value)',
    ],
    ['a text', ['email'], [['ann@x.de']], [], '1 row (email: 1 different value)'],
    ['a text that is called count', ['count'], [['ann@x.de']], [], '1 row (count: 1 different value)'],
    [
      'a number beside a text',
      ['email', 'phone'],
      [['ann@x.de', '491701234']],
      [],
      '1 row (email: 1 different value, phone: 1 different value)',
    ],
    ['several numbers without a count', ['phone'], [['1'], ['2']], [], '2 rows (phone: 2 different values)'],
    ['nothing', ['sum'], [[null]], [], '1 row (sum: 1 different value)'],
    [
      'a name that there is not',
      ['count', 'state'],
      [['2', 'open']],
      ['stat'],
      '2 (state: 1 different value, no column stat)',
    ],
    ['a long value', ['note'], [['x'.repeat(100)]], ['note'], `note ${'x'.repeat(60)}…`],
    [
      'many rows',
      ['count', 'n'],
      Array.from({ length: 12 }, (_, n) => ['1', String(n)]),
      ['n'],
      `${Array.from({ length: 10 }, (_, n) => `1 (n ${n})`).join(', ')}, and 2 more rows`,
    ],
  ])('%s', (_, columns, rows, named, words) => {
    expect(answerInWords({ columns, rows }, named)).toBe(words)
  })
})

it('no value of a column that is not named is ever shown', () => {
  const secret = fc
    .string({ unit: fc.constantFrom('a', 'b', '@', '-', '_', 'X'), minLength: 3, maxLength: 12 })
    .map((text) => `§${text}`)
  const rows = fc.array(fc.tuple(fc.nat().map(String), secret, secret), { minLength: 1, maxLength: 20 })
  fc.assert(
    fc.property(rows, fc.subarray(['open', 'else']), (table, named) => {
      const answer = { columns: ['count', 'open', 'hidden'], rows: table }
      for (const words of [answerInWords(answer, named), violationsInWords(answer, String(table.length), named)])
        for (const [, open, hidden] of table) {
          if (!table.some((row) => named.includes('open') && row[1].includes(hidden)))
            expect(words).not.toContain(hidden)
          if (!named.includes('open')) expect(words).not.toContain(open)
        }
    }),
  )
})
