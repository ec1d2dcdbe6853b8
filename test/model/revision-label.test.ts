import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { commitIn, distinct, revisionVerdict } from '../../src/model/revision-label.ts'

const sha = '34c90117c0ffee00d15ea5e0123456789abcdef0'
const tagObject = '9f8e7d6c5b4a39281706f5e4d3c2b1a098765432'

describe('what the revision label of an image says of the commit of the tag', () => {
  it.each([
    // The commit, whole and by its first digits, however it is written.
    [sha, 'same'],
    ['34c9011', 'same'],
    ['34c90117', 'same'],
    ['34C9011', 'same'],
    [` ${sha}\n`, 'same'],
    ['sha-34c9011', 'same'],
    ['git-34c9011', 'same'],
    [`sha:${sha}`, 'same'],
    [`commit ${sha}`, 'same'],
    [`g34c9011`, 'same'],
    ['v1.2.0-3-g34c9011', 'same'],
    ['release/v1.2.0-rc.1-14-g34c90117', 'same'],
    // The object of an annotated tag.
    [tagObject, 'same'],
    [tagObject.slice(0, 7), 'same'],
    // What was in no commit is known to nobody.
    ['34c9011-dirty', 'changed'],
    [`${sha}-dirty`, 'changed'],
    [`${sha}+dirty`, 'changed'],
    [`${sha}.modified`, 'changed'],
    ['v1.2.0-3-g34c9011-dirty', 'changed'],
    ['sha-34c9011-dirty.2026-01-05', 'changed'],
    // Another one.
    [`${sha.slice(0, -1)}1`, 'other'],
    ['34c9012', 'other'],
    ['a'.repeat(40), 'other'],
    [`${sha}${'0'.repeat(24)}`, 'other'],
    ['a1b2c3d-dirty', 'other'],
    ['20260105', 'other'],
    // No commit at all.
    ['34c901', 'other'],
    ['v1.2.0', 'other'],
    ['refs/tags/v1.2.0', 'other'],
    ['main', 'other'],
    ['HEAD', 'other'],
    ['${GIT_SHA}', 'other'],
    ['$(git rev-parse HEAD)', 'other'],
    ['--output=x', 'other'],
    [`https://github.com/a/b/commit/${sha}`, 'other'],
    // Nothing.
    [undefined, 'unnamed'],
    ['', 'unnamed'],
    ['  ', 'unnamed'],
    ['unknown', 'unnamed'],
    ['none', 'unnamed'],
    ['N/A', 'unnamed'],
    ['dev', 'unnamed'],
  ] as const)('%j: %s', (label, verdict) => {
    expect(revisionVerdict(label, { sha, tagObject })).toBe(verdict)
  })

  it('knows no object of a tag that has none', () => {
    expect(revisionVerdict(tagObject, { sha })).toBe('other')
  })

  it('is the same for every length of seven digits and more, and for no other commit', () => {
    const id = fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: 40, maxLength: 40 })
    fc.assert(
      fc.property(id, id, fc.integer({ min: 7, max: 40 }), (one, other, length) => {
        expect(revisionVerdict(one.slice(0, length), { sha: one })).toBe('same')
        if (!other.startsWith(one.slice(0, length)))
          expect(revisionVerdict(one.slice(0, length), { sha: other })).toBe('other')
      }),
    )
  })

  it('ends for any text', () => {
    fc.assert(
      fc.property(fc.string(), (label) => {
        expect(['same', 'unnamed', 'changed', 'other']).toContain(revisionVerdict(label, { sha }))
        expect(commitIn(label)?.digits ?? '0000000').toMatch(/^[0-9a-f]{7,64}$/)
      }),
    )
  })
})

describe('two ids beside each other', () => {
  it.each([
    ['34c9011aaaa', '9f8e7d6cccc', ['34c9011', '9f8e7d6']],
    ['34c9011aaaa', '34c9011bbbb', ['34c9011a', '34c9011b']],
    ['34c9011', '34c9011bbbb', ['34c9011', '34c9011b']],
    ['main', '34c9011bbbb', ['main', '34c9011']],
  ])('%s and %s differ for people', (one, other, shown) => {
    expect(distinct(one, other)).toEqual(shown)
  })
})
