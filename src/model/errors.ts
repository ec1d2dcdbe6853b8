import { PurserError } from '../errors.ts'
import type { LifecycleRefusal } from './lifecycle.ts'
import type { WatchRefusal } from './watch.ts'

export type TransitionRefusal = LifecycleRefusal | WatchRefusal

/**
 * The run is in no state for this: a stale button, a second click, someone was faster. Nothing changed. Its message is for
 * the log; people read what `src/messages/refusals.ts` makes of the refusal.
 */
export class TransitionRefused extends PurserError {
  readonly run: number
  readonly refusal: TransitionRefusal
  constructor(run: number, refusal: TransitionRefusal) {
    super(codeOf(refusal), `run #${run} refused it: ${Object.values(refusal).join(' ')}`)
    this.run = run
    this.refusal = refusal
  }
}

function codeOf({ reason }: TransitionRefusal): 'stale_plan' | 'already_decided' | 'wrong_status' {
  if (reason === 'stale_plan') return 'stale_plan'
  return reason === 'already_approved' ? 'already_decided' : 'wrong_status'
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
