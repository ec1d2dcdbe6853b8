import type { Logger } from 'pino'
import { isReadOnly, type PhaseName } from '../model/kinds.ts'
import type { Run } from '../model/run.ts'
import type { WantedPhase } from '../store/due-work.ts'
import type { PhaseExecutor, PhaseJob } from './executor.ts'
import type { Publisher, PublishJob } from './publisher.ts'
import type { OpenQueue, QueueSystem } from './queues.ts'

const sweepEveryMs = 3_000
/** The interval at which every worker process looks for due work by itself too. */
const ownSweepMs = 10_000
const phasesAtOnce = 4
/** Beside the others, so that nobody's looking keeps a deploy or a rollback waiting. */
const looksAtOnce = 2
const boardsAtOnce = 4

/** The four queues by name: phases that change something, phases of runs that only look, runs to publish, the sweep. */
export class JobSystem {
  readonly #queues: QueueSystem
  readonly #phases: OpenQueue<PhaseJob>
  readonly #looks: OpenQueue<PhaseJob>
  readonly #publish: OpenQueue<PublishJob>
  readonly #sweep: OpenQueue<Record<string, never>>
  readonly #log: Logger
  #ticking: NodeJS.Timeout | undefined

  constructor(queues: QueueSystem, log: Logger) {
    this.#queues = queues
    this.#phases = queues.queue('purser-phases')
    this.#looks = queues.queue('purser-looks')
    this.#publish = queues.queue('purser-publish')
    this.#sweep = queues.queue('purser-sweep')
    this.#log = log
  }

  /** Adds the job of a phase. When the store is away this only logs: the reconciler adds it later. */
  async enqueue(run: Run, phase: PhaseName): Promise<void> {
    const state = run.phases.find((one) => one.name === phase)
    if (state === undefined) return
    await this.#unlessAway('phase', () =>
      this.enqueueWanted({ run: run.number, kind: run.kind, phase, attempt: state.attempt, epoch: state.epoch }),
    )
  }

  /** Adds the job of a phase. Its id carries the epoch, so the same want is added once and a new one always. */
  async enqueueWanted(wanted: WantedPhase): Promise<void> {
    const { run, phase, attempt, epoch } = wanted
    const queue = isReadOnly(wanted) ? this.#looks : this.#phases
    await queue.add({ run, phase, attempt }, { jobId: `run-${run}-${phase}-a${attempt}-e${epoch}` })
  }

  /** Marks a run as having news. While its job runs or waits, marks fold into one more run of it. */
  async publish(run: number): Promise<void> {
    await this.#unlessAway('publish', () =>
      this.#publish.add({ run }, { deduplication: { id: `run-${run}`, keepLastIfActive: true } }),
    )
  }

  startWorkers(handlers: {
    readonly executor: PhaseExecutor
    readonly publisher: Publisher
    readonly sweep: () => Promise<void>
  }): void {
    this.#queues.work<PhaseJob>('purser-phases', phasesAtOnce, (job) => handlers.executor.handle(job))
    this.#queues.work<PhaseJob>('purser-looks', looksAtOnce, (job) => handlers.executor.handle(job))
    this.#queues.work<PublishJob>('purser-publish', boardsAtOnce, (job) => handlers.publisher.handle(job))
    this.#queues.work('purser-sweep', 1, () => handlers.sweep())
    const tick = () => {
      // The schedule lives in the queue's store, which may come back empty; and a sweep that needs no queue to be asked
      // for heals one that has lost everything.
      void this.#unlessAway('sweep', () => this.#sweep.every(sweepEveryMs, {}))
      handlers.sweep().catch((error: unknown) => this.#log.warn({ err: error }, 'sweep'))
    }
    tick()
    this.#ticking = setInterval(tick, ownSweepMs)
  }

  stop(): void {
    clearInterval(this.#ticking)
  }

  async #unlessAway(what: string, add: () => Promise<void>): Promise<void> {
    try {
      await add()
    } catch (error) {
      this.#log.warn({ err: error, what }, 'queue store is away, the reconciler adds the job when it is back')
    }
  }
}
