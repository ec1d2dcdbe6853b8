import { describe, expect, it } from 'vitest'
import type { MetricConfig, MonitorConfig } from '../../src/config/service-schema.ts'
import type { Watch } from '../../src/runbook/monitor-rules.ts'
import { brokenRules } from '../../src/runbook/monitor-rules.ts'

const dead: MetricConfig = { name: 'dead', title: 'Dead letters', sql: 'select 1', compare: 'growth', atMost: 0 }
const rate: MetricConfig = {
  name: 'rate',
  title: 'Webhooks',
  sql: 'select 1',
  compare: 'value',
  atLeast: 1,
  atMost: 100,
}
const audit: MetricConfig = { name: 'audit', title: 'Audit entries', sql: 'select 1', compare: 'growth', atLeast: 5 }

function config(...metrics: MetricConfig[]): MonitorConfig {
  return {
    minutes: 30,
    everySeconds: 15,
    metrics,
    logs: { include: [], errors: [], levels: [], maxErrors: 2, windowMinutes: 5, maxErrorsPerMinute: 0 },
    maxRestarts: 0,
  }
}

function watch(values: Record<string, number[]>, more: Partial<Watch> = {}): Watch {
  const samples = Object.entries(values).flatMap(([metric, all]) =>
    all.map((value, at) => ({ metric, value, at: new Date(at * 15_000) })),
  )
  return { samples, errorLines: 0, restarts: 0, ...more }
}

const during = { over: false }
const atTheEnd = { over: true }

describe('while monitoring', () => {
  it.each<[string, MonitorConfig, Watch, string[]]>([
    ['nothing is broken by nothing', config(), watch({}), []],
    ['as many error lines as allowed are allowed', config(), watch({}, { errorLines: 2 }), []],
    ['one more is not', config(), watch({}, { errorLines: 3 }), ['3 error lines in the logs (at most 2 allowed)']],
    ['a restart counts', config(), watch({}, { restarts: 1 }), ['1 container restarts (at most 0 allowed)']],
    ['dead letters from before do not count', config(dead), watch({ dead: [7, 7, 7] }), []],
    [
      'one new dead letter does',
      config(dead),
      watch({ dead: [7, 7, 8] }),
      ['Dead letters grew by 1 (at most 0 allowed)'],
    ],
    ['a growth that went back is none', config(dead), watch({ dead: [7, 9, 7] }), []],
    ['a value is judged as it is now', config(rate), watch({ rate: [0, 500, 40] }), []],
    ['too little', config(rate), watch({ rate: [40, 0] }), ['Webhooks is 0 (at least 1 expected)']],
    ['too much', config(rate), watch({ rate: [40, 101] }), ['Webhooks is 101 (at most 100 allowed)']],
    ['a metric without samples breaks nothing yet', config(rate, dead), watch({}), []],
    ['a growth that is still to come is not missed before the end', config(audit), watch({ audit: [10] }), []],
  ])('%s', (_, rules, seen, broken) => {
    expect(brokenRules(rules, seen, during).map((it) => it.text)).toEqual(broken)
  })

  it('all that is broken is told at once', () => {
    const seen = watch({ dead: [0, 3], rate: [0] }, { errorLines: 9, restarts: 2 })
    expect(brokenRules(config(dead, rate), seen, during).map((it) => it.rule)).toEqual([
      'logs',
      'restarts',
      'metric',
      'metric',
    ])
  })
})

describe('at the end of the watch', () => {
  it.each<[string, number[], string[]]>([
    ['a growth must have come', [10, 12], ['Audit entries grew by 2 (at least 5 expected)']],
    ['a growth that has come is well', [10, 15], []],
  ])('%s', (_, values, broken) => {
    expect(brokenRules(config(audit), watch({ audit: values }), atTheEnd).map((it) => it.text)).toEqual(broken)
  })
})
