import { fragmentLength, masked, type SecretForm } from './forms.ts'

/**
 * Finds known secrets and every part of one that is eight characters long, in linear time. Whoever cuts a text, wherever, leaves the
 * beginning or the end of a secret, which is such a part; so it does not matter where something was cut before it came here.
 *
 * Any eight characters contain four that begin at a multiple of five. So only every fifth place of a text is looked up, in a table of
 * bits; what the table lets through is compared exactly.
 */

const blockLength = 4
const stride = fragmentLength - blockLength + 1
const bits = 20

interface Whole {
  readonly text: string
  readonly replacement: string
}

interface Span {
  readonly from: number
  readonly to: number
  readonly replacement: string
}

export class Fragments {
  readonly #blocks = new Uint32Array(2 ** (bits - 5))
  /** Each fragment, and how many of its characters may be shown. */
  readonly #parts = new Map<string, number>()
  /** The forms that begin with these eight characters, the longest first. */
  readonly #wholes = new Map<string, Whole[]>()
  readonly #short: RegExp | undefined
  readonly #masked: string

  constructor(forms: readonly SecretForm[], harmless: (part: string) => boolean) {
    const long = forms.filter(({ text }) => text.length >= fragmentLength)
    const short = forms.filter(({ text }) => text.length < fragmentLength).sort((a, b) => b.text.length - a.text.length)
    for (const form of long) this.#addParts(form, harmless)
    this.#short = short.length === 0 ? undefined : new RegExp(short.map(({ text }) => quoted(text)).join('|'), 'g')
    this.#masked = short.some(({ text }) => masked.includes(text)) || this.#parts.has(masked) ? '***' : masked
    // What is shown of a secret, a user name or host, may be another secret: then nothing of this one is shown.
    for (const form of long) this.#addWhole(form, this.#shows(form.replacement) ? this.#masked : form.replacement)
    for (const wholes of this.#wholes.values()) wholes.sort((a, b) => b.text.length - a.text.length)
  }

  /** Masks a text; `before` are the last characters of what came before it, which stay with whoever showed them. */
  hide(text: string, before = ''): string {
    const long = this.#parts.size === 0 && this.#wholes.size === 0 ? text : this.#hideLong(text, before)
    return this.#short === undefined ? long : this.#hideShort(long, before)
  }

  #hideShort(text: string, before: string): string {
    if (this.#short === undefined) return text
    const all = before + text
    let shown = ''
    let done = before.length
    for (const { 0: found, index } of all.matchAll(this.#short)) {
      const end = index + found.length
      if (end <= done) continue
      shown += all.slice(done, Math.max(done, index)) + this.#masked
      done = end
    }
    return done === before.length ? text : shown + all.slice(done)
  }

  #hideLong(text: string, before: string): string {
    const all = before + text
    let shown = ''
    let done = before.length
    let open = false
    for (const { from, to, replacement } of this.#spans(all)) {
      if (to <= done) continue
      // What touches the one before it is one word with it.
      if (from > done || !open) shown += all.slice(done, Math.max(done, from)) + replacement
      open = true
      done = to
    }
    return open ? shown + all.slice(done) : text
  }

  /** Yields what has to go in the order of its beginning; spans may overlap. */
  *#spans(text: string): Generator<Span> {
    const last = text.length - fragmentLength
    for (let block = 0; block + blockLength <= text.length; block += stride) {
      if (!this.#knows(hashAt(text, block))) continue
      for (let at = Math.max(0, block - stride + 1); at <= block && at <= last; at += 1) {
        const part = text.slice(at, at + fragmentLength)
        const whole = this.#wholes.get(part)?.find((one) => text.startsWith(one.text, at))
        if (whole !== undefined) yield { from: at, to: at + whole.text.length, replacement: whole.replacement }
        const shown = this.#parts.get(part)
        if (shown !== undefined) yield { from: at + shown, to: at + fragmentLength, replacement: this.#masked }
      }
    }
  }

  #shows(replacement: string): boolean {
    if (this.#hideShort(replacement, '') !== replacement) return true
    return [...this.#spans(replacement)].length > 0
  }

  #addParts({ text, shown, inParts }: SecretForm, harmless: (part: string) => boolean): void {
    if (!inParts) return
    for (let at = 0; at + fragmentLength <= text.length; at += 1) {
      const part = text.slice(at, at + fragmentLength)
      const left = Math.max(0, shown - at)
      // What only tells the kind, or is nothing but marks, is no secret.
      if (left >= fragmentLength || isRule(part) || harmless(part)) continue
      this.#parts.set(part, Math.min(left, this.#parts.get(part) ?? fragmentLength))
      this.#note(part)
    }
  }

  #addWhole({ text }: SecretForm, replacement: string): void {
    const head = text.slice(0, fragmentLength)
    this.#wholes.set(head, [...(this.#wholes.get(head) ?? []), { text, replacement }])
    this.#note(head)
  }

  #note(part: string): void {
    for (let at = 0; at < stride; at += 1) {
      const hash = hashAt(part, at)
      this.#blocks[hash >>> 5] = (this.#blocks[hash >>> 5] ?? 0) | (1 << (hash & 31))
    }
  }

  #knows(hash: number): boolean {
    return ((this.#blocks[hash >>> 5] ?? 0) & (1 << (hash & 31))) !== 0
  }
}

/** White space, `--------` and the like. */
function isRule(part: string): boolean {
  return !/[\p{L}\p{N}]/u.test(part) && new Set(part).size <= 2
}

function hashAt(text: string, at: number): number {
  let hash = text.charCodeAt(at)
  for (let next = 1; next < blockLength; next += 1) hash = Math.imul(hash, 0x01000193) ^ text.charCodeAt(at + next)
  return Math.imul(hash, 0x9e3779b1) >>> (32 - bits)
}

function quoted(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\/-]/g, '\\$&')
}
