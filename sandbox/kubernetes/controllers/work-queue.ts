/**
 * Runs `reconcile` for each key that was added, one at a time and never in the caller's turn: a write is answered
 * before any controller sees it, as in a cluster.
 */
export class WorkQueue {
  readonly #reconcile: (key: string) => void
  readonly #pending = new Set<string>()
  readonly #later = new Map<string, NodeJS.Timeout>()
  #turn: NodeJS.Timeout | undefined
  #closed = false

  constructor(reconcile: (key: string) => void) {
    this.#reconcile = reconcile
  }

  add(key: string): void {
    this.#pending.add(key)
    if (this.#turn === undefined && !this.#closed) this.#turn = setTimeout(() => this.#next(), 4)
  }

  /** A later time replaces an earlier one for the same key. */
  addAfter(key: string, delayMs: number): void {
    clearTimeout(this.#later.get(key))
    if (this.#closed) return
    const timer = setTimeout(
      () => {
        this.#later.delete(key)
        this.add(key)
      },
      Math.min(Math.max(delayMs, 0), 2 ** 31 - 1),
    )
    this.#later.set(key, timer)
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#turn)
    for (const timer of this.#later.values()) clearTimeout(timer)
    this.#later.clear()
    this.#pending.clear()
  }

  #next(): void {
    this.#turn = undefined
    const [key] = this.#pending
    if (key === undefined || this.#closed) return
    this.#pending.delete(key)
    this.#reconcile(key)
    const [another] = this.#pending
    if (another !== undefined) this.add(another)
  }
}

export interface Controller {
  close(): void | Promise<void>
}

export function keyFor(object: { metadata: { namespace?: string; name: string } }): string {
  return `${object.metadata.namespace ?? ''}/${object.metadata.name}`
}

export function fromKey(key: string): [namespace: string, name: string] {
  const at = key.indexOf('/')
  return [key.slice(0, at), key.slice(at + 1)]
}
