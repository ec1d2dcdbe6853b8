import { describe, expect, it } from 'vitest'
import { type CronFacts, cronHealth } from '../../src/runbook/cronjobs/cron-health.ts'

const now = new Date('2026-03-10T11:17:00Z')

function job(more: Partial<CronFacts> = {}): CronFacts {
  return {
    schedule: '*/5 * * * *',
    timeZone: undefined,
    startingDeadlineSeconds: undefined,
    suspended: false,
    createdAt: '2026-03-01T00:00:00Z',
    lastScheduleTime: '2026-03-10T11:15:00Z',
    lastSuccessfulTime: '2026-03-10T11:15:04Z',
    active: 0,
    ...more,
  }
}

const never = { lastScheduleTime: undefined, lastSuccessfulTime: undefined }

describe('a CronJob is on schedule', () => {
  it.each<[string, Partial<CronFacts>, string, string]>([
    [
      'when its last success is within two periods',
      { lastSuccessfulTime: '2026-03-10T11:10:03Z' },
      'pass',
      '*/5 * * * *: last success 11:10 UTC, next at 11:20 UTC',
    ],
    [
      'not when it is older, even though runs are started',
      { lastSuccessfulTime: '2026-03-10T11:05:03Z' },
      'fail',
      '*/5 * * * *: no success since 11:05 UTC, 2 runs were due. The last one started at 11:15 UTC',
    ],
    [
      'not when none is started any more',
      { lastScheduleTime: '2026-03-10T10:00:00Z', lastSuccessfulTime: '2026-03-10T10:00:04Z' },
      'fail',
      '*/5 * * * *: no success since 10:00 UTC, 15 runs were due. None started since 10:00 UTC',
    ],
    [
      'not when so many were missed that the controller gives up',
      { lastScheduleTime: '2026-03-09T22:00:00Z', lastSuccessfulTime: '2026-03-09T22:00:04Z' },
      'fail',
      'more than 100 runs were due. None started since 2026-03-09 22:00 UTC. With so many missed',
    ],
    [
      'not when it is suspended, whatever it did before',
      { suspended: true },
      'fail',
      '*/5 * * * *: suspended, last success 11:15 UTC',
    ],
    [
      'perhaps, when it is so new that its first run is not due yet',
      { ...never, createdAt: '2026-03-10T11:16:00Z' },
      'warn',
      '*/5 * * * *: first run not due yet, next at 11:20 UTC',
    ],
    [
      'perhaps, while its first run is under way',
      { ...never, createdAt: '2026-03-10T11:12:00Z', lastScheduleTime: '2026-03-10T11:15:00Z', active: 1 },
      'warn',
      'its first run is under way',
    ],
    [
      'not when its first run has failed',
      { ...never, createdAt: '2026-03-10T11:12:00Z', lastScheduleTime: '2026-03-10T11:15:00Z' },
      'fail',
      'never succeeded, 1 run was due. The last one started at 11:15 UTC',
    ],
    [
      'by the clock of its own time zone',
      {
        schedule: '30 6 * * *',
        timeZone: 'America/New_York',
        lastScheduleTime: '2026-03-09T10:30:00Z',
        lastSuccessfulTime: '2026-03-09T10:31:00Z',
      },
      'pass',
      // New York has just put its clocks forward: 6:30 there is 10:30 UTC, not 11:30.
      '30 6 * * * America/New_York: last success 2026-03-09 10:31 UTC, next at 2026-03-11 10:30 UTC',
    ],
    [
      'by a day of the month or a day of the week, as cron means both',
      {
        schedule: '0 3 1 * 2',
        lastScheduleTime: '2026-03-03T03:00:00Z',
        lastSuccessfulTime: '2026-03-03T03:00:10Z',
      },
      'pass',
      'next at 2026-03-17 03:00 UTC',
    ],
    ['unknown when the schedule cannot be read', { schedule: '@every 5m' }, 'unknown', 'cannot be read'],
  ])('%s', (_, more, verdict, words) => {
    const health = cronHealth(job(more), now, { known: true, suspended: false })
    expect(health.verdict).toBe(verdict)
    expect(health.value).toContain(words)
  })
})

describe('a CronJob rests', () => {
  const rests = { known: true, suspended: true } as const
  const unknown = { known: false, why: 'the repository does not answer' } as const

  it.each<[string, Partial<CronFacts>, Parameters<typeof cronHealth>[2], string, string]>([
    [
      'as its manifest wants',
      { suspended: true },
      rests,
      'pass',
      '*/5 * * * *: suspended by its manifest, last success 11:15 UTC',
    ],
    [
      'as its manifest wants, although it never ran',
      { ...never, suspended: true },
      rests,
      'pass',
      'suspended by its manifest, last success never',
    ],
    [
      'not, although its manifest wants it to',
      {},
      rests,
      'fail',
      '*/5 * * * *: active, but its manifest suspends it, last success 11:15 UTC',
    ],
    [
      'for a reason that cannot be told',
      { suspended: true },
      unknown,
      'unknown',
      "suspended, last success 11:15 UTC. Couldn't check its manifest: the repository does not answer",
    ],
    ['against its manifest', { suspended: true }, { known: true, suspended: false }, 'fail', 'suspended, last success'],
    ['not, and nobody has to know what its manifest wants', {}, unknown, 'pass', 'last success 11:15 UTC'],
  ])('%s', (_, more, wanted, verdict, words) => {
    const health = cronHealth(job(more), now, wanted)
    expect(health.verdict).toBe(verdict)
    expect(health.value).toContain(words)
  })
})

describe('a CronJob at the change to summer time', () => {
  const nightly = job({
    schedule: '30 2 * * *',
    timeZone: 'Europe/Berlin',
    lastScheduleTime: '2026-03-28T01:30:00Z',
    lastSuccessfulTime: '2026-03-28T01:31:00Z',
  })

  it('misses nothing at a time of day that does not exist: the controller starts nothing then', () => {
    expect(cronHealth(nightly, new Date('2026-03-30T00:40:00Z'), { known: true, suspended: false })).toEqual({
      verdict: 'pass',
      value: '30 2 * * * Europe/Berlin: last success 2026-03-28 01:31 UTC, next at 2026-03-31 00:30 UTC',
    })
  })

  it('counts the runs of the days after it', () => {
    expect(cronHealth(nightly, new Date('2026-03-31T20:00:00Z'), { known: true, suspended: false })).toMatchObject({
      verdict: 'fail',
      value: expect.stringContaining('2 runs were due') as unknown,
    })
  })
})
