import { expect, it } from 'vitest'
import { type Outcome, verdictOf } from '../../sandbox/outcomes.ts'

const failed: Outcome = { line: 'deploy v1.3.0-crash', ok: false, why: 'production: failed', ran: true }
const succeeded: Outcome = { line: 'rollback', ok: true, why: 'production: succeeded', ran: true }
const refused: Outcome = { line: 'deploy', ok: false, why: 'Sam may not deploy', ran: false }

it('a play succeeds when every line does', () => {
  expect(verdictOf([succeeded, succeeded], false)).toEqual({
    lines: ['ok     rollback: production: succeeded', 'ok     rollback: production: succeeded'],
    code: 0,
  })
  expect(verdictOf([succeeded, failed], false)).toMatchObject({ code: 1 })
  expect(verdictOf([succeeded, failed], false).lines[1]).toBe('FAILED deploy v1.3.0-crash: production: failed')
})

it('a failure that was expected is told as one, and what follows has to succeed', () => {
  const { lines, code } = verdictOf([failed, succeeded], true)
  expect(lines[0]).toBe('ok     deploy v1.3.0-crash: failed as it should: production: failed')
  expect(code).toBe(0)
  expect(verdictOf([failed, failed], true).code).toBe(1)
})

it('a success where a failure was expected is none', () => {
  const { lines, code } = verdictOf([succeeded], true)
  expect(lines).toEqual(['FAILED rollback: should have failed, and ended: production: succeeded'])
  expect(code).toBe(1)
})

it('what was never run has not failed as it should', () => {
  expect(verdictOf([refused], true)).toMatchObject({ code: 1, lines: [expect.stringContaining('there was none')] })
  expect(verdictOf([], true).code).toBe(1)
})
