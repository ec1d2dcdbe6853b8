import { describe, expect, it } from 'vitest'
import { ClusterError } from '../../src/adapters/kubernetes/api/errors.ts'
import { backoffMs, failureOf, verdictOn } from '../../src/jobs/failures.ts'
import { CheckFailed, PlanOutdated } from '../../src/runbook/errors.ts'
import { FencedOut, type StopCode, Stopped, TransitionRefused } from '../../src/model/errors.ts'

const living = new AbortController().signal
const stoppedBy = (code: StopCode) => AbortSignal.abort(new Stopped(code, `stopped: ${code}`))
const passing = new ClusterError('cluster_unreachable', 'reading pods', { transient: true })
const coded = (code: string, message = 'trouble') => Object.assign(new Error(message), { code })

describe('what becomes of a phase', () => {
  it.each<[string, unknown, AbortSignal, number, string]>([
    ['a check that says no', new CheckFailed('e2e_failed', 'e2e exited with 1'), living, 0, 'fail'],
    ['an outdated plan', new PlanOutdated([{ now: 'the tag moved' }]), living, 0, 'replan'],
    ['a phase that another worker owns', new FencedOut(42, 'migrate', 3), living, 0, 'fenced'],
    ['a temporary error', passing, living, 0, 'retry'],
    ['a temporary error for the fifth time', passing, living, 4, 'retry'],
    ['a temporary error that stays', passing, living, 5, 'fail'],
    ['a fault of Purser', new TypeError('x is not a function'), living, 0, 'fail'],
    ['something that is no error', 'a string', living, 0, 'fail'],
    ['a lost connection', coded('ECONNRESET'), living, 0, 'retry'],
    ['a refused connection', coded('ECONNREFUSED'), living, 0, 'retry'],
    ['no route', coded('EHOSTUNREACH'), living, 0, 'retry'],
    ['a name that cannot be resolved for now', coded('EAI_AGAIN'), living, 0, 'retry'],
    ['a state database that restarts', coded('57P01'), living, 0, 'retry'],
    ['a state database without a free connection', coded('53300'), living, 0, 'retry'],
    ['a deadlock, which Postgres ended', coded('40P01'), living, 0, 'retry'],
    ['a broken connection', coded('08006'), living, 0, 'retry'],
    ['a connection that pg lost', new Error('Connection terminated unexpectedly'), living, 0, 'retry'],
    [
      'a pool that gave no connection in time',
      new Error('timeout exceeded when trying to connect'),
      living,
      0,
      'retry',
    ],
    ['a lost connection that stays lost', coded('ECONNRESET'), living, 5, 'fail'],
    ['a wrong statement', coded('42P01', 'relation "runs" does not exist'), living, 0, 'fail'],
    ['a cancelled run', new Error('aborted'), stoppedBy('cancelled'), 0, 'cancelled'],
    ['a process that shuts down', new Error('aborted'), stoppedBy('shutdown'), 0, 'requeue'],
    ['a worker that found out it was replaced', new Error('aborted'), stoppedBy('fenced'), 0, 'fenced'],
    ['a worker without contact to the state database', passing, stoppedBy('lost_contact'), 0, 'fenced'],
    ['a phase that takes too long', passing, stoppedBy('time_limit'), 0, 'fail'],
    [
      'a check that says no because it was stopped',
      new CheckFailed('probe_refused', 'x'),
      stoppedBy('cancelled'),
      0,
      'cancelled',
    ],
    ['a stop that was thrown', new Stopped('shutdown', 'bye'), living, 0, 'requeue'],
  ])('%s', (_, error, signal, transientFailures, verdict) => {
    expect(verdictOn(error, signal, transientFailures)).toBe(verdict)
  })

  it('waits longer each time before it tries again', () => {
    expect([0, 1, 2, 3, 4, 5, 50].map(backoffMs)).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 16_000, 16_000])
  })
})

describe('what people are told', () => {
  it('is the error with its evidence and what can be done', () => {
    const error = new CheckFailed('e2e_failed', 'e2e exited with 1', { evidence: ['✗ pays'], hint: 'Roll back.' })
    expect(failureOf(error, living)).toEqual({
      code: 'e2e_failed',
      message: 'e2e exited with 1',
      evidence: ['✗ pays'],
      hint: 'Roll back.',
    })
  })

  it('has no hint where there is none', () => {
    const refused = new TransitionRefused(1, { reason: 'wrong_status', status: 'planned' })
    expect(failureOf(refused, living)).toEqual({
      code: 'wrong_status',
      message: 'run #1 refused it: wrong_status planned',
      evidence: [],
    })
  })

  it('is why it was stopped, not what the stopping broke', () => {
    expect(failureOf(new Error('socket hang up'), stoppedBy('time_limit'))).toMatchObject({
      message: 'stopped: time_limit',
    })
  })

  it('admits a fault of Purser, with the place where it happened', () => {
    const failure = failureOf(new TypeError('x is not a function'), living)
    expect(failure).toMatchObject({ code: 'unexpected', message: 'x is not a function' })
    expect(failure.hint).toContain('bug in Purser')
    expect(failure.evidence.join('\n')).toContain('failures.test.ts')
    expect(failureOf('a string', living)).toMatchObject({ message: 'a string', evidence: [] })
  })
})

it.each([
  ['ENOSPC', 'own_disk_full'],
  ['EDQUOT', 'own_disk_full'],
  ['EROFS', 'own_disk_read_only'],
])("a disk that answers %s is named, with what to do, and is no fault of Purser's", (code, told) => {
  const failure = failureOf(coded(code, `${code}: write`), living)
  expect(failure).toMatchObject({ code: told, message: `writing to Purser's own disk: ${code}: write` })
  expect(failure.hint).toContain('retry the phase')
})
