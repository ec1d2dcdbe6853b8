import { PurserError } from '../errors.ts'
import type { LifecycleRefusal } from './lifecycle.ts'
import type { WatchRefusal } from './watch.ts'

const transitionCodes = ['wrong_status', 'stale_plan', 'already_decided'] as const
type TransitionCode = (typeof transitionCodes)[number]

export type TransitionRefusal = LifecycleRefusal | WatchRefusal

/**
 * The run is in no state for this: a stale button, a second click, someone was faster. Nothing changed. Its message is
 * for the log; people read what `src/messages/refusals.ts` makes of the refusal.
 */
export class TransitionRefused extends PurserError {
  readonly code: TransitionCode
  readonly run: number
  readonly refusal: TransitionRefusal

  constructor(run: number, refusal: TransitionRefusal) {
    super(`run #${run} refused it: ${Object.values(refusal).join(' ')}`)
    this.code = codeOf(refusal)
    this.run = run
    this.refusal = refusal
  }
}

function codeOf({ reason }: TransitionRefusal): TransitionCode {
  if (reason === 'stale_plan') return 'stale_plan'
  return reason === 'already_approved' ? 'already_decided' : 'wrong_status'
}

/** Another process took a kept request over while this one was slow, and has carried it out. Nothing changed here. */
export class RequestTaken extends PurserError {
  readonly code = 'request_taken'

  constructor() {
    super('another process of Purser has carried this out', { hint: 'Look at `/billing status`.' })
  }
}

/** Another mutating run executes in this environment. */
export class EnvironmentBusy extends PurserError {
  readonly code = 'environment_busy'
  readonly holder: number | undefined

  /** `shared` is the other environment that the holder changes, where it is another one. */
  constructor(environment: string, holder: number | undefined, shared?: string) {
    const who = holder === undefined ? 'another run' : `run #${holder}`
    const where = shared === undefined ? environment : `${shared}, which shares something with ${environment}`
    super(`${who} is already changing ${where}`, {
      hint: `Wait for it, or cancel it: \`/billing cancel${holder === undefined ? '' : ` #${holder}`}\``,
    })
    this.holder = holder
  }
}

const stopCodes = ['cancelled', 'shutdown', 'fenced', 'time_limit', 'lost_contact'] as const
export type StopCode = (typeof stopCodes)[number]

/** The work of a phase was stopped from outside; it is the abort reason of the phase's signal. */
export class Stopped extends PurserError {
  readonly code: StopCode

  constructor(code: StopCode, message: string, hint?: string) {
    super(message, hint === undefined ? {} : { hint })
    this.code = code
  }
}

/** This worker no longer owns the phase: a newer epoch does. It must stop and may write nothing. */
export class FencedOut extends PurserError {
  readonly code = 'fenced_out'

  constructor(run: number, phase: string, epoch: number) {
    super(`writing to ${phase} of run #${run}: epoch ${epoch} no longer owns it`)
  }
}

export class UnknownRun extends PurserError {
  readonly code = 'unknown_run'

  constructor(run: number) {
    super(`there's no run #${run}`, { hint: 'See `/billing history`.' })
  }
}
