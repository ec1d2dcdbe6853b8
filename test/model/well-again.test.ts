import { expect, it } from 'vitest'
import type { Check, Verdict } from '../../src/model/run.ts'
import { comparedWith, worseLines } from '../../src/model/well-again.ts'

const check = (name: string, verdict: Verdict, value: string = verdict): Check => ({
  name,
  title: name.toUpperCase(),
  verdict,
  value,
  threshold: 'none',
  milliseconds: 1,
})
const none = () => undefined

it.each(['fail', 'unknown', 'inconclusive', 'warn'] as const)(
  'what passed before and is %s now is worse',
  (verdict) => {
    const { worse, again } = comparedWith(
      [check('a', 'pass'), check('b', 'pass')],
      [check('a', verdict), check('b', 'pass')],
      none,
    )
    expect(worse.map((one) => one.check.name)).toEqual(['a'])
    expect(again).toBe(1)
  },
)

it('what did not pass before need not pass now, and a check that is new is no worse', () => {
  const after = [check('a', 'fail'), check('new', 'fail')]
  expect(comparedWith([check('a', 'unknown')], after, none)).toEqual({ worse: [], excused: [], again: 0 })
})

it('what was approved excuses a check, with its reason', () => {
  const { worse, excused } = comparedWith([check('a', 'pass')], [check('a', 'fail')], () => 'the plan deletes it')
  expect(worse).toEqual([])
  expect(excused).toMatchObject([{ check: { name: 'a' }, because: 'the plan deletes it' }])
})

it('the evidence has what was seen before and what is seen now', () => {
  const { worse } = comparedWith([check('a', 'pass', '3 rows')], [check('a', 'unknown', 'no such table')], none)
  expect(worseLines(worse)).toEqual(["A: couldn't be checked (no such table). Before: passed (3 rows)"])
})
