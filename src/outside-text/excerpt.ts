import { StringDecoder } from 'node:string_decoder'
import { cutBetweenWords, endFromWord, firstCharacters } from './cut.ts'
import { maskOf } from './mask.ts'

const mask = maskOf()
/** How much more than is shown is looked at: what is masked gets shorter, and what is invisible goes. */
const margin = 4_096

/** Makes a text from outside fit to be shown, and cuts it between words: masked first, so that no cut can hide a secret from the mask. */
export function excerpt(text: string, most: number): string {
  return cutBetweenWords(mask(text.length > most + margin ? text.slice(0, most + margin) : text), most)
}

/** The same for a value, which has no words: cut at a character. */
export function clipped(text: string, most: number): string {
  const shown = mask(text.length > most + margin ? text.slice(0, most + margin) : text)
  return shown.length > most ? `${firstCharacters(shown, most)}…` : shown
}

/** The same for one line of which a fixed number of characters is shown, as a table does. */
export function firstOf(text: string, most: number): string {
  return firstCharacters(
    mask(text.slice(0, most + margin))
      .replace(/\s+/g, ' ')
      .trim(),
    most,
  )
}

/** Reads the first characters of a stream, and leaves the rest unread: a wrong address may answer with anything. */
export async function startOf(chunks: AsyncIterable<Uint8Array>, most: number): Promise<string> {
  const decoder = new StringDecoder('utf8')
  let text = ''
  for await (const chunk of chunks) {
    text += decoder.write(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength))
    // What is behind the cut tells whether a secret goes on there. Leaving the loop cancels the rest.
    if (text.length > most + margin) break
  }
  return excerpt(text, most)
}

/** The end of what a program says, with bounded memory: what it said last tells why it failed. */
export class LastWords {
  readonly #decoder = new StringDecoder('utf8')
  readonly #most: number
  #text = ''

  constructor(most: number) {
    this.#most = most
  }

  readonly push = (chunk: Uint8Array): void => {
    const text = this.#text + this.#decoder.write(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength))
    const room = this.#most + margin
    this.#text = text.length > 2 * room ? text.slice(-room) : text
  }

  /** Returns the words, cleaned and masked, from the beginning of a word. */
  text(): string {
    return endFromWord(mask(this.#text), this.#most)
  }

  lines(): readonly string[] {
    return this.text()
      .split('\n')
      .filter((line) => line.trim() !== '')
  }
}
