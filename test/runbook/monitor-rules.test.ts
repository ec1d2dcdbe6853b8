import { describe, expect, it } from 'vitest'
import { baselineOf } from '../../src/runbook/monitor/baseline.ts'
import { type Baseline, judge, type Judgement, type Rule, type Watch } from '../../src/runbook/monitor/monitor-rules.ts'

const minute = 60_000

function rule(more: Partial<Rule> = {}): Rule {
  return { name: 'm', title: 'Metric', compare: 'value', noData: 'inconclusive', breaches: 3, ...more }
}

/** A sample each 15 s; a hole where the value is undefined, which another metric's samples show to be one. */
function watch(values: readonly (number | undefined)[], more: Partial<Watch> = {}): Watch {
  const samples = values.flatMap((value, index) => {
    const at = new Date(index * 15_000)
    return [{ metric: 'other', at, value: 0 }, ...(value === undefined ? [] : [{ metric: 'm', at, value }])]
  })
  return { samples, planned: values.length, baseline: new Map<string, Baseline>(), ...more }
}

const against = (value: number, run?: number) => ({ baseline: new Map([['m', { value, run }]]) })
const words = ([one]: readonly Judgement[]) => `${one?.verdict}: ${one?.text}`
const at = (over: boolean, it: Rule, seen: Watch) => words(judge([it], seen, { over }))

describe('while a release is watched', () => {
  it.each<[string, Partial<Rule>, Watch, string]>([
    ['a limit that holds is fine', { atMost: 5 }, watch([1, 5]), 'pass: Metric: 5'],
    ['one sample over it is no breach yet', { atMost: 5 }, watch([1, 6]), 'pass: Metric: 6'],
    [
      'three in a row are',
      { atMost: 5 },
      watch([1, 6, 7, 8]),
      'fail: Metric: 8 (at most 5 allowed), 3 samples in a row',
    ],
    ['three that are not in a row are none', { atMost: 5 }, watch([6, 6, 1, 6]), 'pass: Metric: 6'],
    [
      'as many in a row as the rule says',
      { atMost: 5, breaches: 1 },
      watch([6]),
      'fail: Metric: 6 (at most 5 allowed), 1 samples in a row',
    ],
    [
      'too little is one too',
      { atLeast: 2 },
      watch([1, 1, 1]),
      'fail: Metric: 1 (at least 2 expected), 3 samples in a row',
    ],
    [
      'a growth counts from the beginning: what was there before does not',
      { compare: 'growth', atMost: 0 },
      watch([7, 7, 8, 8, 8]),
      'fail: Metric grew by 1 (at most 0 allowed), 3 samples in a row',
    ],
    [
      'what has to grow may still do so',
      { compare: 'growth', atLeast: 5 },
      watch([7, 7, 7, 7]),
      'pass: Metric grew by 0',
    ],
    [
      'more than so many times the baseline',
      { atMostTimesBaseline: 2 },
      watch([7, 7, 7], against(3)),
      'fail: Metric: 7 (at most 2 × the baseline, 3), 3 samples in a row',
    ],
    [
      'less than so many times an earlier run’s',
      { atLeastTimesBaseline: 0.5 },
      watch([1, 1, 1], against(4, 12)),
      'fail: Metric: 1 (at least 0.5 × the baseline of run #12, 4), 3 samples in a row',
    ],
    [
      'a baseline of nothing has no multiple',
      { atMostTimesBaseline: 2 },
      watch([9, 9, 9], against(0)),
      'pass: Metric: 9',
    ],
    ['without a baseline nothing is compared', { atMostTimesBaseline: 2 }, watch([9, 9, 9]), 'pass: Metric: 9'],
    [
      'a growth is compared by its speed, after a minute',
      { compare: 'growth', atMostTimesBaseline: 2 },
      watch([0, 10, 20, 30, 40, 50, 60], against(10)),
      'fail: Metric grew by 60 (at most 2 × the baseline, 10 per minute), 3 samples in a row',
    ],
    [
      'a hole does not end a row',
      { atMost: 5 },
      watch([6, undefined, 6, undefined, 6]),
      'fail: Metric: 6 (at most 5 allowed), 3 samples in a row',
    ],
    [
      'no data is a breach where the rule says so',
      { noData: 'breach' },
      watch([1, undefined, undefined, undefined]),
      'fail: Metric: 1 (any), 3 samples in a row',
    ],
    ['no data at all is nothing yet', { atMost: 5 }, watch([undefined, undefined]), 'pass: Metric: no data'],
  ])('%s', (_, more, seen, expected) => {
    expect(at(false, rule(more), seen)).toBe(expected)
  })
})

describe('at the end of the watch', () => {
  it.each<[string, Partial<Rule>, Watch, string]>([
    ['a rule that held is met', { atMost: 5 }, watch([1, 2, 3]), 'pass: Metric: 3'],
    [
      'what was seen too seldom has no verdict',
      { atMost: 5 },
      watch([1, undefined, undefined, undefined, undefined]),
      'inconclusive: Metric: 1: only 1 of 5 samples',
    ],
    [
      'what was never seen has none either',
      {},
      watch([undefined, undefined]),
      'inconclusive: Metric: no data: only 0 of 2 samples',
    ],
    [
      'unless the rule does not mind: then it is a warning, as nothing was seen to be good',
      { noData: 'ignore' },
      watch([undefined, undefined]),
      'warn: Metric: no data',
    ],
    [
      'a rule just broken has no verdict',
      { atMost: 5 },
      watch([1, 1, 6, 6]),
      'inconclusive: Metric: 6 (at most 5 allowed), in the last 2 only',
    ],
    [
      'a breach that has passed is a warning',
      { atMost: 5 },
      watch([6, 6, 6, 1]),
      "warn: Metric: 1. For a while it wasn't (at most 5 allowed)",
    ],
    [
      'a breach that stands is a failure',
      { atMost: 5 },
      watch([6, 6, 6]),
      'fail: Metric: 6 (at most 5 allowed), 3 samples in a row',
    ],
    [
      'what should have grown did not',
      { compare: 'growth', atLeast: 5 },
      watch([7, 8, 9]),
      'fail: Metric grew by 2 (at least 5 expected)',
    ],
    [
      'nothing to compare with is a warning',
      { atMostTimesBaseline: 2 },
      watch([1, 1, 1]),
      'warn: Metric: 1: no baseline to compare with',
    ],
  ])('%s', (_, more, seen, expected) => {
    expect(at(true, rule(more), seen)).toBe(expected)
  })
})

describe('the baseline', () => {
  const sample = (run: number, seconds: number, value: number) => ({
    run,
    metric: 'm',
    at: new Date(seconds * 1_000),
    value,
  })
  const of = (compare: Rule['compare'], samples: ReturnType<typeof sample>[]) =>
    baselineOf([rule({ compare })], samples, 9).get('m')

  it('is the mean of what this run sampled before its rollout', () => {
    expect(of('value', [sample(9, 0, 4), sample(9, 90, 8), sample(8, 0, 100)])).toEqual({ value: 6, run: undefined })
  })

  it('is an earlier run’s when this one could sample nothing, and says whose', () => {
    expect(of('value', [sample(7, 0, 4), sample(5, 0, 100)])).toEqual({ value: 4, run: 7 })
  })

  it('of what grows is its speed, which one sample does not tell', () => {
    expect(of('growth', [sample(9, 0, 100), sample(9, 120, 130)])).toEqual({ value: 15, run: undefined })
    expect(of('growth', [sample(9, 0, 100), sample(8, 0, 10), sample(8, minute / 1_000, 12)])).toEqual({
      value: 2,
      run: 8,
    })
    expect(of('growth', [sample(9, 0, 100)])).toBeUndefined()
  })
})
