import type { Json } from '../model/json.ts'
import type { PhaseStore } from '../store/phases.ts'
import type { Claim } from '../store/fence.ts'

/**
 * The steps of one execution of a phase. A step's name is its key in the state database: a worker that takes the phase
 * up gets back what was stored under that name. So two steps of one name in one execution would silently share the
 * first result, and a step that somebody renamed is executed again; the first is refused, the second is told at the
 * end.
 */
export class RecordedSteps {
  readonly #claim: Claim
  readonly #phases: Pick<PhaseStore, 'beginStep' | 'finishStep' | 'finishedSteps'>
  readonly #asked = new Set<string>()

  constructor(claim: Claim, phases: Pick<PhaseStore, 'beginStep' | 'finishStep' | 'finishedSteps'>) {
    this.#claim = claim
    this.#phases = phases
  }

  async run<T extends Json | void>(
    name: string,
    act: (signal: AbortSignal) => Promise<T>,
    signal: AbortSignal,
  ): Promise<T> {
    signal.throwIfAborted()
    if (this.#asked.has(name))
      throw new Error(`phase ${this.#claim.phase} has two steps called “${name}”: each needs a name of its own`)
    this.#asked.add(name)
    const past = await this.#phases.beginStep(this.#claim, name)
    if (past.finished) return past.result as T
    const result = await act(signal)
    await this.#phases.finishStep(this.#claim, name, result ?? null)
    return result
  }

  /** Lists the steps that are recorded as finished in this attempt and that this execution did not ask for. */
  async neverAskedFor(): Promise<readonly string[]> {
    const finished = await this.#phases.finishedSteps(this.#claim)
    return finished.filter((name) => !this.#asked.has(name))
  }
}
