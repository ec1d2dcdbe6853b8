import { describe, expect, it } from 'vitest'
import type { DeploymentSeen, RevisionSeen } from '../../src/model/deployment-seen.ts'
import type { EffectOf } from '../../src/model/effects/effects.ts'
import { foreignChange } from '../../src/model/foreign-change.ts'
import type { Release } from '../../src/model/revision-health.ts'
import { rollbackTargetOf, type RollbackTargetRefusal } from '../../src/model/rollback-target.ts'
import { foreignChangeSentence } from '../../src/model/shared-sentences.ts'

const revision = (number: number, more: Partial<RevisionSeen> = {}): RevisionSeen => ({
  revision: String(number),
  replicaSet: { name: `api-${number}`, uid: `uid-${number}` },
  image: `api:v${number}`,
  createdAt: undefined,
  changeCause: undefined,
  templateHash: `hash-${number}`,
  current: false,
  serves: false,
  differences: [],
  changedSince: [],
  ...more,
})

/** Run #2 has set api:v4 over api:v3, which had served; v2 failed in run #1, and of v1 nobody knows. */
const effect: EffectOf<'image'> = {
  id: 1,
  run: 2,
  phase: 'rollout',
  kind: 'image',
  target: 'api',
  before: {
    image: 'api:v3',
    replicaSet: { name: 'api-3', uid: 'uid-3' },
    templateHash: 'hash-3',
    version: 'v3',
    proven: true,
  },
  after: { image: 'api:v4', templateHash: 'hash-4' },
  status: 'applied',
  at: new Date('2026-01-05T10:00:00.700Z'),
}
const failed: Release = {
  run: 1,
  version: 'v2',
  before: { image: 'api:v1', replicaSet: null, templateHash: '', version: null },
  after: { image: 'api:v2', templateHash: 'hash-2' },
  rollout: 'failed',
}
const seen: DeploymentSeen = {
  image: 'api:v4',
  templateHash: 'hash-4',
  paused: false,
  revisionHistoryLimit: 10,
  changeCause: 'Purser run #2: deploy v4',
  writers: [],
  revisions: [revision(4, { current: true }), revision(3, { serves: true }), revision(2), revision(1)],
}
/** Somebody set api:v5 by hand. */
const touched: DeploymentSeen = {
  ...seen,
  image: 'api:v5',
  templateHash: 'hash-5',
  changeCause: 'hotfix',
  writers: [
    { manager: 'purser', at: '2026-01-05T09:00:00Z' },
    { manager: 'kubectl-set', at: '2026-01-05T10:20:30Z' },
  ],
  revisions: [revision(5, { current: true }), revision(4, { changedSince: ['image: api:v4 → api:v5', 'a', 'b'] })],
}

describe('what a rollback brings back', () => {
  it('is the revision that the run replaced, with what is known of it', () => {
    const answer = rollbackTargetOf(seen, effect, [failed], undefined)
    expect(answer.ok && answer.rollbackTarget).toMatchObject({
      from: { image: 'api:v4', templateHash: 'hash-4' },
      to: { revision: '3', version: 'v3', health: 'serves' },
      image: 'api:v3',
    })
  })

  it('is only the image where the cluster keeps that revision no longer', () => {
    const answer = rollbackTargetOf({ ...seen, revisions: [revision(4, { current: true })] }, effect, [], undefined)
    expect(answer.ok && answer.rollbackTarget).toMatchObject({
      to: null,
      image: 'api:v3',
      differences: ['image: api:v4 → api:v3'],
    })
  })

  it.each<[string, RollbackTargetRefusal['reason'], DeploymentSeen, number | undefined, object, number]>([
    ['of a paused deployment', 'paused', { ...seen, paused: true }, undefined, { deployment: 'api' }, 0],
    ['over somebody else’s change', 'foreign_change', touched, undefined, { change: { manager: 'kubectl-set' } }, 0],
    ['that does not exist', 'no_such_revision', seen, 9, { deployment: 'api', revision: 9 }, 4],
    ['that runs', 'runs_now', seen, 4, { revision: 4 }, 4],
    ['that failed', 'unproven', seen, 2, { revision: 2, health: 'failed' }, 4],
    ['that nobody saw serving', 'unproven', seen, 1, { revision: 1, health: 'unknown' }, 4],
  ])('a revision %s is refused: %s', (_, reason, deployment, wanted, facts, choices) => {
    const answer = rollbackTargetOf(deployment, effect, [failed], wanted)
    expect(!answer.ok && answer.refusal).toMatchObject({ reason, ...facts })
    expect(!answer.ok && answer.choices).toHaveLength(choices)
  })
})

describe('a change that somebody else made', () => {
  const said = (now: DeploymentSeen, more: Partial<typeof effect> = {}) => {
    const change = foreignChange(now, { ...effect, ...more })
    return change === undefined ? undefined : foreignChangeSentence(change)
  }

  it('is said with who, when, why and what', () => {
    expect(said(touched)).toBe(
      'kubectl-set changed Deployment api at 10:20 UTC (“hotfix”) after run #2: image: api:v4 → api:v5 and 2 more.',
    )
  })

  it.each<[string, Partial<DeploymentSeen>, string]>([
    [
      'by nobody that the cluster names',
      { writers: [], changeCause: undefined },
      'An unknown client changed Deployment api after run #2: image: api:v4 → api:v5 and 2 more.',
    ],
    [
      'by another run of Purser',
      { writers: [], changeCause: 'Purser run #7: deploy v5' },
      'Purser run #7 changed Deployment api after run #2: image: api:v4 → api:v5 and 2 more.',
    ],
    [
      'from a template that is not kept',
      { writers: [], changeCause: '', revisions: [revision(5, { current: true })] },
      'An unknown client changed Deployment api after run #2: it runs api:v5.',
    ],
  ])('%s is said so', (_, more, text) => {
    expect(said({ ...touched, ...more })).toBe(text)
  })

  it('is seen by the image alone where an older record has no template', () => {
    const older = { after: { image: 'api:v4' } }
    expect(said({ ...touched, writers: [], changeCause: '' }, older)).toBe(
      'An unknown client changed Deployment api after run #2: it runs api:v5, not api:v4.',
    )
    expect(said({ ...seen, templateHash: 'hash-9' }, older)).toBeUndefined()
  })

  it.each<[string, DeploymentSeen, Partial<typeof effect>]>([
    ['that the run set', seen, {}],
    ['that stood before', { ...seen, templateHash: 'hash-3' }, {}],
    [
      'whose pods were only restarted',
      {
        ...seen,
        templateHash: 'hash-5',
        revisions: [
          revision(4, { changedSince: ['metadata.annotations.kubectl.kubernetes.io/restartedAt: added now'] }),
        ],
      },
      {},
    ],
    ['of which a crash left no record', touched, { after: undefined }],
  ])('is none in a deployment %s', (_, now, more) => {
    expect(said(now, more)).toBeUndefined()
  })
})
