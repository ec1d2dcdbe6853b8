import { PurserError } from '../errors.ts'

/**
 * Tells everything that is wrong with a configuration at once: each problem in one line, with its place and its fix.
 */
export class ConfigError extends PurserError {
  readonly code = 'config_invalid'
  readonly problems: readonly string[]

  constructor(what: string, problems: readonly string[], hint?: string) {
    const count = problems.length === 1 ? '1 problem' : `${problems.length} problems`
    super(`reading ${what}: ${count}\n${problems.map((line) => `  - ${line}`).join('\n')}`, {
      hint: hint ?? 'Fix the lines above and start again.',
    })
    this.problems = problems
  }
}
