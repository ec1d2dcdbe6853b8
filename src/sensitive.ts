import { createHash } from 'node:crypto'
import { inspect } from 'node:util'

/**
 * A secret value in memory. It cannot be printed by accident: string conversion, JSON and `util.inspect` show a
 * placeholder. Only the adapter that must hand the value to the outside calls `reveal()`.
 */
export class Sensitive {
  readonly #value: string

  constructor(value: string) {
    this.#value = value
  }

  reveal(): string {
    return this.#value
  }

  /** The first 12 hex digits of the SHA-256: enough to compare two secrets, useless to guess one. */
  get fingerprint(): string {
    return fingerprintOf(this.reveal())
  }

  /** Splits a list such as `new,old`; each value is as secret as the whole. */
  parts(separator: string): readonly Sensitive[] {
    return this.reveal()
      .split(separator)
      .map((part) => part.trim())
      .filter((part) => part !== '')
      .map((part) => new Sensitive(part))
  }

  toString(): string {
    return '[secret]'
  }

  toJSON(): string {
    return '[secret]'
  }

  [inspect.custom](): string {
    return '[secret]'
  }
}

/** Joins secrets to a list, which is as secret as each of them. */
export function joined(parts: readonly Sensitive[], separator: string): Sensitive {
  return new Sensitive(parts.map((part) => part.reveal()).join(separator))
}

export function fingerprintOf(value: string): string {
  return createHash('sha256').update(value).digest('hex').slice(0, 12)
}
