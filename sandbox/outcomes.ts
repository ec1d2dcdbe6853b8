/** How a played line ended. */
export interface Outcome {
  readonly line: string
  readonly ok: boolean
  readonly why: string
  /** A run came of the line: it was not refused, mistyped or only answered. */
  readonly ran: boolean
}

/**
 * What `--play` says of its lines, and the code it exits with. With `expectFailure` the run of the first line has to fail, and
 * the lines after it have to succeed as ever.
 */
export function verdictOf(
  outcomes: readonly Outcome[],
  expectFailure: boolean,
): { readonly lines: readonly string[]; readonly code: number } {
  const judged = outcomes.map((outcome, index) =>
    expectFailure && index === 0 ? judgedFailure(outcome) : { ...outcome, says: outcome.ok ? 'ok    ' : 'FAILED' },
  )
  return {
    lines: judged.map(({ says, line, why }) => `${says} ${line}: ${why}`),
    code: judged.every(({ ok }) => ok) && (judged.length > 0 || !expectFailure) ? 0 : 1,
  }
}

function judgedFailure(outcome: Outcome): Outcome & { readonly says: string } {
  if (outcome.ok) return { ...outcome, ok: false, says: 'FAILED', why: `should have failed, and ended: ${outcome.why}` }
  if (!outcome.ran)
    return { ...outcome, says: 'FAILED', why: `should have failed in a run, but there was none: ${outcome.why}` }
  return { ...outcome, ok: true, says: 'ok    ', why: `failed as it should: ${outcome.why}` }
}
