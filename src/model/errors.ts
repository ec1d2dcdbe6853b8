import { PurserError } from '../errors.ts'
import type { Transition } from './lifecycle.ts'

/** The run is in no state for this: a stale button, a second click, someone was faster. Nothing changed. */
export class TransitionRefused extends PurserError {
  constructor(run: number, refusal: Extract<Transition, { ok: false }>) {
    super(refusal.reason, `run #${run}: ${refusal.text}`)
  }
}

/** Another mutating run executes in this environment. */
export class EnvironmentBusy extends PurserError {
  readonly holder: number | undefined
  constructor(environment: string, holder: number | undefined) {
    const who = holder === undefined ? 'another run' : `run #${holder}`
    super('environment_busy', `${who} is running in ${environment}; one run at a time changes an environment`, {
      hint: `Wait for it to finish, or cancel it: /billing cancel${holder === undefined ? '' : ` #${holder}`}`,
    })
    this.holder = holder
  }
}

/** This worker no longer owns the phase: a newer epoch does. It must stop and may write nothing. */
export class FencedOut extends PurserError {
  constructor(run: number, phase: string, epoch: number) {
    super('fenced_out', `writing to ${phase} of run #${run}: epoch ${epoch} no longer owns it`)
  }
}

export class UnknownRun extends PurserError {
  constructor(run: number) {
    super('unknown_run', `there is no run #${run}`, { hint: 'See /billing history for the runs there are.' })
  }
}
