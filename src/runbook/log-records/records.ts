import { beginsTrace, beginsTraceback, continues, levelFollows, messageFollows } from './traces.ts'
import { atLeastWarn } from './levels.ts'
import { levelOfLine } from './line-level.ts'
import { levelOf } from './record-level.ts'

/** A record of a container's log: a line, with the lines that belong to it. It grows while lines come. */
export class LogRecord {
  /** The stamp of its first line. */
  readonly at: string
  readonly #lines: string[]
  #size: number

  constructor(line: string, at: string) {
    this.at = at
    this.#lines = [line]
    this.#size = line.length
  }

  get lines(): readonly string[] {
    return this.#lines
  }

  get text(): string {
    return this.#lines.join('\n')
  }

  /** A record that has no end is cut: its first lines say what it is. */
  add(line: string): void {
    if (this.#lines.length >= mostLines || this.#size >= mostCharacters) return
    this.#lines.push(line)
    this.#size += line.length
  }
}

const none: ReadonlySet<string> = new Set()
const mostLines = 500
const mostCharacters = 128 * 1024

/**
 * Joins the lines of one container into records. A line of JSON is a record by itself and ends no other, since two
 * streams of a container are mixed in its log.
 */
export class RecordReader {
  #open: LogRecord | undefined
  #isTrouble = false
  #isTraceback = false

  /** The record that the next line may still belong to. */
  get open(): LogRecord | undefined {
    return this.#open
  }

  /** Takes a line and returns the records that are complete now: the open one, or the line itself, or none. */
  take(given: string, at: string): readonly LogRecord[] {
    // A carriage return writes over the line: a progress bar, and the error that ended it.
    if (given.includes('\r')) return given.split('\r').flatMap((part) => this.#takeLine(part.trimEnd(), at))
    return this.#takeLine(given.trimEnd(), at)
  }

  /** Ends the record that is open and returns it. */
  end(): LogRecord | undefined {
    const open = this.#open
    this.#open = undefined
    return open
  }

  #takeLine(line: string, at: string): readonly LogRecord[] {
    if (line === '') return []
    if (line.startsWith('{') && line.endsWith('}') && line.length > 2) return [new LogRecord(line, at)]
    const open = this.#open
    if (open !== undefined && this.#goesOn(line, open)) {
      open.add(line)
      this.#isTraceback ||= beginsTraceback(line)
      return []
    }
    this.#open = new LogRecord(line, at)
    this.#isTraceback = beginsTraceback(line)
    this.#isTrouble = beginsTrace(line) || atLeastWarn(levelOf(line, none))
    return open === undefined ? [] : [open]
  }

  #goesOn(line: string, { lines }: LogRecord): boolean {
    const [first = '', last = ''] = [lines[0], lines.at(-1)]
    if (lines.length === 1 && levelFollows(first)) return true
    if (messageFollows(last) && levelOfLine(line) === undefined) return true
    const before = { first, last, isTrouble: this.#isTrouble, isTraceback: this.#isTraceback }
    if (!continues(line, before)) return false
    // Some consoles pad the level from the left: such a line has a level of its own, and begins a record.
    return !/^\s/.test(line) || levelOfLine(line) === undefined || /^\s+at /.test(line)
  }
}
