import { describe, expect, it } from 'vitest'
import {
  type RollbackDialogRefusal,
  rollbackDialogRefusalWords,
  rollbackRefusalText,
  transitionRefusalText,
} from '../../src/messages/refusals.ts'
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
  const lock = { environment: 'production', reason: 'audit week', lockedBy: 'UDANA', at: new Date(), until: undefined }
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

describe('a dialog that offers no rollback says why and what else', () => {
  const schema = {
    version: 'v1.1.0',
    environment: 'production',
    reasons: ['2_m.sql drops table t'],
    nearest: undefined,
    backupOfRun: undefined,
  }
  const change = {
    deployment: 'api',
    manager: 'kubectl-set',
    at: undefined,
    otherRun: undefined,
    changeCause: undefined,
    since: { kind: 'planned' as const },
    image: 'api:v3',
    recordedImage: undefined,
    lines: [],
  }
  const another = 'Choose one that has served: /billing rollback #42 --to-revision K'
  it.each<[RollbackDialogRefusal, string, string]>([
    [
      { reason: 'paused', deployment: 'api' },
      'Deployment api is paused: what is put back would not be rolled out.',
      'kubectl rollout resume deployment/api, then ask again.',
    ],
    [
      { reason: 'foreign_change', change },
      'kubectl-set changed deployment api, since the plan was made: it runs api:v3. A rollback would take that away too, so it stops.',
      'Put the deployment back by hand if it must go, or deploy the version that you want.',
    ],
    [{ reason: 'no_such_revision', deployment: 'api', revision: 9 }, 'Deployment api has no revision 9.', another],
    [{ reason: 'runs_now', revision: 4 }, 'Revision 4 is what runs now.', another],
    [{ reason: 'unproven', revision: 2, health: 'failed' }, 'Revision 2 never became healthy.', another],
    [{ reason: 'unproven', revision: 1, health: 'unknown' }, 'Revision 1 was never seen healthy by Purser.', another],
    [
      { reason: 'schema_too_new', schema },
      'The schema of production is too new for v1.1.0: 2_m.sql drops table t.',
      'No other version that ran here is known to run on it. There is no backup from before it.',
    ],
    [
      { reason: 'schema_too_new', schema: { ...schema, nearest: 'v1.1.1', backupOfRun: 7 } },
      'The schema of production is too new for v1.1.0: 2_m.sql drops table t.',
      'Nearest version that can: v1.1.1 (/billing deploy v1.1.1). To go back to v1.1.0, restore the backup from before it first: /billing restore #7, then /billing rollback #42',
    ],
    [
      { reason: 'revisions_unseen', why: 'it did not answer within 5 s or refused to' },
      'The cluster could not be asked which revisions there are: it did not answer within 5 s or refused to.',
      'Without --to-revision the rollback goes back to what stood there before run #42.',
    ],
  ])('%j', (refusal, why, next) => {
    expect(rollbackDialogRefusalWords(42, refusal)).toEqual({ why, next })
  })
})
