import { distance } from 'fastest-levenshtein'

/** The names most like the one that was asked for, best first: what somebody probably meant. */
export function nearest(asked: string, names: readonly string[], count = 3): readonly string[] {
  const plain = (name: string) => name.toLowerCase().replace(/^v(?=\d)/, '')
  return names
    .map((name) => ({ name, changes: distance(plain(asked), plain(name)) }))
    .sort((a, b) => a.changes - b.changes || b.name.localeCompare(a.name, 'en', { numeric: true }))
    .slice(0, count)
    .map(({ name }) => name)
}
