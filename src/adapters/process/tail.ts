import { LineSplitter } from '../../outside-text/lines.ts'

const longestTail = 200

/** What a program prints: each line as it comes, and the last 200 of both streams in the order they came. */
export class OutputTail {
  readonly lines: string[] = []
  readonly #stdout: LineSplitter
  readonly #stderr: LineSplitter

  constructor(onLine: ((line: string) => void) | undefined) {
    const take = (line: string): void => {
      this.lines.push(line)
      if (this.lines.length > longestTail) this.lines.shift()
      onLine?.(line)
    }
    this.#stdout = new LineSplitter(take)
    this.#stderr = new LineSplitter(take)
  }

  readonly stdout = (chunk: Buffer): void => this.#stdout.push(chunk)
  readonly stderr = (chunk: Buffer): void => this.#stderr.push(chunk)

  end(): void {
    this.#stdout.end()
    this.#stderr.end()
  }
}
