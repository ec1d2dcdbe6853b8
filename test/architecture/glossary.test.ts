import { describe, expect, it } from 'vitest'
import { filesBelow, textOf } from './documents.ts'

const terms = [...textOf('docs/glossary.md').matchAll(/^- \*\*(.+?)\*\* – (.+)$/gm)].map(
  ([, term = '', rest = '']) => ({
    term,
    rest,
  }),
)

describe('the glossary', () => {
  it('explains each word once', () => {
    const words = terms.map(({ term }) => term.toLowerCase())
    expect(words.filter((word, index) => words.indexOf(word) !== index)).toEqual([])
    expect(words.length).toBeGreaterThan(60)
  })

  it('says of each word where it lives', () => {
    expect(terms.filter(({ rest }) => !/\. `(src|sandbox)\/[\w/.-]+`$/.test(rest))).toEqual([])
  })

  it('has no entry in another form, which nothing here would see', () => {
    const entries = textOf('docs/glossary.md').split('\n')
    expect(entries.filter((line) => /^[-*] /.test(line))).toHaveLength(terms.length)
  })
})

/** A word that was given up, and the word for it. */
const givenUp: readonly (readonly [pattern: RegExp, instead: string])[] = [
  [/\bcomebacks?\b/gi, 'rollback target'],
  [/\bdesks?\b/gi, 'command context'],
  [/\bfoundations\b/gi, 'schema prerequisites'],
  [/\bhearts?\b/gi, 'heartbeat'],
  [/\blanes?\b/gi, 'environment slot'],
  [/\bpassing trouble\b/gi, 'temporary error'],
  [/\bstanding\b/gi, 'service snapshot, swap state or schema check, or simply what is there'],
  [/\bstandstill\b/gi, 'replicas'],
  [/\bstumbl(e|es|ed|ing)\b/gi, 'temporary error'],
  [/\bsurroundings\b/gi, 'autoscaler, node platforms or secret consumers'],
  [/\btowns?\b/gi, 'world'],
  [/\btruth\b/gi, 'state database'],
]

/** Released migrations are never edited: they created what migration 9 renames. */
const released = { file: 'src/store/migrations/up-to-12.ts', words: /^(lane|comeback|stumbles)$/i }

interface Use {
  readonly where: string
  readonly word: string
  readonly instead: string
}

function usesIn(file: string): readonly Use[] {
  return textOf(file)
    .split('\n')
    .flatMap((line, index) =>
      givenUp.flatMap(([pattern, instead]) =>
        [...line.matchAll(pattern)]
          .filter(([word]) => file !== released.file || !released.words.test(word))
          .map(([word]) => ({ where: `${file}:${index + 1}`, word, instead })),
      ),
    )
}

describe('a word that was given up', () => {
  it.each([
    ['src', '.ts'],
    ['docs', '.md'],
  ])('is not used in %s', (folder, ending) => {
    const files = filesBelow(folder, ending)
    expect(files.length).toBeGreaterThan(10)
    expect(files.flatMap(usesIn)).toEqual([])
  })
})
