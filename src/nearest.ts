import { distance } from 'fastest-levenshtein'

/** The names most like `asked`, best first; none that would have to be changed by more than half of its letters. */
export function nearest(asked: string, names: readonly string[], count = 3): readonly string[] {
  return names
    .map((name) => ({ name, changes: distance(asked.toLowerCase(), name.toLowerCase()) }))
    .filter(({ name, changes }) => changes <= Math.max(2, Math.max(asked.length, name.length) / 2))
    .sort((a, b) => a.changes - b.changes)
    .slice(0, count)
    .map(({ name }) => name)
}
