import type { Check, Verdict, Verification } from '../../model/run.ts'
import type { RefusedProbe } from '../../model/refused-probe.ts'
import { PurserError } from '../../errors.ts'
import { CheckFailed } from '../errors.ts'
import { ownSignal } from '../../time-limit.ts'

/** What a look at one thing comes to. */
export interface CheckResult {
  readonly verdict: Verdict
  readonly value: string
  /** The number behind the value, for the comparison with the last time. */
  readonly number?: number
  readonly refused?: RefusedProbe
}

/** Why checks that are still looking are cut off. */
class TimeIsUp extends PurserError {
  readonly code = 'time_is_up'

  constructor(seconds: number) {
    super(`no answer within ${seconds} s: cut off`)
  }
}

/**
 * Times one check. A look that fails or is cut off is `unknown`, never a pass, and says why; one that ends in
 * CheckFailed has found something bad.
 */
export async function check(
  about: Pick<Check, 'name' | 'title' | 'threshold'>,
  signal: AbortSignal,
  look: () => Promise<CheckResult>,
): Promise<Check> {
  const began = performance.now()
  const found = await orAborted(signal, look).catch((error: unknown): CheckResult => {
    const reason: unknown = signal.aborted ? signal.reason : error
    if (signal.aborted && !(reason instanceof TimeIsUp)) throw reason
    const value = reason instanceof Error ? reason.message : String(reason)
    return { verdict: reason instanceof CheckFailed ? 'fail' : 'unknown', value }
  })
  return { ...about, ...found, milliseconds: Math.round(performance.now() - began) }
}

/** Ends with the signal even when `look` does not, so that one check that hangs holds up no other. */
async function orAborted<T>(shared: AbortSignal, look: () => Promise<T>): Promise<T> {
  shared.throwIfAborted()
  const signal = ownSignal(shared)
  let stop: () => void = () => undefined
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason as Error)
    signal.addEventListener('abort', stop, { once: true })
  })
  try {
    return await Promise.race([look(), aborted])
  } finally {
    signal.removeEventListener('abort', stop)
  }
}

/**
 * Sets one time limit for all that `work` does side by side; what holds it up is cut off, statements on the server too.
 */
export async function withinTime<T>(
  seconds: number,
  signal: AbortSignal,
  work: (limit: AbortSignal) => Promise<T>,
): Promise<T> {
  const limit = new AbortController()
  const timer = setTimeout(() => limit.abort(new TimeIsUp(seconds)), seconds * 1_000)
  try {
    return await work(AbortSignal.any([signal, limit.signal]))
  } finally {
    clearTimeout(timer)
  }
}

/** Puts beside each check what the last verification of this environment saw. */
export function withTrend(verification: Verification, former: Verification | undefined): Verification {
  if (former === undefined) return verification
  const known = new Map([...former.counts, ...former.state].map((count) => [count.name, count]))
  const beside = (check: Check): Check => {
    const then = known.get(check.name)
    if (then === undefined) return check
    const { verdict, value, number } = then
    return { ...check, former: { at: former.at, verdict, value, ...(number === undefined ? {} : { number }) } }
  }
  return { ...verification, counts: verification.counts.map(beside), state: verification.state.map(beside) }
}

/** Returns the worst of several checks, for a criterion that is made of them. Of none there is no verdict. */
export function worstOf(checks: readonly Pick<Check, 'verdict'>[]): Verdict {
  if (checks.length === 0) return 'inconclusive'
  const order: readonly Verdict[] = ['fail', 'inconclusive', 'unknown', 'warn']
  return order.find((verdict) => checks.some((check) => check.verdict === verdict)) ?? 'pass'
}
