/** What is read of one answer, in bytes: a hundred events have some 500 kB, and this much JSON is read in some 60 ms. */
export const largestAnswer = 8 * 1024 * 1024

/** Raised below the SDK, which hands it on as the detail of its own error. */
export class TooLarge extends Error {}

/** The same answer with its whole body, of which nothing is kept when it has a byte too many. */
export async function boundedAnswer(answer: Response): Promise<Response> {
  if (answer.body === null) return answer
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of answer.body as AsyncIterable<Uint8Array>) {
    size += chunk.byteLength
    if (size > largestAnswer) throw new TooLarge(`more than ${largestAnswer} bytes`)
    chunks.push(chunk)
  }
  const { status, statusText, headers } = answer
  return new Response(Buffer.concat(chunks), { status, statusText, headers })
}
