import { describe, expect, it } from 'vitest'
import { rollbackRefusalText } from '../../src/messages/refusals.ts'
import type { Run, RunStatus } from '../../src/model/run.ts'
import { type RollbackFacts, type RollbackRefusal, whyNotRollBack } from '../../src/model/why-not-roll-back.ts'
import { deploy, restorePlan } from '../messages/example-runs.ts'

const now = new Date('2026-01-05T14:00:00Z')
const run: Run = { ...deploy(), number: 7, status: 'failed', hasEffects: true, rolledBackBy: undefined }
const facts: RollbackFacts = { others: [], hours: 24, now }
const restoreOf = (of: number) => ({ ...restorePlan, backup: { ...restorePlan.backup, run: of } })
const hoursAgo = (hours: number) => new Date(now.getTime() - hours * 3_600_000)

describe('a rollback', () => {
  it.each<[string, Partial<Run>, Partial<RollbackFacts>, RollbackRefusal | undefined, string]>([
    ['of a failed deploy begins', {}, {}, undefined, ''],
    ['of a verification is refused', { kind: 'verify' }, {}, { reason: 'not_undoable' }, 'Only deploys and restores'],
    ['of a rollback is refused', { kind: 'rollback' }, {}, { reason: 'not_undoable' }, 'Run #7 is a rollback'],
    [
      'of what is rolled back is refused',
      { rolledBackBy: 9 },
      {},
      { reason: 'rolled_back', by: 9 },
      'already has a rollback: run #9',
    ],
    ['of what still executes is refused', { status: 'executing' }, {}, { reason: 'not_finished' }, 'still running'],
    ['of what waits is refused', { status: 'awaiting_approval' }, {}, { reason: 'not_finished' }, 'still waiting'],
    [
      'of what changed nothing is refused',
      { hasEffects: false },
      {},
      { reason: 'nothing_to_put_back' },
      'no changes to roll back',
    ],
    [
      'of a deploy that succeeded too long ago is refused',
      { status: 'succeeded', finishedAt: hoursAgo(25) },
      {},
      { reason: 'too_late', hours: 24 },
      'more than 24 h ago',
    ],
    [
      'of a deploy that failed too long ago is refused',
      { status: 'failed', finishedAt: hoursAgo(25) },
      {},
      { reason: 'too_late', hours: 24 },
      'more than 24 h ago',
    ],
    [
      'of a deploy that was cancelled too long ago is refused',
      { status: 'cancelled', finishedAt: hoursAgo(25) },
      {},
      { reason: 'too_late', hours: 24 },
      'more than 24 h ago',
    ],
    ['of a deploy that succeeded lately begins', { status: 'succeeded', finishedAt: hoursAgo(23) }, {}, undefined, ''],
    [
      'under a later run that changed something is refused',
      {},
      { others: [{ number: 9, hasEffects: true }] },
      { reason: 'changed_since', by: 9 },
      '/billing rollback #9',
    ],
    [
      'after a restore of the backup that it made itself begins',
      {},
      { others: [{ number: 9, hasEffects: true, status: 'succeeded', plan: restoreOf(7) }] },
      undefined,
      '',
    ],
    [
      'after a restore that has not succeeded is refused',
      {},
      { others: [{ number: 9, hasEffects: true, status: 'failed', plan: restoreOf(7) }] },
      { reason: 'changed_since', by: 9 },
      '/billing rollback #9',
    ],
    [
      'after a restore of another backup is refused',
      {},
      { others: [{ number: 9, hasEffects: true, status: 'succeeded', plan: restoreOf(5) }] },
      { reason: 'changed_since', by: 9 },
      '/billing rollback #9',
    ],
    ['over a later run that changed nothing begins', {}, { others: [{ number: 9, hasEffects: false }] }, undefined, ''],
    ['over an earlier run begins', {}, { others: [{ number: 5, hasEffects: true }] }, undefined, ''],
  ])('%s', (_, of, more, refusal, words) => {
    const asked = { ...run, ...of }
    expect(whyNotRollBack(asked, { ...facts, ...more })).toEqual(refusal)
    if (refusal !== undefined) expect(rollbackRefusalText(asked, refusal)).toContain(words)
  })

  it.each<[boolean, RunStatus]>([
    [true, 'executing'],
    [false, 'cancelling'],
  ])('of a release whose watch has a breach begins: %s while it is %s', (begins, status) => {
    const attempt = run.phases.find(({ name }) => name === 'monitor')?.attempt ?? 1
    const watched: Run = {
      ...run,
      status,
      phases: run.phases.map((phase) => (phase.name === 'monitor' ? { ...phase, status: 'running' as const } : phase)),
      watch: { attempt, beganAt: now, endsAt: now, breach: { at: '', text: 'errors' }, decision: undefined },
    }
    expect(whyNotRollBack(watched, facts) === undefined).toBe(begins)
  })
})
