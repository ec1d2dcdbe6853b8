import { statSync } from 'node:fs'
import { Sensitive } from '../sensitive.ts'
import { contentOf } from './environment-files.ts'

/**
 * A secret that lies in a file and is read again when the file changes: whoever rotates it exchanges the file, and nobody has to
 * restart anything. It has its former value as long as the file holds nothing that could be one.
 */
export class SensitiveFile extends Sensitive {
  readonly #path: string
  readonly #mayBe: (value: string) => boolean
  readonly #values: string[]
  #seen: string

  constructor(path: string, value: string, mayBe: (value: string) => boolean = () => true) {
    super(value)
    this.#path = path
    this.#mayBe = mayBe
    this.#values = [value]
    // What the file was when this value was read is not known any more, so that the first look reads it once more.
    this.#seen = ''
  }

  override reveal(): string {
    const facts = statSync(this.#path, { throwIfNoEntry: false })
    const seen = facts === undefined ? 'gone' : `${facts.mtimeMs} ${facts.size} ${facts.ino}`
    const current = this.#values.at(-1) ?? ''
    if (seen === this.#seen) return current
    const read = contentOf(this.#path)
    if (typeof read !== 'string' || !this.#mayBe(read)) return current
    this.#seen = seen
    if (read !== current) this.#values.push(read)
    return read
  }

  override get values(): readonly string[] {
    return this.#values
  }
}
