import { StringDecoder } from 'node:string_decoder'
import { cutBetweenWords } from './cut.ts'
import { type KnownSecrets, knownSecrets } from './known-secrets.ts'
import { LineMask } from './mask.ts'
import { visible } from './visible.ts'

/**
 * The length at which lines are cut: a test that prints a minified bundle must not end up in memory, in Postgres or in
 * Slack.
 */
const longestLine = 8_192
/** What of a line is kept until it ends: enough to know every secret in what is shown of it. */
const mostKept = 4 * longestLine

/** A line as it came, up to the length that is kept, and how many characters followed. */
export interface RawLine {
  readonly text: string
  readonly left: number
}

/** Turns chunks of bytes into lines with bounded memory, in linear time: of a long line only the beginning is kept. */
export class LineReader {
  readonly #decoder = new StringDecoder('utf8')
  #line = ''
  #left = 0

  /** Returns the lines that end in this chunk. */
  push(chunk: Uint8Array): readonly RawLine[] {
    return this.#take(this.#decoder.write(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)))
  }

  /** Returns what came after the last line's end. */
  end(): readonly RawLine[] {
    const lines = this.#take(this.#decoder.end())
    return this.#line === '' && this.#left === 0 ? lines : [...lines, this.#ended()]
  }

  #take(text: string): readonly RawLine[] {
    const lines: RawLine[] = []
    for (let from = 0; from < text.length;) {
      const next = text.indexOf('\n', from)
      this.#append(text, from, next < 0 ? text.length : next)
      if (next < 0) break
      lines.push(this.#ended())
      from = next + 1
    }
    return lines
  }

  #append(text: string, from: number, end: number): void {
    const kept = Math.min(end, from + Math.max(0, mostKept - this.#line.length))
    this.#line += text.slice(from, kept)
    this.#left += end - kept
  }

  #ended(): RawLine {
    const line = { text: this.#line, left: this.#left }
    this.#line = ''
    this.#left = 0
    return line
  }
}

/** What a carriage return in the middle of a line means: what stands before it is written over, or is told as well. */
type Overwritten = 'gone' | 'kept'

/** Makes lines of one stream fit to be shown: cleaned, masked, then cut between words. */
export class ShownLines {
  readonly #mask: LineMask
  readonly #overwritten: Overwritten

  constructor(known: KnownSecrets = knownSecrets, overwritten: Overwritten = 'gone') {
    this.#mask = new LineMask(known)
    this.#overwritten = overwritten
  }

  /** Returns undefined for a line inside of a private key. */
  of(line: RawLine): string | undefined {
    const whole = line.text.length <= mostKept ? line : kept(line)
    const text = withoutReturns(whole.text)
    // Progress bars use `\r` alone as the end of a line.
    const from = this.#overwritten === 'gone' ? text.lastIndexOf('\r') + 1 : 0
    const shown = this.#mask.of(visible(text.slice(from)))
    if (shown === undefined) return undefined
    if (whole.left === 0 && shown.length <= longestLine) return shown
    // The end of what was kept may be the middle of a word.
    const start = cutBetweenWords(`${shown} `, Math.min(longestLine, shown.length))
    return `${start} (${shown.length + whole.left - (start.length - 1)} more characters)`
  }
}

/** Takes carriage returns off the end: writing nothing over a line leaves it as it is. */
function withoutReturns(text: string): string {
  let end = text.length
  while (text.charAt(end - 1) === '\r') end -= 1
  return text.slice(0, end)
}

function kept({ text, left }: RawLine): RawLine {
  return { text: text.slice(0, mostKept), left: left + text.length - mostKept }
}

/** Turns chunks of bytes into lines that can be shown. */
export class LineSplitter {
  readonly #reader = new LineReader()
  readonly #shown = new ShownLines()
  readonly #onLine: (line: string) => void

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine
  }

  push(chunk: Uint8Array): void {
    this.#hand(this.#reader.push(chunk))
  }

  end(): void {
    this.#hand(this.#reader.end())
  }

  #hand(lines: readonly RawLine[]): void {
    for (const line of lines) {
      const shown = this.#shown.of(line)
      if (shown !== undefined) this.#onLine(shown)
    }
  }
}
