import { distance } from 'fastest-levenshtein'

/** The names most like the one that was asked for, best first: what somebody probably meant. */
export function nearest(asked: string, names: readonly string[], count = 3): readonly string[] {
  return ranked(asked, names)
    .slice(0, count)
    .map(({ name }) => name)
}

/** The name somebody cut short, or mistyped by at most two letters or a third of them. Otherwise no guess is better. */
export function mistyped(asked: string, names: readonly string[]): string | undefined {
  const begun = names.filter((name) => asked.length > 1 && name.startsWith(asked.toLowerCase()))
  if (begun.length === 1) return begun[0]
  const best = ranked(asked, names)[0]
  return best !== undefined && best.changes <= Math.max(2, Math.floor(asked.length / 3)) ? best.name : undefined
}

function ranked(asked: string, names: readonly string[]) {
  const plain = (name: string) => name.toLowerCase().replace(/^v(?=\d)/, '')
  return names
    .map((name) => ({ name, changes: distance(plain(asked), plain(name)) }))
    .sort((a, b) => a.changes - b.changes || b.name.localeCompare(a.name, 'en', { numeric: true }))
}
