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

  /** Says in words what stands in the value and belongs to no key: "a newline is at its end". */
  get strays(): readonly string[] {
    return straysIn(this.#value)
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

/**
 * Names the characters that editors, `echo` and copying leave in a value and that nobody sees, though every comparison
 * by bytes fails for them. It shows nothing of the value.
 */
export function straysIn(value: string): readonly string[] {
  const text = value.replace(/^\s+|\s+$/g, '')
  if (value !== '' && text === '') return ['only white space is in it']
  const [before, after] = [/^\s*/.exec(value)?.[0] ?? '', /\s*$/.exec(value)?.[0] ?? '']
  return [
    ...(before === '' ? [] : [`${whiteSpace(before)} at its beginning`]),
    ...(after === '' ? [] : [`${whiteSpace(after)} at its end`]),
    ...(/^(["'`]).*\1$/s.test(text) ? ['quotation marks are around it'] : []),
    ...(/^[\u2018-\u201f]|[\u2018-\u201f]$/.test(text) ? ['curly quotation marks are around it'] : []),
    ...(/[\u200b-\u200f\u2060-\u2064\u00ad\ufeff]/.test(text) ? ['invisible characters are in it'] : []),
    ...(/\\[nr]$/.test(text) ? [`the two characters ${text.slice(-2)} are at its end`] : []),
  ]
}

function whiteSpace(text: string): string {
  if (/^(?:\r?\n)+$/.test(text)) return text.replaceAll('\r', '').length === 1 ? 'a newline is' : 'newlines are'
  if (/^ +$/.test(text)) return text.length === 1 ? 'a space is' : `${text.length} spaces are`
  if (/^\ufeff+$/.test(text)) return 'a byte order mark is'
  return 'white space is'
}

/** Returns the value without white space, quotation marks and what nobody sees around it and in it. */
export function bare(secret: Sensitive): Sensitive {
  const inside = secret
    .reveal()
    .replace(/[\u200b-\u200f\u2060-\u2064\u00ad\ufeff]/g, '')
    .trim()
  const end = inside.replace(/(?:\\[nr])+$/, '')
  const quoted = /^(["'`])(.*)\1$/s.exec(end)?.[2] ?? end
  return new Sensitive(quoted.replace(/^[\u2018-\u201f]+|[\u2018-\u201f]+$/g, '').trim())
}

/** Joins secrets to a list, which is as secret as each of them. */
export function joined(parts: readonly Sensitive[], separator: string): Sensitive {
  return new Sensitive(parts.map((part) => part.reveal()).join(separator))
}

export function fingerprintOf(value: string): string {
  return createHash('sha256').update(value).digest('hex').slice(0, 12)
}
