import { describe, expect, it, vi } from 'vitest'
import type { RunningJob } from '../../src/adapters/kubernetes/cron-jobs/port.ts'
import type { ThreadPost } from '../../src/model/post.ts'
import { tellRunning, waitForRunning } from '../../src/runbook/cronjobs/still-running.ts'
import { phaseContext } from './phase-context.ts'

const job = (name: string, more: Partial<RunningJob> = {}): RunningJob => ({
  name,
  createdAt: '2026-01-05T10:00:00Z',
  byHand: false,
  ...more,
})
const [scheduled, byHand] = [job('retry-29000'), job('retry-by-dana', { byHand: true })]

/** What each look at the cluster finds; the last one stays so. */
async function waited(policy: string, looks: readonly (readonly RunningJob[])[], concerns = (_: RunningJob) => true) {
  const [reports, told]: [string[], ThreadPost[]] = [[], []]
  let at = 0
  const context = phaseContext({
    report: async (line) => void reports.push(line),
    tell: async (post) => void told.push(post),
    world: { cluster: { stillRunning: async () => looks[Math.min(at++, looks.length - 1)] ?? [] } },
  })
  const starting = { name: 'retry', policy, doing: 'running retry by hand', concerns }
  const outcome = waitForRunning(context, starting, context.signal).then(
    () => 'goes on',
    (error: unknown) => error,
  )
  return { outcome: await outcome, reports: [...new Set(reports)], told, looks: at }
}

describe('before a Job is started by hand', () => {
  it.each<[string, string, readonly (readonly RunningJob[])[], string, object]>([
    ['nothing runs', 'Forbid', [[]], 'goes on', { reports: [], told: [], looks: 1 }],
    [
      'one runs and ends',
      'Forbid',
      [[scheduled], [scheduled], []],
      'goes on',
      { reports: ['waiting for Job retry-29000 of retry, which still runs (policy Forbid)'], told: [], looks: 3 },
    ],
    ['one runs that somebody started by hand', 'Forbid', [[byHand], []], 'goes on', { told: [], looks: 2 }],
    ['two run, one after the other', 'Forbid', [[scheduled, byHand], [byHand], []], 'goes on', { looks: 3 }],
    ['one runs that its controller would end', 'Replace', [[scheduled], []], 'goes on', { told: [], looks: 2 }],
    [
      'one runs, and may',
      'Allow',
      [[scheduled]],
      'goes on',
      {
        reports: [],
        looks: 1,
        told: [{ kind: 'note', text: 'Job retry-29000 of CronJob retry still runs: its policy allows a second one.' }],
      },
    ],
  ])('%s (%s)', async (_, policy, looks, outcome, seen) => {
    const found = await waited(policy, looks)
    expect(found.outcome).toBe(outcome)
    expect(found).toMatchObject(seen)
  })

  it('is refused when one does not end, with what to do, and nothing is started', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: new Date('2026-01-05T10:30:00Z') })
    try {
      const later = () => vi.setSystemTime(Date.now() + 6 * 60_000)
      expect((await waited('Forbid', [[byHand]], () => later() !== undefined)).outcome).toMatchObject({
        code: 'jobs_running',
        message: 'running retry by hand: Job retry-by-dana of retry does not end',
        evidence: [expect.stringMatching(/^retry-by-dana, made 3\dm ago, started by hand$/)],
        hint: expect.stringContaining('kubectl delete job retry-by-dana'),
      })
    } finally {
      vi.useRealTimers()
    }
  })

  it('its own Job, found again after a crash, is not in the way', async () => {
    const own = job('retry-run-42', { byHand: true })
    expect((await waited('Forbid', [[own]], ({ name }) => name !== own.name)).outcome).toBe('goes on')
  })
})

it('what goes on although its CronJob is another one now is said once, and nothing where nothing runs', async () => {
  const told: [ThreadPost, string | undefined][] = []
  const context = phaseContext({ tell: async (post, key) => void told.push([post, key]) })
  await tellRunning(context, 'retry', 'the cluster ends it', [])
  await tellRunning(context, 'retry', 'the cluster ends it', [scheduled, byHand])
  expect(told).toEqual([
    [
      {
        kind: 'note',
        text: 'Job retry-29000, Job retry-by-dana of CronJob retry still run: the cluster ends it.',
      },
      'running-retry-retry-29000-retry-by-dana',
    ],
  ])
})
