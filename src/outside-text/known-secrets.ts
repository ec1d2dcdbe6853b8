import { Sensitive } from '../sensitive.ts'
import { formsOf, fragmentLength } from './forms.ts'
import { Fragments } from './fragments.ts'

/** How many values of a secret that is renewed again and again count: whatever is older has long expired. */
const mostRenewed = 3

/**
 * Everything that this process knows to be secret: what its environment holds, and what it has learned since. What is learned is known
 * to every mask from then on.
 */
export class KnownSecrets {
  readonly #values = new Set<string>()
  readonly #renewed = new Map<string, readonly string[]>()
  #words: readonly string[] = []
  #fragments: Fragments | undefined

  constructor(secrets: readonly Sensitive[] = []) {
    this.learn(...secrets)
  }

  learn(...secrets: readonly Sensitive[]): void {
    for (const secret of secrets) {
      const value = secret.reveal()
      if (this.#values.has(value)) continue
      this.#values.add(value)
      this.#fragments = undefined
    }
  }

  /** Learns a secret that takes the place of a former one of the same source, such as a token that expires every hour. */
  learnRenewed(source: string, secret: Sensitive): void {
    const value = secret.reveal()
    const former = this.#renewed.get(source) ?? []
    if (former.includes(value)) return
    this.#renewed.set(source, [value, ...former].slice(0, mostRenewed))
    this.#fragments = undefined
  }

  /**
   * Names the words of the configuration. A part of a secret that is a part of one of them stays readable by itself: it stands in every
   * message anyway. The whole secret does not.
   */
  exceptWords(words: readonly string[]): void {
    this.#words = words.filter((word) => word.length >= fragmentLength)
    this.#fragments = undefined
  }

  /** Masks every known secret in a text, and every part of one that is eight characters long. */
  hide(text: string, before?: string): string {
    this.#fragments ??= this.#made()
    return this.#fragments.hide(text, before)
  }

  #made(): Fragments {
    const values = new Set([...this.#values, ...[...this.#renewed.values()].flat()])
    const words = this.#words
    return new Fragments([...values].flatMap(formsOf), (part) => words.some((word) => word.includes(part)))
  }
}

/** The one of this process. */
export const knownSecrets = new KnownSecrets()

/** Wraps a secret that comes from outside, and makes it known to every mask. */
export function learned(value: string): Sensitive {
  const secret = new Sensitive(value)
  knownSecrets.learn(secret)
  return secret
}
