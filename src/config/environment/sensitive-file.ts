import { statSync } from 'node:fs'
import { knownSecrets } from '../../outside-text/known-secrets.ts'
import { Sensitive } from '../../sensitive.ts'
import { contentOf } from './environment-files.ts'

/**
 * A secret that lies in a file and is read again when the file changes: whoever rotates it exchanges the file, and nobody has to
 * restart anything. It has its former value as long as the file holds nothing that could be one.
 */
export class SensitiveFile extends Sensitive {
  readonly #path: string
  readonly #mayBe: (value: string) => boolean
  #current: string
  #seen: string

  constructor(path: string, value: string, mayBe: (value: string) => boolean = () => true) {
    super(value)
    this.#path = path
    this.#mayBe = mayBe
    this.#current = value
    // What the file was when this value was read is not known any more, so that the first look reads it once more.
    this.#seen = ''
  }

  override reveal(): string {
    const facts = statSync(this.#path, { throwIfNoEntry: false })
    const seen = facts === undefined ? 'gone' : `${facts.mtimeMs} ${facts.size} ${facts.ino}`
    if (seen === this.#seen) return this.#current
    const read = contentOf(this.#path)
    if (typeof read !== 'string' || !this.#mayBe(read)) return this.#current
    this.#seen = seen
    if (read !== this.#current) knownSecrets.learn(new Sensitive(read))
    this.#current = read
    return read
  }
}
