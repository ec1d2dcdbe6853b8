import { masked } from './forms.ts'
import { isEncodedKey } from './shapes.ts'

const begin = /-----BEGIN ([A-Z0-9 ]{0,40})PRIVATE KEY( BLOCK)?-----/g
const end = /-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----/g
/** A line inside of a key: base64, in quotes or behind a mark perhaps, a header of an encrypted one, or nothing. */
const body =
  /^[\s>|"'-]{0,40}(?:=?[A-Za-z0-9+/]+={0,2}|(?:Proc-Type|DEK-Info|Version|Comment): [\w .,:/()-]{0,80})?(?:[\s"',;\\][\s"',;\\+nr]*)?$/
/** What may follow the beginning of a key whose line ends are escaped. */
const escapedBody = /(?:\\{1,8}[nrt]|[A-Za-z0-9+/= ])*/y
/** What ends the first line of a key in a source, whose other lines follow. */
const onlyMarks = /(?:[\s"'`,;+\\]|(?<=\\)[nrt]){1,64}$/y
/** A key in base64 once more, which a program has wrapped: lines as long as these, then the last one. */
const encodedLine = /^\s{0,40}[A-Za-z0-9+/]{40,76}={0,2}\s{0,8}$/
const encodedStart = /LS0tLS1CRUdJTi[A-Za-z0-9+/]{8,200}\s{0,8}$/

/**
 * Takes the lines of private keys out: a line of one says nothing by itself, so everything from its first to its last line becomes
 * one word. A line that is none of a key ends it: whatever a key that was cut off is followed by has to be seen.
 */
export class PrivateKeys {
  #inside: 'key' | 'encoded' | undefined

  /** Returns what is shown of the line; undefined for one inside of a key. */
  line(text: string): string | undefined {
    let rest = text
    if (this.#inside !== undefined) {
      const over = this.#inside === 'key' ? matchFrom(end, text, 0) : null
      if (over !== null) {
        this.#inside = undefined
        rest = text.slice(over.index + over[0].length)
        // What follows the end in quotes or commas belongs to it.
        if (/^[\s"',;\\+nr)]*$/.test(rest)) return undefined
      } else if ((this.#inside === 'key' ? body : encodedLine).test(text)) return undefined
      else this.#inside = undefined
    }
    return this.#withoutKeys(rest)
  }

  #withoutKeys(text: string): string {
    let shown = ''
    let from = 0
    // Where the next end is, looked for once: behind thousands of beginnings there may be none.
    let over = -1
    for (let found = matchFrom(begin, text, 0); found !== null; found = matchFrom(begin, text, from)) {
      const behind = found.index + found[0].length
      shown += `${text.slice(from, found.index)}-----BEGIN ${found[1]}PRIVATE KEY${found[2] ?? ''}-----${masked}`
      from = behind
      // A key that is masked already is the text of an exit that came before this one.
      if (text.startsWith(masked, behind)) {
        from = behind + masked.length
        continue
      }
      if (over < behind) over = endOf(matchFrom(end, text, behind))
      if (over < Number.POSITIVE_INFINITY) {
        from = over
        continue
      }
      const escaped = matchFrom(escapedBody, text, behind)?.[0] ?? ''
      // Inside of a string the line goes on behind a key that was cut off. In a source only marks end its first line.
      if (!text.startsWith('\\', behind) || matchFrom(onlyMarks, text, behind) !== null) {
        this.#inside = 'key'
        return shown
      }
      from = behind + escaped.length
    }
    const encoded = encodedStart.exec(text.slice(Math.max(from, text.length - 300)))
    if (encoded !== null && isEncodedKey(encoded[0])) this.#inside = 'encoded'
    return shown + text.slice(from)
  }
}

function matchFrom(pattern: RegExp, text: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at
  return pattern.exec(text)
}

function endOf(found: RegExpExecArray | null): number {
  return found === null ? Number.POSITIVE_INFINITY : found.index + found[0].length
}
