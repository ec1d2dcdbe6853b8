import { setTimeout as pause } from 'node:timers/promises'
import type { LogLine } from '../../adapters/kubernetes/logs/port.ts'
import { PurserError } from '../../errors.ts'
import type { LogPod } from '../../model/watch.ts'
import { errorLine } from '../log-records/error-records.ts'
import type { PhaseContext } from '../phase.ts'
import { ErrorCounter } from './error-counter.ts'

const firstWaitMs = 250
const longestWaitMs = 4_000
/**
 * A stream that lasts this long is taken to be well, even when the pods say nothing: a cluster that is away breaks it
 * off at once.
 */
const lastsMs = 500
/** How far back test events are asked for: the log is read from before the watch, and again after a crash. */
const testEventsReachMs = 3_600_000
/** Beside a flood of refused signatures, it does not matter whether one of them was caused by Purser. */
const mostAsked = 3
/** The number of pods whose rates are kept one by one; a crash loop makes new pods all the time. */
const mostPods = 20

/** Follows the logs of every pod during a watch. While it cannot, there is no count: a gap, not a zero. */
export class LogWatch {
  readonly #context: PhaseContext
  readonly #counter: ErrorCounter
  #trouble: string | undefined
  /** The pods whose log cannot be read for the moment, and why. */
  readonly #gaps = new Map<string, string>()
  #openedAt: number | undefined
  #counted: { readonly at: Date; readonly errors: ReadonlyMap<string, number> } | undefined

  static async open(context: PhaseContext): Promise<LogWatch> {
    const { records } = context
    const [pods, groups] = await Promise.all([records.watch.logPods(), records.watch.logGroups()])
    return new LogWatch(context, new ErrorCounter(errorLine(context.service.monitor), pods, groups))
  }

  private constructor(context: PhaseContext, counter: ErrorCounter) {
    this.#context = context
    this.#counter = counter
  }

  /** Tells why the logs cannot be followed right now; undefined while they can. */
  get trouble(): string | undefined {
    const lasts = this.#openedAt !== undefined && performance.now() - this.#openedAt > lastsMs
    return (lasts ? undefined : this.#trouble) ?? this.#gaps.values().next().value
  }

  /** Follows the logs until the signal fires. Temporary errors are waited out; others are raised. */
  async follow(since: string, signal: AbortSignal): Promise<void> {
    const { deployment, container } = this.#context.service
    const { cluster } = this.#context.world
    for (let waitMs = firstWaitMs; !signal.aborted; waitMs = Math.min(longestWaitMs, waitMs * 2)) {
      try {
        const onLine = (line: LogLine) => {
          this.#trouble = undefined
          waitMs = firstWaitMs
          this.#counter.take(line)
        }
        this.#openedAt = performance.now()
        await cluster.followLogs({ deployment, container, since }, onLine, signal, (pod, why) => this.#gap(pod, why))
      } catch (error) {
        if (signal.aborted) return
        if (!(error instanceof PurserError && error.transient)) throw error
        this.#trouble = error.message
        this.#openedAt = undefined
        await pause(waitMs, undefined, { signal }).catch(() => undefined)
      }
    }
  }

  /**
   * Returns the error lines of each pod per minute since the last call. Undefined when there were some and nobody knows
   * when.
   */
  rates(
    pods: readonly LogPod[],
    at: Date,
  ): readonly { readonly pod: string; readonly perMinute: number }[] | undefined {
    const before = this.#counted
    this.#counted = { at, errors: new Map(pods.map(({ pod, errors }) => [pod, errors])) }
    if (before === undefined) return pods.some(({ errors }) => errors > 0) ? undefined : []
    const minutes = Math.max(1, at.getTime() - before.at.getTime()) / 60_000
    return pods.slice(0, mostPods).map(({ pod, errors }) => ({
      pod,
      perMinute: Math.round(((errors - (before.errors.get(pod) ?? 0)) / minutes) * 10) / 10,
    }))
  }

  /** Writes down what was counted. The last time, records that may still grow are counted as they stand. */
  async write({ last }: { readonly last: boolean }): Promise<void> {
    const counts = this.#counter.drain({ all: last, testEvents: await this.#testEvents() })
    if (counts.pods.length > 0) await this.#context.records.watch.addLogs(counts)
  }

  /** Asks again when errors came meanwhile: they may be about a test event that was announced after the question. */
  async #testEvents(): Promise<readonly Date[]> {
    for (let asked = 1; ; asked += 1) {
      const { inDoubt } = this.#counter
      const testEvents = await this.#context.records.testEventsSince(new Date(Date.now() - testEventsReachMs))
      if (this.#counter.inDoubt === inDoubt || asked === mostAsked) return testEvents
    }
  }

  #gap(pod: string, why: string | undefined): void {
    if (why === undefined) this.#gaps.delete(pod)
    else this.#gaps.set(pod, why)
  }
}
