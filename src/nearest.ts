import { distance } from 'fastest-levenshtein'

/** Returns the names most like the one that was asked for, the best first: what somebody probably meant. */
export function nearest(asked: string, names: readonly string[], count = 3): readonly string[] {
  return closest(asked, names, count).map(({ name }) => name)
}

/**
 * Returns the name that somebody cut short, or mistyped by at most two letters or a third of them; otherwise a guess is
 * no help.
 */
export function mistyped(asked: string, names: readonly string[]): string | undefined {
  const begun = names.filter((name) => asked.length > 1 && name.startsWith(asked.toLowerCase()))
  if (begun.length === 1) return begun[0]
  const best = closest(asked, names, 1)[0]
  return best !== undefined && best.changes <= Math.max(2, Math.floor(asked.length / 3)) ? best.name : undefined
}

interface Candidate {
  readonly name: string
  readonly changes: number
}

/** Keeps the best few while the names go by: sorting them all takes longer, and they may be twenty thousand. */
function closest(asked: string, names: readonly string[], count: number): readonly Candidate[] {
  const plain = (name: string) => name.toLowerCase().replace(/^v(?=\d)/, '')
  const wanted = plain(asked)
  const kept: Candidate[] = []
  for (const name of names) {
    const candidate = { name, changes: distance(wanted, plain(name)) }
    const worse = kept.findIndex((one) => compare(candidate, one) < 0)
    kept.splice(worse < 0 ? kept.length : worse, 0, candidate)
    kept.length = Math.min(kept.length, count)
  }
  return kept
}

/** This is made once: a comparison by `localeCompare` makes rules of its own each time. */
const byNumber = new Intl.Collator('en', { numeric: true })

/** Sorts the fewest changes first, and of equals the newest. */
function compare(a: Candidate, b: Candidate): number {
  return a.changes - b.changes || byNumber.compare(b.name, a.name)
}
