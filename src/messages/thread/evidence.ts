import { clip } from '../../outside-text/cut.ts'
import { counted, oneLine } from '../../text.ts'

const telling = /\b(error|fatal|panic|exception|failed|failure|denied|refused|timed? ?out|not found|cannot|violates)\b/i

/**
 * Sorts evidence. Short evidence is shown as it is. Of long evidence, the lines that name an error come first, then its
 * end in its own order: whoever reads on a phone sees the reason without scrolling.
 */
export function tellingFirst(evidence: readonly string[]): readonly string[] {
  const whole = evidence.join('\n')
  if (evidence.length <= 12 && whole.length <= 2700) return evidence
  const cut = (line: string) => clip(line, 300)
  const first = evidence
    .filter((line) => telling.test(line))
    .slice(0, 5)
    .map(cut)
  const room = 2700 - first.join('\n').length - 60
  const end: string[] = []
  let length = 0
  for (const line of evidence.map(cut).reverse()) {
    length += line.length + 1
    if (length > room || end.length === 40) break
    end.unshift(line)
  }
  const left = evidence.length - end.length
  const gap = left === 0 ? [] : [`… ${counted(left, 'earlier line')} not shown in full`]
  return [...first, ...(first.length === 0 ? [] : ['']), ...gap, ...end]
}

/** A count of nothing is no error, although it names one. */
const harmless = /\b0 (errors?|failed|failures?)\b|\b(errors?|failed|failures?)[:=]? ?0\b/i

/** Returns the line that says what broke, cleared of what a logger puts around it; undefined when none names an error. */
export function tellingLine(evidence: readonly string[]): string | undefined {
  const found = evidence.find((line) => telling.test(line) && !harmless.test(line))
  return found === undefined ? undefined : clip(oneLine(bare(found)), 300)
}

/** Takes the pod's name off a line, and the message out of a line of JSON. */
function bare(line: string): string {
  const [, text = line] = /^[\w.-]+-[\w.-]+: (.+)$/.exec(line.trim()) ?? []
  const [, said] = /"(?:msg|message)":"((?:[^"\\]|\\.)+)"/.exec(text) ?? []
  return said === undefined ? text : said.replaceAll('\\"', '"')
}
