import { type ErrorFacts, PurserError } from '../../errors.ts'

const runnerCodes = ['checkout_failed', 'runner_lost', 'runner_refused', 'runner_unreachable'] as const
type RunnerCode = (typeof runnerCodes)[number]

/** Commands could not be handed to the runner, or it is not known what became of them. */
export class RunnerError extends PurserError {
  readonly code: RunnerCode

  constructor(code: RunnerCode, message: string, facts?: ErrorFacts) {
    super(message, facts)
    this.code = code
  }
}
