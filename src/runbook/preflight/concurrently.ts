import { PurserError } from '../../errors.ts'
import { CheckFailed } from '../errors.ts'

/** Runs independent checks together and lets all of them end, so that every problem is told at once. */
export async function concurrently(checks: readonly (() => Promise<unknown>)[], signal: AbortSignal): Promise<void> {
  const outcomes = await Promise.allSettled(checks.map((check) => check()))
  signal.throwIfAborted()
  const failures: unknown[] = outcomes.flatMap((outcome) =>
    outcome.status === 'rejected' ? [outcome.reason as unknown] : [],
  )
  if (failures.length === 0) return
  if (failures.length === 1) throw failures[0]
  // A temporary error of one check must not hide that another has said no for good.
  const final = failures.filter((failure) => !(failure instanceof PurserError && failure.transient))
  if (final.length === 0) throw failures[0]
  throw new CheckFailed('several_checks_failed', final.map(messageOf).join('; '), {
    evidence: final.flatMap((failure) =>
      failure instanceof PurserError ? [`— ${failure.message}`, ...failure.evidence] : [],
    ),
    hint: final
      .map((failure) => (failure instanceof PurserError ? failure.hint : undefined))
      .filter(Boolean)
      .join(' '),
  })
}

function messageOf(failure: unknown): string {
  return failure instanceof Error ? failure.message : String(failure)
}
