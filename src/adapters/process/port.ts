export interface CommandRequest {
  /** The program, then its arguments; never a shell string. */
  readonly argv: readonly [string, ...string[]]
  readonly cwd: string
  /** The whole environment of the child, beside PATH, HOME, LANG and TMPDIR. Secrets travel here, never in argv. */
  readonly env: Readonly<Record<string, string>>
  readonly timeoutMs: number
  /** Gets each line of stdout and stderr as it comes. */
  readonly onLine?: (line: string) => void
}

export interface CommandOutcome {
  readonly exitCode: number
  /** The last lines (at most 200) of stdout and stderr, in the order they came. */
  readonly tail: readonly string[]
  readonly milliseconds: number
}

/**
 * Runs programs in a workspace. On abort or time-out the whole process group gets SIGTERM, after 5 s SIGKILL. A
 * non-zero exit is an outcome; raises CommandError `command_not_found`, `command_timed_out`, or rethrows the abort
 * reason.
 */
export interface Commands {
  run(request: CommandRequest, signal: AbortSignal): Promise<CommandOutcome>
}
