/**
 * Follows the log of one container in every pod of a Deployment. A watch of the pods starts a follower for each new pod
 * and tells it when the pod is gone. A follower keeps one stream open and opens it again after every end: from the
 * stamp of the newest line on, leaving out what it has handed on before, because the API knows whole seconds only. When
 * the container has been restarted meanwhile, the log of its former run is read to the end first. So no line comes
 * twice or is lost, except those of a run between two restarts that nobody was connected for. A reader that returns a
 * promise holds its pod's stream back. An error that is not temporary ends all followers.
 */

import { setTimeout as delay } from 'node:timers/promises'

import { type Deployment, type Pod, selectorText } from '../api/objects.ts'
import type { Connection } from '../api/connection.ts'
import { ClusterError } from '../api/errors.ts'
import { observe } from '../api/observe.ts'
import type { Paths } from '../api/paths.ts'
import { ownSignal } from '../../../time-limit.ts'
import { LogLineReader } from './line-reader.ts'
import type { LogRange, OnGap, OnLine } from './port.ts'

type ContainerRange = Omit<LogRange, 'deployment'>

interface Listener {
  readonly onLine: OnLine
  readonly onGap: OnGap
}

/**
 * The time for the head of an answer, which a kubelet sends together with the first line: a quiet container keeps even
 * that back.
 */
const longestOpeningMs = 300_000
const firstWaitMs = 250
const longestWaitMs = 8_000
/** The pause before a container that has ended is asked again, in milliseconds. */
const retryMs = 1_000

export async function followLogs(
  connection: Connection,
  paths: Paths,
  deployment: Deployment,
  range: ContainerRange,
  { onLine, onGap }: Listener,
  signal: AbortSignal,
): Promise<void> {
  const over = new AbortController()
  const inside = AbortSignal.any([signal, over.signal])
  const followers = new Map<string, PodFollower>()
  const running = new Set<Promise<void>>()
  const what = {
    path: paths.pods,
    query: { labelSelector: selectorText(deployment.spec.selector) },
    doing: `watching the pods of ${deployment.metadata.name}`,
  }
  let problem: Error | undefined
  const adopt = (pod: Pod) => {
    const follower = new PodFollower(connection, paths, pod, range, { onLine, onGap })
    followers.set(pod.metadata.uid, follower)
    const run = follower.run(ownSignal(inside)).catch((error: unknown) => {
      problem ??= error instanceof Error ? error : new Error(String(error))
      over.abort()
    })
    running.add(run)
    void run.finally(() => {
      running.delete(run)
      onGap(pod.metadata.name, undefined)
    })
  }
  const sees = (pods: readonly Pod[]) => {
    for (const pod of pods) {
      const known = followers.get(pod.metadata.uid)
      if (known === undefined) adopt(pod)
      else known.pod = pod
    }
    const present = new Set(pods.map((pod) => pod.metadata.uid))
    for (const [uid, follower] of followers)
      if (!present.has(uid)) {
        follower.gone = true
        followers.delete(uid)
      }
  }
  try {
    await observe<Pod>(connection, what, sees, inside)
  } finally {
    over.abort()
    await Promise.all(running)
  }
  if (problem !== undefined && !signal.aborted) throw problem
}

class PodFollower {
  readonly #connection: Connection
  readonly #path: string
  readonly #container: string
  readonly #reader = new LogLineReader()
  readonly #listener: Listener
  pod: Pod
  gone = false
  /** The stamp of the newest line handed on. */
  #newest: string
  /** Why the log cannot be read for the moment. */
  #why: string | undefined
  /** How often the container had been restarted when the last stream was opened; undefined before the first stream. */
  #restarts: number | undefined

  constructor(connection: Connection, paths: Paths, pod: Pod, range: ContainerRange, listener: Listener) {
    this.#connection = connection
    this.#path = paths.log(pod.metadata.name)
    this.#container = range.container
    this.#listener = listener
    this.#newest = sortable(range.since)
    this.pod = pod
  }

  async run(signal: AbortSignal): Promise<void> {
    for (let broken = 0; !signal.aborted && !this.gone;) {
      const before = this.#newest
      let wait = retryMs
      try {
        const restarts = this.#restartCount()
        // The rest of a run that ended while no stream was open can still be read as "previous".
        if (restarts > (this.#restarts ?? 0)) await this.#read({ previous: true }, signal)
        this.#restarts = restarts
        await this.#read({ follow: true }, signal)
      } catch (error) {
        if (signal.aborted) return
        if (!(error instanceof ClusterError)) throw error
        if (error.status === 404) return
        // The status 400 says that the container has not started, or not started again.
        if (error.status !== 400 && !error.transient) throw error
        // A quiet container sends nothing for minutes, so that nobody answered in time is no sign of trouble.
        if (error.status !== 400 && !error.timedOut) this.#gap(error.message)
        if (this.#newest !== before || error.timedOut) broken = 0
        if (error.status !== 400) wait = Math.min(longestWaitMs, firstWaitMs * 2 ** broken++)
      }
      if (this.gone || (this.#over() && this.#restarts === this.#restartCount())) return
      await delay(wait, undefined, { signal }).catch(() => undefined)
    }
  }

  async #read(how: { follow: true } | { previous: true }, signal: AbortSignal): Promise<void> {
    const query = { container: this.#container, timestamps: true, sinceTime: wholeSeconds(this.#newest), ...how }
    const doing = `following the log of ${this.pod.metadata.name}`
    const boundary = this.#newest
    const request = { method: 'GET', path: this.#path, query, doing, openingMs: longestOpeningMs } as const
    try {
      for await (const line of this.#connection.logLines(request, signal)) {
        const read = this.#reader.read(line)
        if (read === undefined) continue
        if (read.kind === 'notice') throw noLog(doing, read.text)
        const taken = this.#take(read.stamp, read.text, boundary)
        if (taken !== undefined) await taken
      }
      this.#gap(undefined)
    } catch (error) {
      // There was no former run, or its log is gone by now: the present run tells the rest.
      if (!('previous' in how) || !(error instanceof ClusterError)) throw error
      if (error.status !== 400 && error.code !== 'cluster_no_log') throw error
    }
  }

  #take(timestamp: string, text: string, boundary: string): void | Promise<void> {
    this.#gap(undefined)
    const stamp = sortable(timestamp)
    if (stamp <= boundary) return undefined
    if (stamp > this.#newest) this.#newest = stamp
    return this.#listener.onLine({ pod: this.pod.metadata.name, container: this.#container, timestamp, text })
  }

  #gap(why: string | undefined): void {
    if (this.gone || why === this.#why) return
    this.#why = why
    this.#listener.onGap(this.pod.metadata.name, why)
  }

  #restartCount(): number {
    const status = this.pod.status?.containerStatuses?.find(({ name }) => name === this.#container)
    return status?.restartCount ?? 0
  }

  /** Tells whether the pod has ended for good: none of its containers will start again. */
  #over(): boolean {
    return this.pod.status?.phase === 'Succeeded' || this.pod.status?.phase === 'Failed'
  }
}

/** The kubelet may find the log a moment later: it says the same while a container is made anew. */
function noLog(doing: string, notice: string): ClusterError {
  return new ClusterError('cluster_no_log', `${doing}: ${notice}`, { transient: true })
}

/**
 * Writes the stamp in UTC with nine digits of fraction, so that stamps compare as text: kubelets leave out trailing
 * zeros.
 */
function sortable(timestamp: string): string {
  const [, seconds, fraction = '', zone] = /^(.{19})(?:\.(\d+))?(.*)$/.exec(timestamp) ?? []
  if (seconds === undefined) return timestamp
  const utc = zone === 'Z' ? seconds : new Date(`${seconds}${zone}`).toISOString().slice(0, 19)
  return `${utc}.${fraction.padEnd(9, '0').slice(0, 9)}Z`
}

const wholeSeconds = (stamp: string) => `${stamp.slice(0, 19)}Z`
