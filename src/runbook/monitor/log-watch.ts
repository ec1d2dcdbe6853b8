import { setTimeout as pause } from 'node:timers/promises'
import type { LogLine } from '../../adapters/kubernetes/logs/port.ts'
import { PurserError } from '../../errors.ts'
import type { LogGroup } from '../../model/run.ts'
import type { LogCounts, LogPod } from '../../model/watch.ts'
import type { PhaseContext } from '../phase.ts'
import { type ErrorTest, errorTest, fingerprintOf } from './log-lines.ts'

/*
 * The logs of the pods, followed while the phase `monitor` watches a release. A line is counted by its kind (a
 * fingerprint) and its pod, and never stored. With every sample it is written down, together, what was counted and how
 * far each pod was read: the worker that goes on after a crash reads again what was not written down, and counts no
 * line twice. Reading begins anew where it broke off; as long as it cannot go on, the watch has a gap and says so.
 */

type Group = Omit<LogGroup, 'known'>

/** Kinds of errors that are told apart; whatever comes beyond is counted as one kind. */
const mostKinds = 200
const others = 'others'

/**
 * Counts error lines by kind and by pod. It holds only what was not written down yet, an entry for each kind and pod.
 */
export class ErrorCounter {
  readonly #isError: ErrorTest
  /** The stamp of the newest line of each pod that is counted already. */
  readonly #read: Map<string, string>
  readonly #kinds: Set<string>
  #groups = new Map<string, { -readonly [K in keyof Group]: Group[K] }>()
  #pods = new Map<string, { pod: string; stamp: string; errors: number }>()

  constructor(isError: ErrorTest, pods: readonly LogPod[], groups: readonly Pick<Group, 'fingerprint'>[]) {
    this.#isError = isError
    this.#read = new Map(pods.map(({ pod, stamp }) => [pod, stamp]))
    this.#kinds = new Set(groups.map(({ fingerprint }) => fingerprint))
  }

  take(line: LogLine): void {
    const stamp = sortable(line.timestamp)
    if (stamp <= (this.#read.get(line.pod) ?? '')) return
    this.#read.set(line.pod, stamp)
    const error = this.#isError(line.text)
    const pod = this.#pods.get(line.pod) ?? { pod: line.pod, stamp, errors: 0 }
    this.#pods.set(line.pod, { pod: line.pod, stamp, errors: pod.errors + (error ? 1 : 0) })
    if (error) this.#count(line, stamp)
  }

  /**
   * Hands out what was counted since the last time. It must be written down, or is lost with the process and read
   * again.
   */
  drain(): LogCounts {
    const counts = { groups: [...this.#groups.values()], pods: [...this.#pods.values()] }
    this.#groups = new Map()
    this.#pods = new Map()
    return counts
  }

  #count({ pod, text }: LogLine, stamp: string): void {
    const own = fingerprintOf(text)
    const fingerprint = this.#kinds.has(own) || this.#kinds.size < mostKinds ? own : others
    this.#kinds.add(fingerprint)
    const group = this.#groups.get(fingerprint)
    if (group === undefined)
      this.#groups.set(fingerprint, { fingerprint, example: text, pod, firstAt: stamp, lastAt: stamp, count: 1 })
    else {
      group.count += 1
      group.lastAt = stamp
    }
  }
}

/** Pads the fraction to nine digits, so that stamps compare as text; kubelets drop trailing zeros. */
function sortable(timestamp: string): string {
  const [, seconds, fraction = ''] = /^(.{19})(?:\.(\d+))?/.exec(timestamp) ?? []
  return seconds === undefined ? timestamp : `${seconds}.${fraction.padEnd(9, '0').slice(0, 9)}Z`
}

const firstWaitMs = 250
const longestWaitMs = 4_000
/**
 * A stream that lasts this long is taken to be well, even when the pods say nothing: a cluster that is away breaks it
 * off at once.
 */
const lastsMs = 500
/** The number of pods whose rates are kept one by one; a crash loop makes new pods all the time. */
const mostPods = 20

/** Follows the logs of every pod during a watch. While it cannot, there is no count: a gap, not a zero. */
export class LogWatch {
  readonly #context: PhaseContext
  readonly #counter: ErrorCounter
  #trouble: string | undefined
  #openedAt: number | undefined
  #counted: { readonly at: Date; readonly errors: ReadonlyMap<string, number> } | undefined

  static async open(context: PhaseContext): Promise<LogWatch> {
    const { watch } = context.records
    const [pods, groups] = await Promise.all([watch.logPods(), watch.logGroups()])
    return new LogWatch(context, new ErrorCounter(errorTest(context.service.monitor), pods, groups))
  }

  private constructor(context: PhaseContext, counter: ErrorCounter) {
    this.#context = context
    this.#counter = counter
  }

  /** Tells why the logs cannot be followed right now; undefined while they can. */
  get trouble(): string | undefined {
    const lasts = this.#openedAt !== undefined && Date.now() - this.#openedAt > lastsMs
    return lasts ? undefined : this.#trouble
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
        this.#openedAt = Date.now()
        await cluster.followLogs({ deployment, container, since }, onLine, signal)
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

  async write(): Promise<void> {
    const counts = this.#counter.drain()
    if (counts.pods.length > 0) await this.#context.records.watch.addLogs(counts)
  }
}
