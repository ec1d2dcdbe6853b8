/**
 * Counts what was acknowledged in Slack and is still being worked on: whoever pressed a button was told that it was
 * taken, so the process ends after it.
 */
export class InFlight {
  readonly #running = new Set<Promise<unknown>>()

  /** Runs the work and keeps it in mind until it has ended. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    const running = work()
    this.#running.add(running)
    try {
      return await running
    } finally {
      this.#running.delete(running)
    }
  }

  /** Resolves when nothing is under way, whatever came of it. */
  async drained(): Promise<void> {
    while (this.#running.size > 0) await Promise.allSettled(this.#running)
  }
}
