interface Waiter {
  readonly due: number
  readonly wake: () => void
}

/** The simulated Stripe's clock: the machine's, ahead by as much as a test has let pass. */
export class Clock {
  #aheadMs = 0
  readonly #waiting = new Set<Waiter>()

  /** Milliseconds since 1970. */
  now(): number {
    return Date.now() + this.#aheadMs
  }

  /** Seconds since 1970, as Stripe tells time. */
  seconds(): number {
    return Math.floor(this.now() / 1_000)
  }

  /** Waits until so much time has passed, by itself or by `moveTo`. Rejects when the signal fires. */
  async wait(ms: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    await new Promise<void>((resolve, reject) => {
      const end = (finish: () => void) => {
        clearTimeout(timer)
        this.#waiting.delete(waiter)
        signal.removeEventListener('abort', broken)
        finish()
      }
      const broken = () => end(() => reject(signal.reason as Error))
      const waiter: Waiter = { due: this.now() + ms, wake: () => end(resolve) }
      // A timer holds 24 days at most; a wait of Stripe's is three.
      const timer = setTimeout(waiter.wake, ms)
      timer.unref()
      this.#waiting.add(waiter)
      signal.addEventListener('abort', broken)
    })
  }

  /** The time at which the next waiter wakes. */
  nextDue(): number | undefined {
    const [first] = [...this.#waiting].map(({ due }) => due).sort((a, b) => a - b)
    return first
  }

  /** Lets the time until then pass at once; whoever waits for an earlier time wakes. Never goes back. */
  moveTo(time: number): void {
    this.#aheadMs += Math.max(0, time - this.now())
    for (const waiter of [...this.#waiting].filter(({ due }) => due <= this.now())) waiter.wake()
  }
}
