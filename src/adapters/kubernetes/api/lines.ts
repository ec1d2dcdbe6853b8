import type http from 'node:http'
import { LineReader, type RawLine } from '../../../outside-text/lines.ts'
import { largestAnswer, tooLarge } from './body.ts'

/** Reads no faster than the lines are taken, so that a slow reader leaves the rest in the socket and not in memory. */
export async function* wholeLines(response: http.IncomingMessage, doing: string): AsyncGenerator<string> {
  response.setEncoding('utf8')
  let rest: string[] = []
  let length = 0
  for await (const chunk of response as AsyncIterable<string>) {
    const [first = '', ...more] = chunk.split('\n')
    rest.push(first)
    length = more.length === 0 ? length + first.length : (more.at(-1) ?? '').length
    if (length > largestAnswer) throw tooLarge(doing)
    // A line may come in thousands of chunks: they are put together once.
    for (const next of more) {
      yield rest.join('')
      rest = [next]
    }
  }
  // A broken stream raises above. One that ended in order may lack the newline after its last line.
  const last = rest.join('')
  if (last !== '' && response.complete) yield last
}

/** The same for a log, of which a long line has its beginning only. */
export async function* boundedLines(response: http.IncomingMessage): AsyncGenerator<RawLine> {
  const reader = new LineReader()
  for await (const chunk of response as AsyncIterable<Buffer>) yield* reader.push(chunk)
  if (response.complete) yield* reader.end()
}
