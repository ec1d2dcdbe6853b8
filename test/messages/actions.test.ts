import { describe, expect, it } from 'vitest'
import { actionIds, buttonsFor, readTicket, ticket } from '../../src/messages/board/actions.ts'
import { can, type RunEventType } from '../../src/model/lifecycle.ts'
import type { Run } from '../../src/model/run.ts'
import * as example from './example-runs.ts'
import * as state from './example-states.ts'

const { examples, now } = example
const tomorrow = new Date(now.getTime() + 24 * 3_600_000)

function labels(run: Run, until: Date | undefined = tomorrow): string {
  return buttonsFor(run, now, until)
    .map((button) => `${button.text.text}${button.style === undefined ? '' : ` (${button.style})`}`)
    .join(', ')
}

describe('buttons', () => {
  it.each([
    ['planning', 'Cancel run'],
    ['waiting', 'Approve (primary), Reject…, Details'],
    ['executing', 'Cancel run, Details'],
    ['cancelling', ''],
    ['failed', 'Retry phase (primary), Roll back… (danger), Leave as is'],
    ['left', 'Roll back… (danger)'],
    ['planned', 'Details'],
    ['succeeded', 'Roll back… (danger)'],
    ['rejected', ''],
    ['expired', ''],
    ['cancelled', 'Roll back… (danger)'],
    ['rolled back', ''],
    ['rollback', 'Cancel run, Details'],
    ['verify', 'Verify again'],
    ['diagnose', 'Resume CronJob (primary), Run CronJob now, Diagnose again'],
    ['diagnose webhook', 'Redeploy… (primary), Diagnose again'],
    ['acted on', 'Diagnose again'],
    ['fixed', 'Run CronJob now, Diagnose again'],
  ])('of a run that is %s: %s', (name, expected) => {
    expect(labels(examples[name] as Run)).toBe(expected)
  })

  it('offers no rollback when there is nothing to put back', () => {
    expect(labels({ ...example.failed, hasEffects: false })).toBe('Retry phase (primary), Leave as is')
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
    expect(labels({ ...example.rollback, status: 'failed', hasEffects: true })).toBe(
      'Retry phase (primary), Leave as is',
    )
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

  it('are red only for what destroys, and ask again before they stop a run', () => {
    const runs = [...Object.values(examples), state.watched, state.breached]
    const all = runs.flatMap((run) => buttonsFor(run, now, tomorrow))
    const red = all.filter((button) => button.style === 'danger' || button.confirm?.style === 'danger')
    expect(new Set(red.map((button) => button.action_id))).toEqual(new Set([actionIds.rollBack]))
    const stops = buttonsFor(example.executing, now, tomorrow).filter((it) => it.action_id === actionIds.cancel)
    expect(stops.map((button) => button.confirm?.confirm?.text)).toEqual(['Cancel run'])
  })

  it('while monitoring offer one way to stop: never none, never two', () => {
    expect(labels(state.watched)).toBe('End monitoring now, Cancel run, Details')
    expect(labels(state.breached)).toBe('Roll back… (danger), Keep monitoring, Stop and fail, Details')
    expect(labels(state.keptWatching)).toBe('Roll back… (danger), Stop and fail, Details')
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
