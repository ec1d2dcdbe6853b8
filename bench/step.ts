import { Queue, Worker } from 'bullmq'
import { RecordedSteps } from '../src/jobs/recorded-steps.ts'
import { openStores } from '../test/store/stores.ts'
import { startTestRedis } from '../test/support/redis.ts'
import { type Result, timed } from './measure.ts'

const warmUp = 20
const never = new AbortController().signal

/** What recording a step of a phase costs, beside what it is instead of: a job of its own for each step, on BullMQ as it comes. */
export async function measureStep(runs: number): Promise<Result> {
  return {
    what: 'one step that does nothing',
    rival: { name: 'a bare BullMQ hop on Redis', milliseconds: await bareHops(runs) },
    ours: { name: 'begun and finished in the state database', milliseconds: await recordedSteps(runs) },
    runs,
  }
}

async function recordedSteps(runs: number): Promise<number[]> {
  const stores = await openStores()
  try {
    await stores.reset()
    const steps = new RecordedSteps(await stores.under('preflight'), stores.phases)
    const times: number[] = []
    for (let at = 0; at < runs + warmUp; at += 1)
      times.push(await timed(() => steps.run(`step ${at}`, async () => undefined, never)))
    return times.slice(warmUp)
  } finally {
    await stores.close()
  }
}

/** From `add` to the first line of the handler. */
async function bareHops(runs: number): Promise<number[]> {
  const redis = await startTestRedis()
  const { hostname: host, port } = new URL(redis.url)
  const connection = { host, port: Number(port), maxRetriesPerRequest: null }
  const arrivals = new Map<number, () => void>()
  const queue = new Queue<{ at: number }>('bare', { connection })
  const worker = new Worker<{ at: number }>('bare', async ({ data }) => arrivals.get(data.at)?.(), { connection })
  try {
    await worker.waitUntilReady()
    const times: number[] = []
    for (let at = 0; at < runs + warmUp; at += 1) {
      const arrived = new Promise<void>((resolve) => arrivals.set(at, resolve))
      times.push(
        await timed(async () => {
          await queue.add('hop', { at })
          await arrived
        }),
      )
    }
    return times.slice(warmUp)
  } finally {
    await worker.close()
    await queue.close()
    await redis.close()
  }
}
