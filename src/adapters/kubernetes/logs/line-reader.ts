import { excerpt } from '../../../outside-text/excerpt.ts'
import { knownSecrets } from '../../../outside-text/known-secrets.ts'
import { type RawLine, ShownLines } from '../../../outside-text/lines.ts'

/** What stands in one line of the answer: a line of the container, or words of the kubelet in place of its log. */
type ReadLine =
  | { readonly kind: 'line'; readonly stamp: string; readonly text: string }
  | { readonly kind: 'notice'; readonly text: string }

/** Every line of a container begins with a stamp when stamps are asked for. */
const stamped = /^(\d{4}-\d\d-\d\dT[\d:.]{8,24}(?:Z|[+-]\d\d:\d\d))(?: |$)/

const longestNotice = 500

/**
 * Reads the lines of one log as a terminal would show them, masked and without the content of private keys. A kubelet that
 * cannot read a log has sent the status 200 by then, and says so in the body ("unable to retrieve container logs for …",
 * "failed to open log file …"): that is no line of the container, and it has no stamp. Give each log a reader of its
 * own.
 */
export class LogLineReader {
  // An error that a progress bar has written over was an error all the same: the records take such a line apart.
  readonly #shown = new ShownLines(knownSecrets, 'kept')

  /** Returns undefined for what is not shown: lines of a private key. */
  read({ text: line, left }: RawLine): ReadLine | undefined {
    const stamp = stamped.exec(line)?.[1]
    if (stamp === undefined)
      return line.trim() === '' ? undefined : { kind: 'notice', text: excerpt(line, longestNotice).trim() }
    const text = this.#shown.of({ text: line.slice(stamp.length + 1), left })
    return text === undefined ? undefined : { kind: 'line', stamp, text }
  }
}
