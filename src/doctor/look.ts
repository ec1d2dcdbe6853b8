import { ConfigError } from '../config/config-error.ts'
import { PurserError } from '../errors.ts'
import type { Finding } from '../model/finding.ts'
import { sentence } from '../text.ts'
import { timeLimit } from '../time-limit.ts'

/** What one look says: what it saw, and what beside that. */
export type Seen = Omit<Finding, 'area'>

type Act = (signal: AbortSignal) => Promise<readonly Seen[]>

const limitMs = 20_000

export const works = (seen: string): Seen => ({ verdict: 'works', seen })
export const note = (seen: string, mend?: string): Seen => ({ verdict: 'note', seen, ...(mend ? { mend } : {}) })
export const missing = (seen: string, mend: string): Seen => ({ verdict: 'missing', seen, mend })
export const unseen = (seen: string, mend?: string): Seen => ({ verdict: 'unseen', seen, ...(mend ? { mend } : {}) })

/**
 * Looks at one thing within 20 s. An error of Purser's is what a run would fail with, so it is missing; one that may pass by
 * itself, and a time-out, are unseen. Raises nothing but faults of Purser.
 */
export async function look(area: string, act: Act): Promise<readonly Finding[]> {
  try {
    return (await act(timeLimit(limitMs))).map((seen) => ({ area, ...seen }))
  } catch (error) {
    return [{ area, ...refused(error) }]
  }
}

/** Looks at the rest, side by side, only where the first look found something that works: what cannot be reached is said once. */
export async function lookBehind(area: string, first: Act, rest: readonly Act[]): Promise<readonly Finding[]> {
  const reached = await look(area, first)
  if (!reached.some(({ verdict }) => verdict === 'works')) return reached
  const found = await Promise.all(rest.map((act) => look(area, act)))
  return [...reached, ...found.flat()]
}

function refused(error: unknown): Seen {
  if (error instanceof ConfigError) return missing(error.problems.join('; '), error.hint ?? 'Correct it.')
  if (error instanceof PurserError) {
    const words = sentence(error.message)
    return error.transient ? unseen(words, error.hint) : missing(words, error.hint ?? 'See docs/errors.md.')
  }
  if (error instanceof DOMException && error.name === 'TimeoutError')
    return unseen(`No answer within ${limitMs / 1_000} s.`)
  throw error
}
