import { PurserError } from '../errors.ts'
import { FencedOut, type StopCode, Stopped } from '../model/errors.ts'
import type { Failure } from '../model/run.ts'
import { PlanOutdated } from '../runbook/errors.ts'
import { diskTroubleOf } from './disk-trouble.ts'
import { StateTrouble, troubleOf } from '../store/trouble.ts'

type Handling =
  /** Another worker owns the phase, so this one writes nothing. */
  | 'fenced'
  | 'cancelled'
  /** This process ends, so the job goes back into the queue at once, for another one. */
  | 'requeue'
  | 'replan'
  | 'retry'
  /** The state database takes nothing now: the phase is tried again until it does, however often. */
  | 'wait'
  | 'fail'

const mostTransientFailures = 5

/**
 * Maps an error to retry or fail; nothing else does. `transientFailures` counts the temporary errors of this attempt so
 * far.
 */
export function verdictOn(error: unknown, signal: AbortSignal, transientFailures: number): Handling {
  const stopped: unknown = signal.aborted ? signal.reason : error
  if (stopped instanceof Stopped) return verdictOnStop(stopped.code)
  if (error instanceof StateTrouble && error.code !== 'state_slow') return 'wait'
  if (!(error instanceof PurserError))
    return isTemporary(error) && transientFailures < mostTransientFailures ? 'retry' : 'fail'
  if (error instanceof FencedOut) return 'fenced'
  if (error instanceof PlanOutdated) return 'replan'
  return error.transient && transientFailures < mostTransientFailures ? 'retry' : 'fail'
}

/** Returns the pause before the next try after a temporary error: 1, 2, 4, 8, 16 s. */
export function backoffMs(transientFailures: number): number {
  return 1_000 * 2 ** Math.min(transientFailures, 4)
}

export function failureOf(error: unknown, signal: AbortSignal): Failure {
  const cause = signal.aborted && signal.reason instanceof Stopped ? signal.reason : diskTroubleOf(error)
  if (cause instanceof PurserError) {
    return {
      code: cause.code,
      message: cause.message,
      evidence: cause.evidence,
      ...(cause.hint === undefined ? {} : { hint: cause.hint }),
    }
  }
  const message = cause instanceof Error ? cause.message : String(cause)
  return { code: 'unexpected', message, evidence: stackOf(cause), hint: 'This is a bug in Purser. Please report it.' }
}

function verdictOnStop(code: StopCode): Handling {
  switch (code) {
    case 'cancelled':
      return 'cancelled'
    case 'shutdown':
      return 'requeue'
    case 'fenced':
    case 'lost_contact':
      return 'fenced'
    case 'time_limit':
      return 'fail'
  }
}

/** Lost connections of libraries that know nothing of our errors have the codes of a lost state database. */
function isTemporary(error: unknown): boolean {
  return troubleOf(error) instanceof StateTrouble
}

function stackOf(error: unknown): readonly string[] {
  return error instanceof Error && error.stack !== undefined ? error.stack.split('\n').slice(0, 8) : []
}
