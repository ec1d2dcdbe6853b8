import { describe, expect, it } from 'vitest'
import { rollbackRefusalText, transitionRefusalText } from '../../src/messages/refusals.ts'
import type { TransitionRefusal } from '../../src/model/errors.ts'
import type { Run } from '../../src/model/run.ts'
import type { RollbackRefusal } from '../../src/model/why-not-roll-back.ts'
import { executing } from './example-runs.ts'

describe('a run that does not take what was pressed says why', () => {
  it.each<[TransitionRefusal, string]>([
    [{ reason: 'wrong_status', status: 'awaiting_approval' }, 'run #42: the run is waiting for approval'],
    [{ reason: 'wrong_status', status: 'left' }, 'run #42: the run is failed and left as it is'],
    [{ reason: 'phase_not_under_way', phase: 'migrate' }, 'run #42: migrate is not under way'],
    [{ reason: 'taken_back', by: 43 }, 'run #42: run #43 takes its changes back; deploy again instead'],
    [{ reason: 'no_failed_phase' }, 'run #42: no phase has failed'],
    [{ reason: 'stale_plan' }, 'run #42: the plan has changed since this button was shown'],
    [{ reason: 'already_approved' }, 'run #42: you have already approved this plan'],
    [{ reason: 'not_watched' }, 'run #42: Run #42 is not being watched any more.'],
    [{ reason: 'same_decision' }, 'run #42: That has been decided already.'],
    [
      { reason: 'other_decision', decision: 'stop' },
      'run #42: The watch of run #42 is being ended: somebody stopped it.',
    ],
    [{ reason: 'nothing_broken' }, 'run #42: Nothing has gone wrong in run #42 so far; Finish now ends its watch.'],
    [
      { reason: 'rule_broken' },
      'run #42: A rule has been broken in run #42: roll back, keep watching or stop watching.',
    ],
  ])('%j', (refusal, text) => {
    expect(transitionRefusalText(42, refusal)).toBe(text)
  })
})

describe('a run that cannot be rolled back says why', () => {
  const run: Run = { ...executing, number: 42, environment: 'production' }
  const lock = { environment: 'production', reason: 'audit week', lockedBy: 'UDANA', at: new Date() }
  it.each<[RollbackRefusal, Partial<Run>, string]>([
    [
      { reason: 'not_undoable' },
      { kind: 'verify' },
      'Run #42 is a verify; only deploys and restores can be rolled back.',
    ],
    [{ reason: 'rolled_back', by: 43 }, {}, 'Run #42 is already being rolled back, or was, by run #43.'],
    [{ reason: 'not_finished' }, {}, 'Run #42 is still running. Cancel it first: /billing cancel #42'],
    [
      { reason: 'not_finished' },
      { status: 'awaiting_approval' },
      'Run #42 is still waiting. Cancel it first: /billing cancel #42',
    ],
    [{ reason: 'nothing_to_put_back' }, {}, 'Run #42 has changed nothing that could be put back.'],
    [{ reason: 'locked', lock }, {}, 'production is locked (audit week). /billing unlock, then /billing rollback #42'],
    [{ reason: 'too_late', hours: 24 }, {}, 'Run #42 ended more than 24 h ago; deploy the version you want instead.'],
    [
      { reason: 'changed_since', by: 44 },
      {},
      'Run #44 has changed production since. Roll that one back first: /billing rollback #44',
    ],
  ])('%j of %j', (refusal, more, text) => {
    expect(rollbackRefusalText({ ...run, ...more }, refusal)).toBe(text)
  })
})
