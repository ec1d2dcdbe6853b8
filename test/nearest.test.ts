import { distance } from 'fastest-levenshtein'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { nearest } from '../src/nearest.ts'

/** The plain way: put all of them into order, take the first. */
function sorted(asked: string, names: readonly string[], count: number): readonly string[] {
  const plain = (name: string) => name.toLowerCase().replace(/^v(?=\d)/, '')
  const changes = (name: string) => distance(plain(asked), plain(name))
  return names
    .toSorted((a, b) => changes(a) - changes(b) || b.localeCompare(a, 'en', { numeric: true }))
    .slice(0, count)
}

it('finds the same names as sorting all of them does', () => {
  const name = fc
    .tuple(fc.constantFrom('', 'v', 'V', 'rel-'), fc.nat(30), fc.nat(12))
    .map(([a, b, c]) => `${a}${b}.${c}`)
  fc.assert(
    fc.property(name, fc.array(name), fc.nat(5), (asked, names, count) => {
      expect(nearest(asked, names, count)).toEqual(sorted(asked, names, count))
    }),
  )
})
