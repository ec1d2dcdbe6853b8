import { StringDecoder } from 'node:string_decoder'
import { cutBetweenWords, pemFilter } from '../../masking.ts'

/**
 * The length at which lines are cut: a test that prints a minified bundle must not end up in memory, in Postgres or in
 * Slack.
 */
const longestLine = 8_192

/** Turns chunks of bytes into lines with bounded memory. `\r` counts as a line end too: progress bars use it alone. */
export class LineSplitter {
  readonly #decoder = new StringDecoder('utf8')
  readonly #onLine: (line: string) => void
  readonly #pem = pemFilter()
  #line = ''
  #cut = 0

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine
  }

  push(chunk: Buffer): void {
    this.#take(this.#decoder.write(chunk))
  }

  end(): void {
    this.#take(this.#decoder.end())
    if (this.#line !== '' || this.#cut > 0) this.#flush()
  }

  #take(text: string): void {
    let from = 0
    while (from < text.length) {
      const next = text.indexOf('\n', from)
      const end = next < 0 ? text.length : next
      this.#append(text, from, end)
      if (next < 0) return
      this.#flush()
      from = next + 1
    }
  }

  #append(text: string, from: number, end: number): void {
    const room = Math.max(0, longestLine - this.#line.length)
    const kept = Math.min(end, from + room)
    this.#line += text.slice(from, kept)
    this.#cut += end - kept
  }

  #flush(): void {
    // Half of a secret would not be known as one, so a line ends with a word.
    const kept = this.#cut > 0 ? cutBetweenWords(`${this.#line} `, longestLine) : this.#line
    const left = this.#cut + this.#line.length - kept.length
    const line = this.#cut > 0 ? `${kept} (${left} more characters)` : kept
    this.#line = ''
    this.#cut = 0
    const visible = line.endsWith('\r') ? line.slice(0, -1) : line
    const shown = this.#pem(visible.slice(visible.lastIndexOf('\r') + 1))
    if (shown !== undefined) this.#onLine(shown)
  }
}
