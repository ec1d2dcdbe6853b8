import { randomBytes } from 'node:crypto'

export interface Line {
  /** RFC 3339 with nanoseconds, strictly rising within a container. */
  readonly at: string
  readonly text: string
}

const KEPT = 20_000

/** What one run of a container has written, and who is listening. */
export class ContainerLog {
  /** The run of the container, as its runtime names it. */
  readonly container = `containerd://${randomBytes(32).toString('hex')}`
  readonly lines: Line[] = []
  /** Whether the runtime has removed the ended container and its log, as under disk pressure; its status stays. */
  lost = false
  readonly #listeners = new Set<(line: Line | undefined) => void>()
  #ended = false
  #last = 0n

  write(text: string): void {
    const line = { at: this.#stamp(), text }
    this.lines.push(line)
    if (this.lines.length > KEPT) this.lines.shift()
    for (const listener of Array.from(this.#listeners)) listener(line)
  }

  /** A follower's stream ends when its container does. */
  end(): void {
    this.#ended = true
    for (const listener of Array.from(this.#listeners)) listener(undefined)
    this.#listeners.clear()
  }

  /** Calls back for each new line, with undefined at the end; returns how to stop. */
  follow(listener: (line: Line | undefined) => void): () => void {
    if (this.#ended) listener(undefined)
    else this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  #stamp(): string {
    const now = BigInt(Date.now()) * 1_000_000n + (process.hrtime.bigint() % 1_000_000n)
    this.#last = now > this.#last ? now : this.#last + 1n
    const seconds = new Date(Number(this.#last / 1_000_000n)).toISOString().slice(0, 19)
    return `${seconds}.${String(this.#last % 1_000_000_000n).padStart(9, '0')}Z`
  }
}
