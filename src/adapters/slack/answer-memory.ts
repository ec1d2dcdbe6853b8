import { whyNot } from './slack-trouble.ts'

/** What Slack said, and when. */
export interface Remembered<T> {
  readonly value: T
  readonly readAt: Date
  /** Why Slack could not be asked again now, when this is older than it should be. */
  readonly trouble: string | undefined
}

interface Limits {
  /** As long as this an answer is not asked for again. */
  readonly freshMs: number
  /** As long as this an answer counts when Slack cannot be asked. */
  readonly usableMs: number
  /** So many answers are kept; the one that was read first goes first. */
  readonly most: number
}

/** After a failed attempt a remembered answer is used for so long before Slack is asked again: people wait meanwhile. */
const pauseMs = 10_000

/**
 * The answers of Slack to one kind of question, in this process. Whoever asks the same at once shares one request. Only what
 * `isFinal` says is an answer about the thing itself ("there is no such group") lets a remembered one be forgotten.
 */
export class AnswerMemory<T> {
  readonly #limits: Limits
  readonly #isFinal: (error: unknown) => boolean
  readonly #known = new Map<
    string,
    { readonly value: T; readonly readAt: number; notBefore: number; trouble: string }
  >()
  readonly #asking = new Map<string, Promise<T>>()

  constructor(limits: Limits, isFinal: (error: unknown) => boolean = () => false) {
    this.#limits = limits
    this.#isFinal = isFinal
  }

  /** Raises what `ask` raises when nothing usable is remembered. */
  async recall(key: string, ask: () => Promise<T>): Promise<Remembered<T>> {
    const { freshMs, usableMs } = this.#limits
    const known = this.#known.get(key)
    const age = known === undefined ? Number.POSITIVE_INFINITY : Date.now() - known.readAt
    if (known !== undefined && age < freshMs) return { value: known.value, readAt: at(known), trouble: undefined }
    if (known !== undefined && age < usableMs && Date.now() < known.notBefore)
      return { value: known.value, readAt: at(known), trouble: known.trouble }
    try {
      const value = await this.#asked(key, ask)
      return { value, readAt: new Date(), trouble: undefined }
    } catch (error) {
      if (this.#isFinal(error)) this.#known.delete(key)
      if (known === undefined || age >= usableMs || this.#isFinal(error)) throw error
      known.notBefore = Date.now() + pauseMs
      known.trouble = whyNot(error)
      return { value: known.value, readAt: at(known), trouble: known.trouble }
    }
  }

  #asked(key: string, ask: () => Promise<T>): Promise<T> {
    const running = this.#asking.get(key)
    if (running !== undefined) return running
    const asking = ask()
      .then((value) => {
        this.#keep(key, value)
        return value
      })
      .finally(() => this.#asking.delete(key))
    this.#asking.set(key, asking)
    return asking
  }

  #keep(key: string, value: T): void {
    this.#known.delete(key)
    this.#known.set(key, { value, readAt: Date.now(), notBefore: 0, trouble: '' })
    const [oldest] = this.#known.keys()
    if (this.#known.size > this.#limits.most && oldest !== undefined) this.#known.delete(oldest)
  }
}

function at({ readAt }: { readonly readAt: number }): Date {
  return new Date(readAt)
}
