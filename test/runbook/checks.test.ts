import { describe, expect, it } from 'vitest'
import { check } from '../../src/runbook/verify/checks.ts'
import { limitsOf, totalOf, withinLimits } from '../../src/runbook/verify/query-checks.ts'

describe('the number of an answer', () => {
  it.each<[string, string[], (string | null)[][], number | undefined]>([
    ['is the one number', ['count'], [['12']], 12],
    [
      'is the sum of grouped counts',
      ['count', 'processed'],
      [
        ['12', 't'],
        ['3', 'f'],
      ],
      15,
    ],
    ['is found by name wherever it stands', ['id', 'count'], [['900', '2']], 2],
    ['is the first column of numbers when none is called count', ['status', 'total'], [['open', '4']], 4],
    ['is 0 without rows', ['count'], [], 0],
    ['may be negative and broken', ['delta'], [['-1.5']], -1.5],
    ['may be so great that Postgres writes it short', ['total'], [['1e+21']], 1e21],
    ['is unknown in text', ['name'], [['webhook']], undefined],
    ['is unknown when count is no number', ['count'], [['many']], undefined],
    ['is unknown when it is null: nothing was measured', ['count'], [[null]], undefined],
    ['is unknown when it is NaN', ['avg'], [['NaN']], undefined],
  ])('%s', (_, columns, rows, total) => {
    expect(totalOf({ columns, rows })).toBe(total)
  })
})

describe('limits', () => {
  it.each([
    [5, {}, 'pass', 'any'],
    [5, { atMost: 5 }, 'pass', '≤ 5'],
    [6, { atMost: 5 }, 'fail', '≤ 5'],
    [1, { atLeast: 1 }, 'pass', '≥ 1'],
    [0, { atLeast: 1, atMost: 5 }, 'fail', '≥ 1, ≤ 5'],
    [0, { atMost: 0 }, 'pass', '≤ 0'],
    [undefined, { atMost: 0 }, 'unknown', '≤ 0'],
    [Number.NaN, { atMost: 0 }, 'unknown', '≤ 0'],
  ] as const)('%s within %j: %s, told as %s', (value, limits, verdict, words) => {
    expect([withinLimits(value, limits), limitsOf(limits)]).toEqual([verdict, words])
  })
})

describe('a check', () => {
  const about = { name: 'health', title: 'Health URL', threshold: '200' }

  it('tells what was found, and how long it took', async () => {
    const found = await check(about, AbortSignal.timeout(1_000), async () => ({ verdict: 'pass', value: '200' }))
    expect(found).toEqual({ ...about, verdict: 'pass', value: '200', milliseconds: expect.any(Number) })
  })

  it('that cannot look is unknown, never a pass, and says why', async () => {
    const found = await check(about, AbortSignal.timeout(1_000), () => Promise.reject(new Error('no answer')))
    expect(found).toMatchObject({ verdict: 'unknown', value: 'no answer' })
  })

  it('listens by itself, so that many side by side are no leak', async () => {
    const warnings: Error[] = []
    const warned = (warning: Error) => void warnings.push(warning)
    process.on('warning', warned)
    const { signal } = new AbortController()
    const checks = Array.from({ length: 30 }, () =>
      check(about, signal, async () => {
        // Node warns in a later turn of its loop.
        await new Promise((resolve) => setImmediate(resolve))
        return { verdict: 'pass', value: '200' }
      }),
    )
    await Promise.all(checks)
    process.off('warning', warned)
    expect(warnings).toEqual([])
  })

  it('ends when its run is stopped', async () => {
    const stopped = AbortSignal.abort(new Error('cancelled'))
    await expect(check(about, stopped, () => Promise.reject(new Error('no answer')))).rejects.toThrow('cancelled')
  })
})
