import type { PhaseContext } from '../phase.ts'

const flushEveryMs = 2_000
const mostLinesHeld = 200

/** Brings a command's output to the thread while it runs, a few lines at a time. */
export class OutputStream {
  readonly #context: PhaseContext
  readonly #title: string
  readonly #timer: NodeJS.Timeout
  #held: string[] = []
  #dropped = 0
  #sending: Promise<void> = Promise.resolve()

  constructor(context: PhaseContext, title: string) {
    this.#context = context
    this.#title = title
    this.#timer = setInterval(() => this.#flush(), flushEveryMs)
  }

  readonly line = (line: string): void => {
    this.#held.push(line)
    if (this.#held.length <= mostLinesHeld) return
    this.#held.shift()
    this.#dropped += 1
  }

  /** Sends what is left. */
  async end(): Promise<void> {
    clearInterval(this.#timer)
    this.#flush()
    await this.#sending
  }

  #flush(): void {
    if (this.#held.length === 0) return
    const left = this.#dropped > 0 ? [`… ${this.#dropped} lines left out`] : []
    const lines = [...left, ...this.#held]
    this.#held = []
    this.#dropped = 0
    // An error in telling ends no command: a worker that lost its phase finds out at its next step.
    this.#sending = this.#sending.then(() =>
      this.#context.tell({ kind: 'output', title: this.#title, lines }).catch(() => undefined),
    )
  }
}
