/** The names most like the one asked for, best first: what somebody probably meant. */
export function nearest(asked: string, names: readonly string[], count = 3): readonly string[] {
  const plain = (name: string): string => name.toLowerCase().replace(/^v(?=\d)/, '')
  return names
    .map((name, place) => ({ name, place, distance: distance(plain(asked), plain(name)) }))
    .sort((a, b) => a.distance - b.distance || a.place - b.place)
    .slice(0, count)
    .map(({ name }) => name)
}

/** Levenshtein: how many letters to insert, remove or change. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i]
    for (let j = 1; j <= b.length; j += 1) {
      const change = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(change, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1))
    }
    row = next
  }
  return row[b.length] ?? 0
}
