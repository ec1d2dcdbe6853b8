import type { HomeView } from '@slack/types'
import type { Logger } from 'pino'
import { SlackRateLimited } from '../adapters/slack/port.ts'
import { PurserError } from '../errors.ts'
import { canonicalJson, sha256 } from '../model/json.ts'

interface HomePublisherOptions<Facts> {
  /** Gathers what every Home tells, once for all who watch. */
  readonly facts: () => Promise<Facts>
  readonly render: (user: string, facts: Facts) => Promise<HomeView>
  readonly publish: (user: string, view: HomeView, signal: AbortSignal) => Promise<void>
  readonly log: Logger
  /** The time between two changes of one person's Home. */
  readonly everyMs?: number
  /** The time for which a Home is kept fresh after it was opened: Slack does not tell when it is closed. */
  readonly watchMs?: number
}

interface Watcher {
  until: number
  notBefore: number
  hash: string | undefined
}

const requestTimeoutMs = 10_000

/**
 * Keeps App Home fresh for those who opened it lately: at most one publication each per round, and none when nothing
 * in it has changed. Rounds run only while somebody watches. What it remembers may be lost: opening Home begins anew.
 */
export class HomePublisher<Facts> {
  readonly #options: HomePublisherOptions<Facts>
  readonly #watchers = new Map<string, Watcher>()
  readonly #everyMs: number
  #timer: NodeJS.Timeout | undefined
  #closed = false

  constructor(options: HomePublisherOptions<Facts>) {
    this.#options = options
    this.#everyMs = options.everyMs ?? 3_000
  }

  /** Shows someone's Home, who opened it or pressed a button there, at once, unless it was shown a moment ago. */
  async opened(user: string): Promise<void> {
    const now = Date.now()
    const known = this.#watchers.get(user)
    const until = now + (this.#options.watchMs ?? 15 * 60_000)
    const watcher = known ?? { until, notBefore: 0, hash: undefined }
    watcher.until = until
    this.#watchers.set(user, watcher)
    this.#wake()
    if (watcher.notBefore > now) return
    watcher.notBefore = now + this.#everyMs
    await this.#guarded(async () => this.#show(user, watcher, await this.#options.facts()))
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#timer)
    this.#watchers.clear()
  }

  #wake(): void {
    if (this.#timer !== undefined || this.#closed) return
    this.#timer = setTimeout(() => void this.#round(), this.#everyMs)
    this.#timer.unref()
  }

  async #round(): Promise<void> {
    const now = Date.now()
    for (const [user, { until }] of this.#watchers) if (until <= now) this.#watchers.delete(user)
    await this.#guarded(async () => {
      if (this.#watchers.size === 0) return
      const facts = await this.#options.facts()
      for (const [user, watcher] of this.#watchers) {
        if (watcher.notBefore > Date.now()) continue
        watcher.notBefore = Date.now() + this.#everyMs
        await this.#guarded(() => this.#show(user, watcher, facts))
      }
    })
    this.#timer = undefined
    if (this.#watchers.size > 0) this.#wake()
  }

  async #show(user: string, watcher: Watcher, facts: Facts): Promise<void> {
    const view = await this.#options.render(user, facts)
    const hash = sha256(canonicalJson(view))
    if (hash === watcher.hash) return
    try {
      await this.#options.publish(user, view, AbortSignal.timeout(requestTimeoutMs))
      watcher.hash = hash
      // The pause counts from Slack's answer, so that a slow request brings no two closer together.
      watcher.notBefore = Date.now() + this.#everyMs
    } catch (error) {
      if (error instanceof SlackRateLimited) watcher.notBefore = Date.now() + error.retryAfterMs
      // No later try will fare better without a Home tab, or for a person who is gone.
      else if (error instanceof PurserError && !error.transient) this.#watchers.delete(user)
      throw error
    }
  }

  async #guarded(work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (error) {
      this.#options.log.warn({ err: error }, 'keeping App Home fresh')
    }
  }
}
