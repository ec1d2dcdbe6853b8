import { pino } from 'pino'
import { expect, it } from 'vitest'
import { JobSystem } from '../../src/jobs/job-system.ts'
import type { OpenQueue, QueueSystem } from '../../src/jobs/queues.ts'
import { deploy, verify } from '../messages/example-runs.ts'

it('runs that only look have a queue and workers of their own, so that no deploy waits for them', async () => {
  const added: string[] = []
  const workers = new Map<string, number>()
  const queues: QueueSystem = {
    store: 'postgres',
    queue: <D extends object>(name: string): OpenQueue<D> => ({
      add: async (data) => void added.push(`${name} ${JSON.stringify(data)}`),
      every: async () => undefined,
    }),
    work: (name, concurrency) => void workers.set(name, concurrency),
    close: async () => undefined,
  }
  const jobs = new JobSystem(queues, pino({ level: 'silent' }))
  await jobs.enqueue(verify, 'verify')
  await jobs.enqueueWanted({ run: 7, kind: 'diagnose', phase: 'diagnose', attempt: 1, epoch: 0 })
  await jobs.enqueueWanted({ run: 8, kind: 'fix', phase: 'diagnose', attempt: 1, epoch: 0 })
  await jobs.enqueue(deploy({ number: 9 }), 'plan')
  expect(added).toEqual([
    `purser-looks {"run":${verify.number},"phase":"verify","attempt":1}`,
    'purser-looks {"run":7,"phase":"diagnose","attempt":1}',
    'purser-phases {"run":8,"phase":"diagnose","attempt":1}',
    'purser-phases {"run":9,"phase":"plan","attempt":1}',
  ])
  jobs.startWorkers({ executor: {} as never, publisher: {} as never, sweep: async () => undefined })
  jobs.stop()
  expect(workers.get('purser-looks')).toBeLessThan(workers.get('purser-phases') ?? 0)
})
