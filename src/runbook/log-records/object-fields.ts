/**
 * Reads the outer fields of an object as loggers write it: JSON, JSON that was cut off, several lines of it, and what
 * JavaScript's console makes of an object (`{ level: 'error' }`). One pass, whatever the text is.
 */
interface ObjectFields {
  /** The values of the fields, cut short, by name; those of objects inside by both names, "log.level". */
  readonly fields: ReadonlyMap<string, string>
  /** The end of the object; undefined when the text ends inside of it. */
  readonly end: number | undefined
}

/** Levels are short; of longer values the beginning tells that they are none. */
const longestValue = 64
/** Objects inside of objects inside of the record hold what is logged, not how. */
const deepest = 2

export function objectFields(text: string, from: number): ObjectFields {
  return new FieldReader(text, from).read()
}

interface Container {
  readonly isObject: boolean
  /** The names of the keys that lead here; undefined where fields are not read. */
  readonly names: readonly string[] | undefined
  key: string | undefined
}

class FieldReader {
  readonly #text: string
  readonly #fields = new Map<string, string>()
  readonly #open: Container[] = []
  #at: number

  constructor(text: string, from: number) {
    this.#text = text
    this.#at = from
  }

  read(): ObjectFields {
    while (this.#at < this.#text.length) {
      this.#step(this.#text.charAt(this.#at))
      if (this.#open.length === 0) return { fields: this.#fields, end: this.#at }
    }
    return { fields: this.#fields, end: undefined }
  }

  #step(character: string): void {
    if (character === '{' || character === '[') this.#enter(character === '{')
    else if (character === '}' || character === ']') this.#leave()
    else if (character === ',') this.#endOfValue()
    else if (character === '"' || character === "'") this.#take(this.#quoted(character))
    else if (character === ':' || /\s/.test(character)) this.#at += 1
    else this.#take(this.#bare())
  }

  #enter(isObject: boolean): void {
    const outer = this.#open.at(-1)
    const names = outer === undefined ? [] : this.#namesOf(outer)
    this.#open.push({
      isObject,
      names: isObject && names !== undefined && names.length < deepest ? names : undefined,
      key: undefined,
    })
    this.#at += 1
  }

  #leave(): void {
    this.#open.pop()
    this.#endOfValue()
  }

  #endOfValue(): void {
    const inner = this.#open.at(-1)
    if (inner !== undefined) inner.key = undefined
    this.#at += 1
  }

  #namesOf({ names, key }: Container): readonly string[] | undefined {
    return names === undefined || key === undefined ? undefined : [...names, key]
  }

  /** Takes a word or a quoted text: a key where one is due, else the value of the key. */
  #take(word: string): void {
    const inner = this.#open.at(-1)
    if (inner?.names === undefined) return
    if (inner.key === undefined) {
      inner.key = word
      return
    }
    const name = [...inner.names, inner.key].join('.')
    if (!this.#fields.has(name)) this.#fields.set(name, word)
  }

  #quoted(quote: string): string {
    const begin = this.#at + 1
    let end = begin
    while (end < this.#text.length && this.#text.charAt(end) !== quote) end += this.#text.charAt(end) === '\\' ? 2 : 1
    this.#at = end + 1
    return this.#text.slice(begin, Math.min(end, begin + longestValue))
  }

  #bare(): string {
    const begin = this.#at
    while (this.#at < this.#text.length && !/[\s,:{}[\]"]/.test(this.#text.charAt(this.#at))) this.#at += 1
    return this.#text.slice(begin, Math.min(this.#at, begin + longestValue))
  }
}
