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
    [{ reason: 'wrong_status', status: 'awaiting_approval' }, 'run #42 is waiting for approval'],
    [{ reason: 'wrong_status', status: 'left' }, 'run #42 already ended'],
    [{ reason: 'phase_not_under_way', phase: 'migrate' }, "run #42: migrate isn't running"],
    [{ reason: 'taken_back', by: 43 }, 'run #42: run #43 rolls it back. Start a new deploy instead'],
    [{ reason: 'no_failed_phase' }, 'run #42: no phase has failed'],
    [{ reason: 'stale_plan' }, 'run #42: the plan has changed. Review the new one'],
    [{ reason: 'already_approved' }, 'run #42: you already approved this plan'],
    [{ reason: 'not_watched' }, 'run #42: monitoring already ended'],
    [{ reason: 'same_decision' }, 'run #42: that was already decided'],
    [{ reason: 'other_decision', decision: 'stop' }, 'run #42: that was already decided: monitoring was stopped'],
    [{ reason: 'nothing_broken' }, 'run #42: no rule is broken'],
    [{ reason: 'rule_broken' }, 'run #42: a rule is broken. Roll back, keep monitoring or stop'],
  ])('%j', (refusal, text) => {
    expect(transitionRefusalText(42, refusal)).toBe(text)
  })
})

describe('a run that cannot be rolled back says why', () => {
  const run: Run = { ...executing, number: 42, environment: 'production' }
  it.each<[RollbackRefusal, Partial<Run>, string]>([
    [
      { reason: 'not_undoable' },
      { kind: 'verify' },
      'Run #42 is a verify. Only deploys and restores can be rolled back.',
    ],
    [{ reason: 'rolled_back', by: 43 }, {}, 'Run #42 already has a rollback: run #43.'],
    [{ reason: 'not_finished' }, {}, 'Run #42 is still running. Cancel it first: `/billing cancel #42`'],
    [
      { reason: 'not_finished' },
      { status: 'awaiting_approval' },
      'Run #42 is still waiting. Cancel it first: `/billing cancel #42`',
    ],
    [{ reason: 'nothing_to_put_back' }, {}, 'Run #42 has no changes to roll back.'],
    [{ reason: 'too_late', hours: 24 }, {}, 'Run #42 ended more than 24 h ago. Deploy the version you want instead.'],
    [
      { reason: 'changed_since', by: 44 },
      {},
      'Run #44 has changed production since. Roll that one back first: `/billing rollback #44`',
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
  const another = 'Choose one that was healthy: `/billing rollback #42 --to-revision K`'
  it.each<[RollbackDialogRefusal, string, string]>([
    [
      { reason: 'paused', deployment: 'api' },
      "Deployment api is paused, so a rollback wouldn't be rolled out.",
      'Run kubectl rollout resume deployment/api, then try again.',
    ],
    [
      { reason: 'foreign_change', change },
      "kubectl-set changed Deployment api since the plan was made: it runs api:v3. Rolling back would overwrite that, so Purser won't.",
      'Roll the Deployment back by hand, or deploy the version you want.',
    ],
    [{ reason: 'no_such_revision', deployment: 'api', revision: 9 }, 'Deployment api has no revision 9.', another],
    [{ reason: 'runs_now', revision: 4 }, 'Revision 4 already runs.', another],
    [{ reason: 'unproven', revision: 2, health: 'failed' }, 'Revision 2 never became healthy.', another],
    [{ reason: 'unproven', revision: 1, health: 'unknown' }, 'Revision 1 was never seen healthy by Purser.', another],
    [
      { reason: 'schema_too_new', schema },
      "v1.1.0 can't run on the current schema of production: 2_m.sql drops table t.",
      "Purser knows no other version that can, and there's no earlier backup.",
    ],
    [
      { reason: 'schema_too_new', schema: { ...schema, nearest: 'v1.1.1', backupOfRun: 7 } },
      "v1.1.0 can't run on the current schema of production: 2_m.sql drops table t.",
      'Either deploy v1.1.1: `/billing deploy v1.1.1`. Or restore the earlier backup: `/billing restore #7`, with the version that ran then',
    ],
    [
      { reason: 'revisions_unseen', why: 'no answer within 5 s' },
      "Couldn't check the revisions in the cluster: no answer within 5 s.",
      'Without --to-revision, you roll back to the state before run #42.',
    ],
  ])('%j', (refusal, why, next) => {
    expect(rollbackDialogRefusalWords(42, refusal)).toEqual({ why, next })
  })
})
