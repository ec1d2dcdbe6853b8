import type { Logger } from 'pino'
import type { Chat } from '../adapters/slack/port.ts'
import type { PurserConfig } from '../config/purser-yaml.ts'
import { beginWantedRollbacks } from '../jobs/begin-rollback.ts'
import type { PhaseExecutor } from '../jobs/executor.ts'
import type { JobSystem } from '../jobs/job-system.ts'
import type { Places } from '../jobs/places.ts'
import { Publisher } from '../jobs/publisher.ts'
import { reconcile } from '../jobs/reconciler.ts'
import { retention } from '../jobs/retention.ts'
import { tellThatWorkWaits } from '../jobs/queue-away.ts'
import { lockEnded } from '../messages/answers/lock.ts'
import type { World } from '../runbook/world.ts'
import type { BoardStore } from '../store/boards.ts'
import type { StateDatabase } from '../store/database.ts'
import { Sweeps } from '../store/due-work.ts'
import type { LockStore } from '../store/locks.ts'
import { pruneDetails } from '../store/retention.ts'
import type { RunStore } from '../store/runs.ts'

interface WorkerParts {
  readonly config: PurserConfig
  readonly db: StateDatabase
  readonly runs: RunStore
  readonly locks: LockStore
  readonly boards: BoardStore
  readonly chat: Chat
  readonly worldOf: (environment: string) => World
  readonly jobs: JobSystem
  readonly executor: PhaseExecutor
  readonly mask: <T>(value: T) => T
  readonly places: Places
  readonly log: Logger
}

const discardLimitMs = 60_000
const postLimitMs = 10_000

/** Starts what the roles `worker` and `all` do: execute phases, publish boards, reconcile. */
export function startWorkers(parts: WorkerParts): void {
  const { config, db, runs, locks, boards, chat, worldOf, jobs, executor, mask, places, log } = parts
  const publish = (run: number) => jobs.publish(run)
  const rollbacks = {
    runs,
    config,
    publish,
    enqueue: jobs.enqueue.bind(jobs),
    now: () => new Date(),
  }
  const sweeps = new Sweeps(db)
  const publisher = new Publisher({ runs, boards, chat, config, mask, log })
  const prune = retention({
    pruneBatch: () => pruneDetails(db, config.retention.days),
    unlessElsewhere: (what, work) => sweeps.unlessElsewhere(what, work),
    now: () => performance.now(),
    log,
  })
  const sweep = async () => {
    await reconcile({
      runs,
      sweeps,
      config,
      enqueue: (wanted) => jobs.enqueueWanted(wanted),
      publish,
      beginWantedRollbacks: () => beginWantedRollbacks(rollbacks),
      locks,
      tellLockEnded: async (lock) => {
        const message = mask(lockEnded(lock))
        for (const channel of config.environments[lock.environment]?.policy.channels ?? [])
          await chat
            .post(channel, message, {}, AbortSignal.timeout(postLimitMs))
            .catch((error: unknown) => log.warn({ err: error, channel }, 'telling that a lock has ended'))
      },
      discardPrepared: async (run, environment) => {
        const { restores } = worldOf(environment)
        await restores.discard(restores.names(run), AbortSignal.timeout(discardLimitMs))
      },
      places,
      log,
    })
    await prune()
  }
  const tellWaiting = () => tellThatWorkWaits({ sweeps, publisher, log }, 'the queue (Redis) does not answer')
  jobs.startWorkers({ executor, publisher, sweep, places, tellWaiting })
}
