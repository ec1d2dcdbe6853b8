import { PurserError } from '../errors.ts'

const transitionCodes = ['wrong_status', 'stale_plan', 'already_decided'] as const
export type TransitionCode = (typeof transitionCodes)[number]

export interface Refusal {
  readonly ok: false
  readonly reason: TransitionCode
  readonly text: string
}

/** The run is in no state for this: a stale button, a second click, someone was faster. Nothing changed. */
export class TransitionRefused extends PurserError {
  readonly code: TransitionCode

  constructor(run: number, refusal: Refusal) {
    super(`run #${run}: ${refusal.text}`)
    this.code = refusal.reason
  }
}

/** Another mutating run executes in this environment. */
export class EnvironmentBusy extends PurserError {
  readonly code = 'environment_busy'
  readonly holder: number | undefined

  constructor(environment: string, holder: number | undefined) {
    const who = holder === undefined ? 'another run' : `run #${holder}`
    super(`${who} is running in ${environment}; one run at a time changes an environment`, {
      hint: `Wait for it to finish, or cancel it: /billing cancel${holder === undefined ? '' : ` #${holder}`}`,
    })
    this.holder = holder
  }
}

const stopCodes = ['cancelled', 'shutdown', 'fenced', 'time_limit', 'lost_contact'] as const
export type StopCode = (typeof stopCodes)[number]

/** The work of a phase was stopped from outside. The abort reason of its signal. */
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
    super(`there is no run #${run}`, { hint: 'See /billing history for the runs there are.' })
  }
}
