import { pino } from 'pino'
import { expect, it, onTestFinished, vi } from 'vitest'
import { JobSystem } from '../../src/jobs/job-system.ts'
import { openQueues } from '../../src/jobs/queues.ts'
import { redisFrom } from '../support/redis.ts'
import type { WantedPhase } from '../../src/store/due-work.ts'

const defaultPlaces = { heavy: 4, phases: 32, looks: 4, watches: 250 }
const log = pino({ level: 'silent' })
const wanted = (run: number, more: Pick<WantedPhase, 'kind' | 'phase'>): WantedPhase => ({
  run,
  attempt: 1,
  epoch: 0,
  ...more,
})

/** What must hold on either store: who comes first, and what keeps nobody waiting. */
export function priorities(databaseOfRoom: () => Promise<string>, redisUrlOfRoom: () => string | undefined): void {
  async function system(places = defaultPlaces) {
    const stateDatabaseUrl = await databaseOfRoom()
    const url = redisUrlOfRoom()
    const redis = url === undefined ? undefined : redisFrom({ REDIS_URL: url })
    const queues = await openQueues({ redis, stateDatabaseUrl, owner: 'purser-priorities', log })
    const jobs = new JobSystem(queues, log)
    const taken: number[] = []
    const held = new Map<number, () => void>()
    const start = (holds: (run: number) => boolean) =>
      jobs.startWorkers({
        executor: {
          handle: async ({ data }: { readonly data: { readonly run: number } }) => {
            taken.push(data.run)
            if (holds(data.run)) await new Promise<void>((resolve) => held.set(data.run, resolve))
          },
        },
        publisher: { handle: async () => undefined },
        sweep: async () => undefined,
        tellWaiting: async () => undefined,
        places,
      })
    onTestFinished(async () => {
      const stopped = jobs.stop()
      for (const release of held.values()) release()
      await stopped
      await queues.close()
    })
    return { jobs, taken, start, release: (run: number) => held.get(run)?.() }
  }

  it('lets a rollback pass what was decided, and that pass the plans that came before', async () => {
    const { jobs, taken, start } = await system({ ...defaultPlaces, phases: 1 })
    for (let run = 1; run <= 40; run += 1) await jobs.enqueueWanted(wanted(run, { kind: 'deploy', phase: 'plan' }))
    await jobs.enqueueWanted(wanted(100, { kind: 'deploy', phase: 'rollout' }))
    await jobs.enqueueWanted(wanted(101, { kind: 'rollback', phase: 'undo' }))
    start(() => false)
    await vi.waitFor(() => expect(taken).toHaveLength(42), { timeout: 30_000, interval: 20 })
    expect(taken.slice(0, 2)).toEqual([101, 100])
    expect(taken.slice(2)).toEqual(Array.from({ length: 40 }, (_, at) => at + 1))
  }, 60_000)

  it('begins everything else while a hundred watches and all heavy work are under way', async () => {
    const { jobs, taken, start } = await system()
    for (let run = 1; run <= 100; run += 1) await jobs.enqueueWanted(wanted(run, { kind: 'deploy', phase: 'monitor' }))
    for (let run = 101; run <= 105; run += 1) await jobs.enqueueWanted(wanted(run, { kind: 'deploy', phase: 'e2e' }))
    start((run) => run <= 105)
    // Of five heavy phases the fifth waits for a place.
    await vi.waitFor(() => expect(taken).toHaveLength(104), { timeout: 30_000, interval: 20 })
    await jobs.enqueueWanted(wanted(200, { kind: 'rollback', phase: 'undo' }))
    await jobs.enqueueWanted(wanted(201, { kind: 'deploy', phase: 'plan' }))
    await jobs.enqueueWanted(wanted(202, { kind: 'verify', phase: 'verify' }))
    await vi.waitFor(() => expect(taken.slice(104).sort()).toEqual([200, 201, 202]), { timeout: 30_000, interval: 20 })
  }, 90_000)
}
