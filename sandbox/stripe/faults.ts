interface Scope {
  /** `POST /v1/webhook_endpoints`: only requests whose method and path begin so; all when unset. */
  readonly on?: string
  /** How many requests it hits; every one when unset. */
  readonly times?: number
}

export type StripeFault = Scope &
  (
    | { readonly does: 'answer'; readonly status: number; readonly retryAfterSeconds?: number }
    /** Takes the request and never answers. */
    | { readonly does: 'hang' }
    /** Cuts the connection `before` the request takes effect or `after` it did and only the answer is lost. */
    | { readonly does: 'cut'; readonly when: 'before' | 'after' }
  )

export class Faults {
  #fault: StripeFault | undefined
  #left = 0

  set(fault: StripeFault | undefined): void {
    this.#fault = fault
    this.#left = fault?.times ?? Number.POSITIVE_INFINITY
  }

  /** The fault that hits this request, counted down. */
  hitting(request: string): StripeFault | undefined {
    if (!this.#fault || this.#left <= 0 || !request.startsWith(this.#fault.on ?? '')) return undefined
    this.#left -= 1
    return this.#fault
  }
}
