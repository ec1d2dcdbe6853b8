import { describe, expect, it } from 'vitest'
import { actionIds, buttonsFor, readTicket, ticket } from '../../src/messages/board/actions.ts'
import { can, type RunEventType } from '../../src/model/lifecycle.ts'
import type { Run } from '../../src/model/run.ts'
import * as example from './example-runs.ts'

const { examples, now } = example
const tomorrow = new Date(now.getTime() + 24 * 3_600_000)

function labels(run: Run, until: Date | undefined = tomorrow): string {
  return buttonsFor(run, now, until)
    .map((button) => `${button.text.text}${button.style === undefined ? '' : ` (${button.style})`}`)
    .join(', ')
}

describe('buttons', () => {
  it.each([
    ['planning', 'Cancel'],
    ['waiting', 'Approve (primary), Reject (danger), Details'],
    ['executing', 'Cancel (danger), Details'],
    ['cancelling', ''],
    ['failed', 'Retry phase (primary), Roll back (danger), Leave it'],
    ['left', 'Roll back (danger)'],
    ['planned', 'Details'],
    ['succeeded', 'Roll back (danger)'],
    ['rejected', ''],
    ['expired', ''],
    ['cancelled', 'Roll back (danger)'],
    ['rolled back', ''],
    ['rollback', 'Cancel (danger), Details'],
    ['verify', 'Run again'],
    ['diagnose', 'Resume it (primary), Run it now, Diagnose again'],
    ['diagnose webhook', 'Deploy again … (primary), Diagnose again'],
    ['acted on', 'Diagnose again'],
    ['fixed', 'Run it now, Diagnose again'],
  ])('of a run that is %s: %s', (name, expected) => {
    expect(labels(examples[name] as Run)).toBe(expected)
  })

  it('offers no rollback when there is nothing to put back', () => {
    expect(labels({ ...example.failed, hasEffects: false })).toBe('Retry phase (primary), Leave it')
    expect(labels({ ...example.succeeded, hasEffects: false })).toBe('')
  })

  it('of a plan that could not be made offer a retry only if that can help, and nothing to leave', () => {
    const failed = (code: string): Run => ({
      ...example.planning,
      status: 'failed',
      startedAt: undefined,
      phases: [example.phase('plan', { status: 'failed', failure: { code, message: 'no', evidence: [] } })],
    })
    expect(labels(failed('unknown_version'))).toBe('')
    expect(labels(failed('image_missing'))).toBe('Plan again (primary)')
  })

  it('takes the rollback button away when its time is over', () => {
    expect(labels(example.succeeded, now)).toBe('')
    expect(buttonsFor(example.succeeded, now, undefined)).toEqual([])
  })

  it('never rolls back a rollback', () => {
    expect(labels({ ...example.rollback, status: 'failed', hasEffects: true })).toBe('Retry phase (primary), Leave it')
  })

  it('offers nothing that the lifecycle would refuse', () => {
    const events: Readonly<Record<string, RunEventType>> = {
      [actionIds.approve]: 'approved',
      [actionIds.reject]: 'rejected',
      [actionIds.retryPhase]: 'retry',
      [actionIds.cancel]: 'cancel',
      [actionIds.leave]: 'leave',
    }
    for (const run of Object.values(examples)) {
      for (const button of buttonsFor(run, now, tomorrow)) {
        const event = events[button.action_id ?? '']
        if (event !== undefined) expect(can(event, run)).toBe(true)
      }
    }
  })

  it('asks again before what ends or stops a run', () => {
    const asking = Object.values(examples).flatMap((run) => buttonsFor(run, now, tomorrow))
    const dangerous = asking.filter((button) => button.style === 'danger' && button.action_id !== actionIds.rollBack)
    expect(dangerous.length).toBeGreaterThan(0)
    expect(dangerous.every((button) => button.confirm?.style === 'danger')).toBe(true)
  })
})

describe('the ticket of a button', () => {
  it('carries the run and the plan that its presser saw', () => {
    expect(readTicket(ticket(example.waiting))).toEqual({ run: 42, plan: 'e'.repeat(64) })
    expect(readTicket(ticket(example.planning))).toEqual({ run: 42, plan: undefined })
  })

  it.each([
    '',
    'null',
    '42',
    '{}',
    '{"run":"42"}',
    '{"run":1.5}',
    '{"run":-1}',
    '{"run":1,"plan":7}',
    '[1]',
    '{"run":1',
  ])('is not read from %j', (value) => {
    expect(readTicket(value)).toBeUndefined()
  })
})
