import { describe, expect, it } from 'vitest'
import { type VisibleString, visibleStrings } from './visible-strings.ts'

/**
 * How Purser speaks: things first, plain verbs, short sentences. What is looked for here are the turns of phrase that crept in
 * again and again; that a sentence is good only its reader can tell.
 */

interface Rule {
  readonly name: string
  readonly instead: string
  readonly breaks: (one: VisibleString) => boolean
}

const rule = (name: string, instead: string, pattern: RegExp): Rule => ({
  name,
  instead,
  breaks: ({ text }) => pattern.test(text),
})

const mostWords = 20

function isLong({ text }: VisibleString): boolean {
  // A list is no sentence: what is between its points is counted for itself.
  const sentences = text.split(/(?<=[.!?:…])\s|\n| – | · |\|/)
  return sentences.some((sentence) => (sentence.match(/\S*[\p{L}\p{N}⟩]\S*/gu) ?? []).length > mostWords)
}

const rules: readonly Rule[] = [
  rule('“is nothing to”', '“Can’t diagnose database.”', /\bis nothing to\b/i),
  rule('“is too much”', '“Didn’t expect …”', /\bis too much\b/i),
  rule('“may not”', '“can’t” or “isn’t allowed to”: “may not” reads as “perhaps not”', /\bmay not\b/i),
  rule('“former”', '“previous”', /\bformer\b/i),
  rule(
    '“what was …” as a subject',
    'name the thing',
    /(?:^|[.:(] ?)what (?:was|were|is|has|have|had|would)\b(?!.*\?)/i,
  ),
  rule('“somebody”, “someone”, “those on call”', 'say who', /\b(?:somebody|someone|those on call)\b/i),
  rule(
    '“stands”, “goes on”, “mend” …',
    '“stays”, “continues”, “blocks”, “tested”, “fix”, “temporary error”',
    /\b(?:stands|holds? up|goes on|go on|tried out|mend(?:s|ed)?|passing trouble)\b/i,
  ),
  rule('“is no”, “are no”', '“isn’t a”, “there’s no”', /\b(?:is|are) no\b(?! longer)/i),
  rule('a semicolon', 'two sentences', /[\p{L}\p{N}⟩)”`'’];(?:\s|$)/u),
  { name: `a sentence of more than ${mostWords} words`, instead: 'two sentences', breaks: isLong },
  {
    name: 'a command that is no code',
    instead: 'backticks around it: `/billing status`',
    breaks: ({ text, isCode }) => !isCode && /(?<!`)\/billing [a-z⟨]/.test(text),
  },
  rule(
    'a duration in another form',
    '“1h 05m”, “1m 36s”, “30 min”, “45s”',
    /[\d⟩] h [\d⟨]\S* min\b|[\d⟩]\.\d s\b|⟨n\.n⟩ s\b|\bmin:s\b/,
  ),
]

interface Exception {
  readonly path: string
  /** A part of the string. */
  readonly text: string
  readonly because: string
}

const exceptions: readonly Exception[] = [
  {
    path: 'src/messages/thread/diagnosis.ts',
    text: '/billing diagnose',
    because: 'code marks are put around the whole',
  },
  {
    path: 'src/adapters/off-thread/off-thread.ts',
    text: 'register(); return import(',
    because: 'it is a program, which a worker runs',
  },
  {
    path: 'src/adapters/stripe/webhook-probe.ts',
    text: 'application/json; charset=utf-8',
    because: 'it is a header of HTTP',
  },
]

const strings = visibleStrings()
const excepted = ({ path, text }: VisibleString) =>
  exceptions.some((exception) => exception.path === path && text.includes(exception.text))

it('reads the strings of the product', () => {
  expect(strings.length).toBeGreaterThan(1_000)
})

describe('no string that people can read has', () => {
  it.each(rules)('$name', ({ breaks, instead }) => {
    const found = strings.filter((one) => !excepted(one) && breaks(one))
    expect(
      found.map(({ path, line, text }) => `${path}:${line} ${text}`),
      `say ${instead}`,
    ).toEqual([])
  })
})

it('has no exception that nothing needs', () => {
  const needless = exceptions.filter(
    ({ path, text }) =>
      !strings.some((one) => one.path === path && one.text.includes(text) && rules.some(({ breaks }) => breaks(one))),
  )
  expect(needless).toEqual([])
})

describe('a rule finds', () => {
  const one = (text: string, isCode = false): VisibleString => ({ path: 'src/a.ts', line: 1, text, isCode })
  it.each([
    ['“is nothing to”', 'database is nothing to diagnose.'],
    ['“is too much”', 'words here is too much.'],
    ['“may not”', 'Purser may not list nodes.'],
    ['“former”', 'the former secret'],
    ['“what was …” as a subject', 'What was changed so far stays.'],
    ['“somebody”, “someone”, “those on call”', 'until somebody unlocks'],
    ['“stands”, “goes on”, “mend” …', 'Mend what the log names.'],
    ['“is no”, “are no”', 'Run #1 is no diagnosis.'],
    ['a semicolon', 'run #1 is over; look at its board'],
    ['a command that is no code', 'See /billing status.'],
    ['a duration in another form', 'about ⟨⟩ h ⟨⟩ min'],
  ])('%s', (name, text) => {
    expect(rules.filter(({ breaks }) => breaks(one(text))).map((it) => it.name)).toEqual([name])
  })

  it.each([
    'See `/billing status`.',
    'It is no longer there.',
    'Why? What was it?',
    'before; behind'.slice(0, 6),
    'in 1h 05m',
  ])('nothing in “%s”', (text) => {
    expect(rules.filter(({ breaks }) => breaks(one(text)))).toEqual([])
  })
})
