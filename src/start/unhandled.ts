import type { Logger } from 'pino'
import type { Phase } from '../runbook/phase.ts'
import type { PhaseName, RunKind } from '../model/kinds.ts'

type PhaseOf = (kind: RunKind, name: PhaseName) => Phase | undefined

/** What this process executes at the moment, for a log line that somebody reads after it has died. */
export class RunningPhases {
  readonly #names = new Set<string>()

  names(): readonly string[] {
    return [...this.#names]
  }

  /** The same phases, noted while they run. */
  noted(phaseOf: PhaseOf): PhaseOf {
    return (kind, name) => {
      const phase = phaseOf(kind, name)
      if (phase === undefined) return undefined
      return async (context) => {
        const running = `run ${context.run.number}, ${name}`
        this.#names.add(running)
        try {
          return await phase(context)
        } finally {
          this.#names.delete(running)
        }
      }
    }
  }
}

/**
 * Says what failed that nobody waited for. A rejected promise ends nothing: phases keep what they do in the state database, and
 * the code that gave up waiting is none of theirs. A thrown error still ends the process, as Node wants it, but with its reason
 * and what ran in the log; other workers take over.
 */
export function logUnhandled(log: Logger, running: () => readonly string[]): void {
  process.on('unhandledRejection', (error) => {
    log.error({ err: error, running: running() }, 'something failed that nobody waited for: Purser goes on')
  })
  process.on('uncaughtExceptionMonitor', (error) => {
    log.fatal({ err: error, running: running() }, 'an unexpected error ends this process: another one takes over')
  })
}
