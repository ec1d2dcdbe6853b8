import type { LogLine } from '../../adapters/kubernetes/logs/port.ts'
import type { LogGroup } from '../../model/run.ts'
import type { LogCounts, LogPod } from '../../model/watch.ts'
import type { ErrorLine } from '../log-records/error-records.ts'
import { hasProbeMark, isAboutSignatures, isAtTestEvent } from '../log-records/own-probes.ts'
import { fingerprintOf } from '../log-records/fingerprint.ts'
import { type LogRecord, RecordReader } from '../log-records/records.ts'

/*
 * The logs of the pods, joined into records and counted. A record is counted by its kind (a fingerprint) and its pod,
 * and never stored. With every sample it is written down, together, what was counted and how far each pod was read: the
 * worker that goes on after a crash reads again what was not written down, and counts no record twice.
 */

type Group = Omit<LogGroup, 'known'>

/** Kinds of errors that are told apart; whatever comes beyond is counted as one kind. */
const mostKinds = 200
const others = 'others'

/** Beyond this number of errors about signatures they are no longer Purser's own test events. */
const mostInDoubt = 1_000

/** A record whose last line is older than this is taken to be whole: loggers write the lines of one together. */
const wholeAfterMs = 250

interface PodLog {
  readonly reader: RecordReader
  /** The stamp of the newest line that was taken. */
  newest: string
  /** The stamp of the newest line that came before the open record. */
  beforeOpen: string
  /** When the newest line of the open record came, in milliseconds. */
  cameAt: number
  /** Whether the open record was judged as it stands, or other lines were counted behind its first one. */
  settled: boolean
  errors: number
  /** The stamp that was handed out last. */
  written: string
}

/**
 * Counts errors by kind and by pod. It holds only what was not written down yet, and the record of each pod that may
 * still grow. What the service logged about Purser's own test events is left out: whether an error about a signature is such a one
 * is known when it is written down, as whoever posts a test event has announced it by then.
 */
export class ErrorCounter {
  readonly #errorLine: ErrorLine
  readonly #kinds: Set<string>
  readonly #pods = new Map<string, PodLog>()
  /** Records that grew after they were counted count once. */
  readonly #counted = new WeakSet<LogRecord>()
  #groups = new Map<string, { -readonly [K in keyof Group]: Group[K] }>()
  #inDoubt: { readonly pod: string; readonly stamp: string; readonly line: string }[] = []

  constructor(errorLineOf: ErrorLine, pods: readonly LogPod[], groups: readonly Pick<Group, 'fingerprint'>[]) {
    this.#errorLine = errorLineOf
    for (const { pod, stamp } of pods) this.#pods.set(pod, podLog(stamp))
    this.#kinds = new Set(groups.map(({ fingerprint }) => fingerprint))
  }

  take(line: LogLine): void {
    const stamp = sortable(line.timestamp)
    const pod = this.#pods.get(line.pod) ?? podLog('')
    if (stamp <= pod.newest) return
    this.#pods.set(line.pod, pod)
    const before = pod.reader.open
    const complete = pod.reader.take(line.text, stamp)
    const { open } = pod.reader
    for (const record of complete) this.#judge(line.pod, record)
    if (open !== before) {
      pod.beforeOpen = pod.newest
      pod.settled = false
    }
    if (complete.some((record) => record !== before)) pod.settled = true
    if (open !== undefined && (open !== before || complete.length === 0)) pod.cameAt = performance.now()
    pod.newest = stamp
  }

  /** How many errors wait for the times of the test events. */
  get inDoubt(): number {
    return this.#inDoubt.length
  }

  /**
   * Hands out what was counted since the last time. It must be written down, or is lost with the process and read
   * again. A record that may still grow waits for the next time, unless `all` are wanted. `testEvents` are the times at which events
   * were posted that the service had to refuse.
   */
  drain({ all, testEvents }: { readonly all: boolean; readonly testEvents: readonly Date[] }): LogCounts {
    for (const [name, pod] of this.#pods) this.#settle(name, pod, all)
    for (const { pod, stamp, line } of this.#inDoubt)
      if (!isAtTestEvent(stamp, testEvents)) this.#count(pod, stamp, line)
    this.#inDoubt = []
    const pods = [...this.#pods].flatMap(([name, pod]) => drainPod(name, pod))
    const counts = { groups: [...this.#groups.values()], pods }
    this.#groups = new Map()
    return counts
  }

  #settle(name: string, pod: PodLog, all: boolean): void {
    const { open } = pod.reader
    pod.settled ||= all || performance.now() - pod.cameAt >= wholeAfterMs
    // It stays open: a line that still belongs to it may say what it is about.
    if (open !== undefined && pod.settled) this.#judge(name, open)
  }

  #judge(pod: string, record: LogRecord): void {
    if (this.#counted.has(record) || hasProbeMark(record)) return
    const line = this.#errorLine(record)
    if (line === undefined) return
    this.#counted.add(record)
    if (isAboutSignatures(record) && this.#inDoubt.length < mostInDoubt)
      this.#inDoubt.push({ pod, stamp: record.at, line })
    else this.#count(pod, record.at, line)
  }

  #count(pod: string, stamp: string, line: string): void {
    const log = this.#pods.get(pod)
    if (log !== undefined) log.errors += 1
    const own = fingerprintOf(line)
    const fingerprint = this.#kinds.has(own) || this.#kinds.size < mostKinds ? own : others
    this.#kinds.add(fingerprint)
    const group = this.#groups.get(fingerprint)
    if (group === undefined)
      this.#groups.set(fingerprint, { fingerprint, example: line, pod, firstAt: stamp, lastAt: stamp, count: 1 })
    else {
      group.count += 1
      group.lastAt = stamp
    }
  }
}

function drainPod(name: string, pod: PodLog): readonly LogPod[] {
  const { errors } = pod
  const stamp = pod.reader.open === undefined || pod.settled ? pod.newest : pod.beforeOpen
  if (stamp === pod.written && errors === 0) return []
  pod.errors = 0
  pod.written = stamp
  return [{ pod: name, stamp, errors }]
}

function podLog(stamp: string): PodLog {
  const stamps = { newest: stamp, beforeOpen: stamp, written: stamp }
  return { reader: new RecordReader(), ...stamps, cameAt: 0, settled: true, errors: 0 }
}

/** Pads the fraction to nine digits, so that stamps compare as text; kubelets drop trailing zeros. */
function sortable(timestamp: string): string {
  const [, seconds, fraction = ''] = /^(.{19})(?:\.(\d+))?/.exec(timestamp) ?? []
  return seconds === undefined ? timestamp : `${seconds}.${fraction.padEnd(9, '0').slice(0, 9)}Z`
}
