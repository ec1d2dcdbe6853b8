import type { Logger } from 'pino'
import type { PhaseName } from '../model/kinds.ts'
import type { Run } from '../model/run.ts'
import type { WantedPhase } from '../store/due-work.ts'
import type { PhaseExecutor, PhaseJob } from './executor.ts'
import { type Places, priorityOf, type Room, roomOf } from './places.ts'
import type { Publisher, PublishJob } from './publisher.ts'
import type { OpenQueue, QueueSystem } from './queues.ts'

const sweepEveryMs = 3_000
/** The interval at which every worker process looks for due work by itself too. */
const ownSweepMs = 10_000
/** The same while the queue's store is away: what waits must go on soon after it is back. */
const awaySweepMs = 2_000
/** After a failure the store is not asked again for so long: many jobs would each wait for its time limit. */
const restMs = 1_000
const boardsAtOnce = 4
/** So many jobs that have ended are remembered by name. */
const mostEnded = 50

interface Handlers {
  readonly executor: Pick<PhaseExecutor, 'handle'>
  readonly publisher: Pick<Publisher, 'handle'>
  readonly sweep: () => Promise<void>
  readonly places: Places
  /** Says on the boards that work waits for the queue, without the queue. */
  readonly tellWaiting: () => Promise<void>
}

/** A queue for each room, so that no watch, look or test keeps a deploy or a rollback waiting. */
const rooms = {
  heavy: 'heavy',
  phases: 'phases',
  looks: 'looks',
  watches: 'watches',
} as const satisfies Readonly<Record<Room, string>>

/** The queues by name: phases by their room, runs to publish, the sweep. */
export class JobSystem {
  readonly #queues: QueueSystem
  readonly #rooms: Readonly<Record<Room, OpenQueue<PhaseJob>>>
  readonly #publish: OpenQueue<PublishJob>
  readonly #sweep: OpenQueue<Record<string, never>>
  readonly #log: Logger
  #ticking: NodeJS.Timeout | undefined
  #tick: Promise<void> = Promise.resolve()
  #isClosing = false
  /** When the store refused an addition, on the monotonic clock; undefined since it took one. */
  #refusedAt: number | undefined
  readonly #underWay = new Set<string>()
  #ended: string[] = []

  constructor(queues: QueueSystem, log: Logger) {
    this.#queues = queues
    this.#rooms = {
      heavy: queues.queue(rooms.heavy),
      phases: queues.queue(rooms.phases),
      looks: queues.queue(rooms.looks),
      watches: queues.queue(rooms.watches),
    }
    this.#publish = queues.queue('publish')
    this.#sweep = queues.queue('sweep')
    this.#log = log
  }

  /** Adds the job of a phase. When the store is away this only logs: the reconciler adds it later. */
  async enqueue(run: Run, phase: PhaseName): Promise<void> {
    const state = run.phases.find((one) => one.name === phase)
    if (state === undefined) return
    await this.enqueueWanted({ run: run.number, kind: run.kind, phase, attempt: state.attempt, epoch: state.epoch })
  }

  /**
   * Adds the job of a phase. Its id carries the epoch, so the same want is added once and a new one always. When the
   * store is away this only logs.
   */
  async enqueueWanted(wanted: WantedPhase): Promise<void> {
    const { run, phase, attempt, epoch } = wanted
    const options = { jobId: `run-${run}-${phase}-a${attempt}-e${epoch}`, priority: priorityOf(wanted) }
    await this.#unlessAway('phase', () => this.#rooms[roomOf(wanted)].add({ run, phase, attempt }, options))
  }

  /** Marks a run as having news. While its job runs or waits, marks fold into one more run of it. */
  async publish(run: number): Promise<void> {
    await this.#unlessAway('publish', () =>
      this.#publish.add({ run }, { deduplication: { id: `run-${run}`, keepLastIfActive: true } }),
    )
  }

  startWorkers(handlers: Handlers): void {
    const { executor, places } = handlers
    for (const room of Object.keys(rooms) as Room[])
      this.#queues.work<PhaseJob>(rooms[room], places[room], (job) =>
        this.#noting(`run ${job.data.run} ${job.data.phase}`, () => executor.handle(job)),
      )
    this.#queues.work<PublishJob>('publish', boardsAtOnce, (job) =>
      this.#noting(`run ${job.data.run} board`, () => handlers.publisher.handle(job)),
    )
    this.#queues.work('sweep', 1, () => this.#noting('sweep', handlers.sweep))
    const tick = () => {
      this.#tick = this.#ownSweep(handlers).finally(() => {
        if (this.#isClosing) return
        this.#ticking = setTimeout(tick, this.#refusedAt === undefined ? ownSweepMs : awaySweepMs)
      })
    }
    tick()
  }

  /** Takes nothing more and waits for what is under way; jobs can still be added. */
  async stop(): Promise<void> {
    this.#isClosing = true
    clearTimeout(this.#ticking)
    await Promise.all([this.#tick, this.#queues.stopWorking()])
  }

  /**
   * The schedule lives in the queue's store, which may come back empty; and a sweep that needs no queue to be asked for
   * heals one that has lost everything.
   */
  async #ownSweep({ sweep, tellWaiting }: Handlers): Promise<void> {
    this.#refusedAt = undefined
    try {
      await this.#unlessAway('sweep', () => this.#sweep.every(sweepEveryMs, {}))
      await sweep()
      if (this.#refusedAt !== undefined) await tellWaiting()
    } catch (error) {
      this.#log.warn({ err: error }, 'sweep')
    }
  }

  /** The jobs that ran since this was asked last. */
  ran(): readonly string[] {
    const ended = this.#ended
    this.#ended = []
    return [...new Set([...ended, ...this.#underWay])]
  }

  async #noting(what: string, work: () => Promise<void>): Promise<void> {
    this.#underWay.add(what)
    try {
      await work()
    } finally {
      this.#underWay.delete(what)
      this.#ended = [...this.#ended.slice(1 - mostEnded), what]
    }
  }

  async #unlessAway(what: string, add: () => Promise<void>): Promise<void> {
    if (this.#refusedAt !== undefined && performance.now() - this.#refusedAt < restMs) return
    try {
      await add()
      this.#refusedAt = undefined
    } catch (error) {
      this.#refusedAt = performance.now()
      this.#log.warn({ err: error, what }, 'queue store is away, the reconciler adds the job when it is back')
    }
  }
}
