import { type ErrorFacts, PurserError } from '../../errors.ts'

const commandCodes = ['command_not_found', 'command_not_started', 'command_timed_out', 'workspace_missing'] as const
type CommandCode = (typeof commandCodes)[number]

/** A program could not be run, or not to its end. What it exits with is no error but its answer. */
export class CommandError extends PurserError {
  readonly code: CommandCode

  constructor(code: CommandCode, message: string, facts?: ErrorFacts) {
    super(message, facts)
    this.code = code
  }
}

/** Of a program that took too long: what it said last. */
export function withEvidence(error: unknown, lines: readonly string[]): unknown {
  if (!(error instanceof CommandError) || error.code !== 'command_timed_out') return error
  return new CommandError(error.code, error.message, {
    ...(error.hint === undefined ? {} : { hint: error.hint }),
    evidence: lines.slice(-50),
    cause: error,
  })
}
