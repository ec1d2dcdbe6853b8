import { expect, it } from 'vitest'
import { benchOptions } from '../../bench/options.ts'

it('measures everything unless told, and only copies of the database when a size is asked for', () => {
  expect(benchOptions([])).toMatchObject({ quick: false, copiesOnly: false, events: 150_000, runs: 3 })
  expect(benchOptions(['--size', '1.67MB', '--runs', '5'])).toMatchObject({ copiesOnly: true, events: 1_000, runs: 5 })
})

it('measures only how long people wait when that is asked for, in the quick form too', () => {
  expect(benchOptions(['--latency'])).toMatchObject({ latencyOnly: true, latency: { rounds: 500 } })
  expect(benchOptions(['--latency', '--quick'])).toMatchObject({ latencyOnly: true, latency: { rounds: 10 } })
  expect(benchOptions([])).toMatchObject({ latencyOnly: false })
})

it('runs every benchmark in the quick form, once', () => {
  expect(benchOptions(['--quick'])).toMatchObject({
    quick: true,
    copiesOnly: false,
    runs: 1,
    countRuns: 1,
    verifyRuns: 1,
  })
})

it.each([
  [['--fast'], "Unknown option '--fast'"],
  [['quick'], "Unexpected argument 'quick'"],
  [['--size', '5'], '--size 5: must be a number with MB or GB, as in 1GB'],
  [['--runs', '0'], '--runs 0: must be a number from 1 on'],
  [['--quick', '--runs', '5'], '--quick has its own size and number of runs'],
])('answers %j with one message', (argv, message) => {
  expect(() => benchOptions(argv)).toThrow(new Error(message))
})
