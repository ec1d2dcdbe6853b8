import { RepositoryError } from './errors.ts'

const newline = 0x0a
/**
 * A header is `<object id> blob <size>`: a longer line is none, and what follows would be read as something that it is
 * not.
 */
const longestHeader = 200

interface BatchOptions {
  /** The words with which every error begins. */
  readonly doing: string
  /** The most bytes of all objects together. */
  readonly mostBytes: number
}

/**
 * Reads what `git cat-file --batch` prints, in chunks cut anywhere: for each object a header, as many bytes as the
 * header says and a newline. Contents are bytes of any kind, so only the sizes tell where the next header begins.
 */
export class BatchReader {
  readonly #options: BatchOptions
  readonly #onObject: (id: string, content: Buffer) => void
  #header = ''
  #id = ''
  #body: Buffer[] = []
  /** The bytes of the body that are still to come, its newline included; 0 while a header is read. */
  #missing = 0
  #total = 0

  constructor(options: BatchOptions, onObject: (id: string, content: Buffer) => void) {
    this.#options = options
    this.#onObject = onObject
  }

  take(chunk: Buffer): void {
    for (let at = 0; at < chunk.length;) at = this.#missing === 0 ? this.#readHeader(chunk, at) : this.#read(chunk, at)
  }

  /** Ends the output, and raises when it was cut short. */
  end(): void {
    if (this.#missing > 0 || this.#header !== '') throw this.#broken('git broke off in the middle of a file')
  }

  #readHeader(chunk: Buffer, at: number): number {
    const end = chunk.indexOf(newline, at)
    this.#header += chunk.toString('latin1', at, end < 0 ? chunk.length : end)
    if (this.#header.length > longestHeader) throw this.#broken('git answers with something else than a header')
    if (end < 0) return chunk.length
    const [, id, size] = /^([0-9a-f]{40,64}) blob (\d+)$/.exec(this.#header) ?? []
    if (id === undefined) throw this.#broken(`git answers ${JSON.stringify(this.#header)}`)
    this.#header = ''
    this.#id = id
    this.#missing = Number(size) + 1
    this.#total += Number(size)
    if (this.#total > this.#options.mostBytes) throw this.#tooLarge()
    return end + 1
  }

  /**
   * Joins the parts of an object once, when it is whole: joining them as they come would copy a large file again and
   * again.
   */
  #read(chunk: Buffer, at: number): number {
    const part = chunk.subarray(at, at + this.#missing)
    this.#body.push(part)
    this.#missing -= part.length
    if (this.#missing > 0) return at + part.length
    const body = Buffer.concat(this.#body)
    this.#body = []
    if (body.at(-1) !== newline) throw this.#broken('a file is longer than git said')
    this.#onObject(this.#id, body.subarray(0, -1))
    return at + part.length
  }

  #tooLarge(): RepositoryError {
    const { doing, mostBytes } = this.#options
    return new RepositoryError('file_too_large', `${doing}: together more than ${mostBytes} bytes`, {
      hint: 'Check whether a wrong file was committed.',
    })
  }

  #broken(why: string): RepositoryError {
    return new RepositoryError('git_failed', `${this.#options.doing}: ${why}`)
  }
}
