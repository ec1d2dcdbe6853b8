import { fragmentLength } from './forms.ts'
import { type KnownSecrets, knownSecrets } from './known-secrets.ts'
import { PrivateKeys } from './private-keys.ts'
import { maskShapes } from './shapes.ts'
import { visible } from './visible.ts'

/** Replaces every secret in a text by something that only tells its kind. Safe to repeat. */
export type Mask = (text: string) => string

/**
 * Makes a mask for everything that is known to be secret, in whatever form and wherever it was cut, and for everything that is shaped
 * like a key, a token or a connection string.
 */
export function maskOf(known: KnownSecrets = knownSecrets): Mask {
  return (text) => {
    const seen = visible(text)
    const lines = new LineMask(known)
    if (!seen.includes('\n')) return lines.of(seen) ?? ''
    const all = seen.split('\n')
    const last = all.length - 1
    // The empty text behind the last line's end is no line of a key.
    const hidden = all.flatMap((line, at) => (at === last && line === '' ? line : (lines.hidden(line) ?? [])))
    return maskShapes(hidden.join('\n'))
  }
}

/**
 * Masks the lines of one stream, one after the other: a private key is one word from its first to its last line, and a secret that was
 * broken into lines is known by what the lines before it ended with. Give each stream one of its own.
 */
export class LineMask {
  readonly #known: KnownSecrets
  readonly #keys = new PrivateKeys()
  /** The last characters before this line, as they came. */
  #before = ''

  constructor(known: KnownSecrets = knownSecrets) {
    this.#known = known
  }

  /** Masks a line that is visible; returns undefined for one inside of a private key. */
  of(line: string): string | undefined {
    const hidden = this.hidden(line)
    return hidden === undefined ? undefined : maskShapes(hidden)
  }

  /** Masks what is known, and private keys. */
  hidden(line: string): string | undefined {
    const before = this.#before
    this.#before = `${before}${line.trimStart().slice(-fragmentLength).replace('\r', '')}`.slice(1 - fragmentLength)
    const outside = this.#keys.line(line)
    if (outside === undefined) return undefined
    const from = outside === line ? line.search(/\S/) : 0
    const indent = from < 0 ? line.length : from
    const hidden = outside.slice(0, indent) + this.#known.hide(outside.slice(indent), before)
    // The white space may be the beginning of a secret, or what a program put before the rest of one.
    return indent === 0 ? hidden : this.#known.hide(hidden)
  }
}
