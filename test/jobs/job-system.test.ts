import { pino } from 'pino'
import { expect, it } from 'vitest'
import { JobSystem } from '../../src/jobs/job-system.ts'
import type { OpenQueue, QueueSystem } from '../../src/jobs/queues.ts'
import { deploy, verify } from '../messages/example-runs.ts'

it('each room has a queue and workers of its own, so that no deploy waits for looks, watches or tests', async () => {
  const added: string[] = []
  const workers = new Map<string, number>()
  const queues: QueueSystem = {
    store: 'postgres',
    queue: <D extends object>(name: string): OpenQueue<D> => ({
      add: async (data) => void added.push(`${name} ${JSON.stringify(data)}`),
      every: async () => undefined,
    }),
    work: (name, concurrency) => void workers.set(name, concurrency),
    stopWorking: async () => undefined,
    close: async () => undefined,
  }
  const jobs = new JobSystem(queues, pino({ level: 'silent' }))
  await jobs.enqueue(verify, 'verify')
  await jobs.enqueueWanted({ run: 7, kind: 'diagnose', phase: 'diagnose', attempt: 1, epoch: 0 })
  await jobs.enqueueWanted({ run: 8, kind: 'fix', phase: 'diagnose', attempt: 1, epoch: 0 })
  await jobs.enqueue(deploy({ number: 9 }), 'plan')
  await jobs.enqueue(deploy({ number: 9 }), 'e2e')
  await jobs.enqueue(deploy({ number: 9 }), 'monitor')
  expect(added).toEqual([
    `looks {"run":${verify.number},"phase":"verify","attempt":1}`,
    'looks {"run":7,"phase":"diagnose","attempt":1}',
    'phases {"run":8,"phase":"diagnose","attempt":1}',
    'phases {"run":9,"phase":"plan","attempt":1}',
    'heavy {"run":9,"phase":"e2e","attempt":1}',
    'watches {"run":9,"phase":"monitor","attempt":1}',
  ])
  const places = { heavy: 1, phases: 2, looks: 3, watches: 5 }
  jobs.startWorkers({
    executor: {} as never,
    publisher: {} as never,
    sweep: async () => undefined,
    places,
    tellWaiting: async () => undefined,
  })
  await jobs.stop()
  expect(Object.fromEntries(workers)).toMatchObject({
    heavy: 1,
    phases: 2,
    looks: 3,
    watches: 5,
  })
})

it('tells which jobs ran since it was asked last, also those that have ended', async () => {
  const handlers = new Map<string, (job: { readonly data: unknown }) => Promise<void>>()
  const queues: QueueSystem = {
    store: 'postgres',
    queue: () => ({ add: async () => undefined, every: async () => undefined }),
    work: (name, _concurrency, handle) => void handlers.set(name, handle as never),
    stopWorking: async () => undefined,
    close: async () => undefined,
  }
  const jobs = new JobSystem(queues, pino({ level: 'silent' }))
  let end: () => void = () => undefined
  const executor = { handle: () => new Promise<void>((resolve) => void (end = resolve)) }
  const places = { heavy: 1, phases: 1, looks: 1, watches: 1 }
  jobs.startWorkers({
    executor,
    publisher: { handle: async () => undefined },
    sweep: async () => undefined,
    tellWaiting: async () => undefined,
    places,
  })
  await jobs.stop()
  const plan = handlers.get('phases')?.({ data: { run: 7, phase: 'plan', attempt: 1 } })
  await handlers.get('publish')?.({ data: { run: 7 } })
  expect(jobs.ran()).toEqual(['run 7 board', 'run 7 plan'])
  expect(jobs.ran()).toEqual(['run 7 plan'])
  end()
  await plan
  expect(jobs.ran()).toEqual(['run 7 plan'])
  expect(jobs.ran()).toEqual([])
})
