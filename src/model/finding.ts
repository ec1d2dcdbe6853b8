/**
 * What looking at one part of what Purser works with came to. `works` only where it was looked at; `unseen` where that could not be
 * done, which is no "works"; a `note` is a fact that somebody should know and that keeps nothing from working.
 */
export interface Finding {
  /** Whose it is: "state database", "production: Stripe". */
  readonly area: string
  readonly verdict: 'works' | 'note' | 'missing' | 'unseen'
  /** What was looked at and seen, in one line. */
  readonly seen: string
  /** What somebody has to do, in one sentence; with `missing` always. */
  readonly mend?: string
}

/** Tells the exit code: 0 nothing is missing, 1 something is, 2 something could not be looked at. No finding at all is no "nothing is missing". */
export function exitCodeOf(findings: readonly Finding[]): 0 | 1 | 2 {
  if (findings.some(({ verdict }) => verdict === 'missing')) return 1
  return findings.length === 0 || findings.some(({ verdict }) => verdict === 'unseen') ? 2 : 0
}
