import { withoutValues } from '../errors.ts'

/** The most lines that are kept; of several errors the last ones. */
const mostLines = 40
/** The most lines of a statement that failed. */
const mostOfStatement = 3

/** By which the server's parts of a message begin, and `pg_restore`'s statement. */
const labels = /^(?:DETAIL:|HINT:|CONTEXT:|QUERY:|LINE \d+:|LOCATION:|Command was:)/

/**
 * Keeps what a client program complains of: each error with the lines that belong to it (HINT, DETAIL, CONTEXT, the statement) and the
 * entry of the table of contents that it is about, and nothing of what `--verbose` reports. Values of rows are left out.
 */
export class ToolMessages {
  readonly #kept: string[] = []
  /** The entry that the next error is about. */
  #entry: string | undefined
  /** Whether the lines that follow belong to an error. */
  #inError = false
  /** What the line belongs to: `DETAIL:`. */
  #label = ''
  /** How many more lines of its statement are kept; undefined before the statement. */
  #left: number | undefined

  get complaints(): readonly string[] {
    return this.#kept
  }

  push(line: string): void {
    if (!/^(pg_dump|pg_restore|psql):/.test(line)) return this.#follow(line)
    this.#left = undefined
    this.#label = ''
    if (/^\w+: from TOC entry /.test(line)) {
      this.#entry = line
      return
    }
    this.#inError = /: (error|warning|detail|hint|fatal)\b/i.test(line)
    if (!this.#inError) return
    if (this.#entry !== undefined) this.#keep(this.#entry)
    this.#entry = undefined
    this.#keep(withoutValues(line))
  }

  #follow(line: string): void {
    if (!this.#inError) return
    this.#label = labels.exec(line)?.[0] ?? this.#label
    // The value of a row may go on for lines.
    if (this.#label === 'DETAIL:' && !line.startsWith('DETAIL:')) return
    if (line.startsWith('Command was: ')) this.#left = mostOfStatement
    if (this.#left === undefined) return this.#keep(withoutValues(line))
    if (this.#left > 0 && line !== '') this.#keep(line)
    this.#left -= 1
  }

  #keep(line: string): void {
    this.#kept.push(line)
    if (this.#kept.length > mostLines) this.#kept.shift()
  }
}
