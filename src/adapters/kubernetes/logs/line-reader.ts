import { pemFilter, visible } from '../../../masking.ts'

/** What stands in one line of the answer: a line of the container, or words of the kubelet in place of its log. */
type ReadLine =
  | { readonly kind: 'line'; readonly stamp: string; readonly text: string }
  | { readonly kind: 'notice'; readonly text: string }

/** Every line of a container begins with a stamp when stamps are asked for. */
const stamped = /^(\d{4}-\d\d-\d\dT[\d:.]{8,24}(?:Z|[+-]\d\d:\d\d))(?: |$)/

/**
 * Reads the lines of one log as a terminal would show them, without the content of private keys. A kubelet that cannot
 * read a log has sent the status 200 by then, and says so in the body ("unable to retrieve container logs for …",
 * "failed to open log file …"): that is no line of the container, and it has no stamp. Give each log a reader of its
 * own.
 */
export class LineReader {
  readonly #pem = pemFilter()

  /** Returns undefined for what is not shown: lines of a private key. */
  read(line: string): ReadLine | undefined {
    const stamp = stamped.exec(line)?.[1]
    if (stamp === undefined) return line.trim() === '' ? undefined : { kind: 'notice', text: visible(line).trim() }
    const text = this.#pem(visible(line.slice(stamp.length + 1)))
    return text === undefined
      ? undefined
      : { kind: 'line', stamp, text: text.endsWith('\r') ? text.slice(0, -1) : text }
  }
}
