import type { ThreadPost } from '../../model/post.ts'
import type { PhaseContext } from '../phase.ts'

const flushEveryMs = 2_000
const mostLinesHeld = 200

/** Keeps a command's output for the report while it runs, and tells the end of it in the thread when the command fails. */
export class OutputStream {
  readonly #context: PhaseContext
  readonly #title: string
  readonly #timer: NodeJS.Timeout
  #held: string[] = []
  #last: string[] = []
  #dropped = 0
  #sending: Promise<void> = Promise.resolve()

  constructor(context: PhaseContext, title: string) {
    this.#context = context
    this.#title = title
    this.#timer = setInterval(() => this.#flush(), flushEveryMs)
  }

  readonly line = (line: string): void => {
    this.#last.push(line)
    if (this.#last.length > mostLinesHeld) this.#last.shift()
    this.#held.push(line)
    if (this.#held.length <= mostLinesHeld) return
    this.#held.shift()
    this.#dropped += 1
  }

  /** Tells the last lines, because the command has failed. */
  tellEnd(): void {
    if (this.#last.length > 0) this.#tell({ kind: 'output', title: this.#title, lines: this.#last })
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
    this.#tell({ kind: 'output', title: this.#title, lines, quiet: true })
  }

  /** An error in telling ends no command: a worker that lost its phase finds out at its next step. */
  #tell(post: ThreadPost): void {
    this.#sending = this.#sending.then(() => this.#context.tell(post).catch(() => undefined))
  }
}
