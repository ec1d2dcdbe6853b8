/** The tags most like the wanted one, best first: what somebody who mistyped a version wants to see. */
export function nearestTags(wanted: string, tags: readonly string[], limit = 5): readonly string[] {
  return tags
    .map((tag) => ({ tag, distance: distanceBetween(wanted, tag) }))
    .sort((a, b) => a.distance - b.distance || b.tag.localeCompare(a.tag, 'en', { numeric: true }))
    .slice(0, limit)
    .map(({ tag }) => tag)
}

/** Levenshtein: characters to insert, delete or replace. */
function distanceBetween(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (const [row, letter] of [...a].entries()) {
    const current = [row + 1]
    for (let column = 0; column < b.length; column += 1) {
      const replaced = (previous[column] ?? 0) + (b[column] === letter ? 0 : 1)
      current.push(Math.min(replaced, (previous[column + 1] ?? 0) + 1, (current[column] ?? 0) + 1))
    }
    previous = current
  }
  return previous[b.length] ?? 0
}
