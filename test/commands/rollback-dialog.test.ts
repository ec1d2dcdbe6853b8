import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { confirmRollback, openRollbackDialog } from '../../src/commands/rollback.ts'
import { isUndoPlan, type Run } from '../../src/model/run.ts'
import { plainText } from '../../sandbox/slack/plain-text.ts'
import type { Block } from '../../sandbox/slack/model.ts'
import { openStores, type TestStores } from '../store/stores.ts'
import { commandContexts, dana, dialogOf, filled, revisionSeen, running, said } from './command-context.ts'

let stores: TestStores
beforeAll(async () => {
  stores = await openStores()
})
beforeEach(() => stores.reset())
afterAll(() => stores.close())

const { openContext, changesNothing, failedWithEffects, rollbackOf } = commandContexts(() => stores)

const now = () => new Date('2026-01-08T11:00:00Z')
type Seen = typeof running

/** The dialog as people read it once the cluster has been looked at; `submit` is what its button says. */
async function dialog(run: Run, seen: Partial<Seen> | Error, revision?: number) {
  const deployment = async () => {
    if (seen instanceof Error) throw seen
    return { ...running, ...seen }
  }
  const context = openContext({ deployment, now })
  const answer = await openRollbackDialog(dana, run.number, context, revision)
  const view = await filled(answer)
  const text = plainText({ text: '', blocks: view.blocks as unknown as Block[] })
  return { text, submit: view.submit?.text, metadata: view.private_metadata ?? '', context, opened: answer }
}

describe('the rollback dialog', () => {
  it('opens at once without a way to confirm, and says that it looks at the cluster', async () => {
    const { opened } = await dialog(await failedWithEffects(), {})
    if (opened.kind !== 'open') throw new Error('no dialog')
    expect(JSON.stringify(opened.view.blocks)).toContain('Asking the cluster')
    expect(opened.view.submit).toBeUndefined()
  })

  it('shows the version, revision, age and every difference of what will run, before the click', async () => {
    const differences = [
      'spec.containers[api].image: valuecanvas/api:v1.2.0 → valuecanvas/api:v1.1.0',
      'spec.containers[api].env[LOG_LEVEL].value: debug → info',
    ]
    const former = revisionSeen(1, 'v1.1.0', { serves: true, differences })
    const run = await failedWithEffects()
    const seen = await dialog(run, { revisions: [running.revisions[0]!, former] })
    expect(seen.text).toContain(
      'Production will run v1.1.0 instead of v1.2.0 (revision 1, created 3d ago, still serves)',
    )
    for (const line of differences) expect(seen.text).toContain(line)
    expect(seen.submit).toBe('Roll back')
    // What was shown is what the rollback is bound to, and what its plan says.
    const rollback = await stores.runs.get(await rollbackOf(run, seen.context))
    expect(isUndoPlan(rollback.plan) && rollback.plan.rollbackTarget).toMatchObject({
      from: { templateHash: 'hash-2' },
      to: { revision: '1', replicaSet: { uid: 'uid-1' } },
    })
  })

  it('says plainly that there is no previous revision, or that it never became healthy', async () => {
    const run = await failedWithEffects()
    const alone = await dialog(run, { revisions: [running.revisions[0]!], revisionHistoryLimit: 0 })
    expect(alone.text).toContain('The cluster has no previous revision (revisionHistoryLimit is 0)')
    expect(alone.submit).toBe('Roll back')
    await stores.pool.query(`update purser.effects set "before" = "before" || '{"proven": false}' where kind = 'image'`)
    const failed = revisionSeen(1, 'v1.1.0')
    const sick = await dialog(run, { revisions: [running.revisions[0]!, failed] })
    expect(sick.text).toContain('That revision never became healthy.')
  })

  it('still works when the cluster cannot be asked, and says so', async () => {
    const run = await failedWithEffects()
    const blind = await dialog(run, new Error('connection refused'))
    expect(blind.text).toMatch(/Couldn't ask the cluster what will run.*\n.*checks first/)
    expect(
      await said(blind.context, dana, () => confirmRollback('UDANA', blind.metadata, undefined, blind.context)),
    ).toBe('')
    const [rollback] = await stores.runs.list({ kinds: ['rollback'] })
    expect(rollback).toMatchObject({ status: 'executing', plan: { rollbackTarget: { kind: 'unseen' } } })
  })

  it('is refused at the confirmation when the deployment has changed since it was shown', async () => {
    const run = await failedWithEffects()
    const metadata = await dialogOf(run, openContext())
    const context = openContext({ deployment: async () => ({ ...running, templateHash: 'hash-3' }) })
    await changesNothing(async () =>
      expect(await said(context, dana, () => confirmRollback('UDANA', metadata, undefined, context))).toContain(
        'The Deployment has changed since you opened the dialog',
      ),
    )
  })

  it('is not offered over somebody else’s change, and says whose it is', async () => {
    const ours = revisionSeen(2, 'v1.2.0', {
      changedSince: ['spec.containers[api].env[LOG_LEVEL].value: info → debug'],
    })
    const theirs = revisionSeen(3, 'v1.2.0', { current: true, differences: [] })
    const seen = await dialog(await failedWithEffects(), {
      templateHash: 'hash-3',
      changeCause: 'hotfix by Kim',
      writers: [{ manager: 'kubectl-edit', at: '2999-01-01T10:20:30Z' }],
      revisions: [theirs, ours, revisionSeen(1, 'v1.1.0', { serves: true })],
    })
    expect(seen.text).toMatch(
      /kubectl-edit changed Deployment valuecanvas-api at 10:20 UTC \(“hotfix by Kim”\) after run #\d+: spec\.containers\[api\]\.env\[LOG_LEVEL\]\.value: info → debug/,
    )
    expect(seen.submit).toBeUndefined()
  })

  it('goes over a restart of the pods, which changes nothing of what they run', async () => {
    const restarted = ['metadata.annotations.kubectl.kubernetes.io/restartedAt: added 2026-01-08T10:00:00Z']
    const seen = await dialog(await failedWithEffects(), {
      templateHash: 'hash-3',
      revisions: [
        revisionSeen(3, 'v1.2.0', { current: true }),
        revisionSeen(2, 'v1.2.0', { changedSince: restarted }),
        revisionSeen(1, 'v1.1.0', { serves: true }),
      ],
    })
    expect(seen.submit).toBe('Roll back')
  })

  it('is refused for a paused deployment, with the command that resumes it', async () => {
    const seen = await dialog(await failedWithEffects(), { paused: true })
    expect(seen.text).toContain('kubectl rollout resume deployment/valuecanvas-api')
    expect(seen.submit).toBeUndefined()
  })
})

describe('a rollback to a chosen revision', () => {
  // Revision 1 had served before run #1 replaced it; revision 2 failed; of revision 3 nobody knows; 4 runs.
  const revisions = [
    revisionSeen(4, 'v1.2.0', { current: true, serves: true, templateHash: 'hash-2' }),
    revisionSeen(3, 'v0.9.0'),
    revisionSeen(2, 'v1.1.5', { templateHash: 'hash-bad' }),
    revisionSeen(1, 'v1.1.0'),
  ]
  const choosing = async (revision: number) => {
    const failed = await failedWithEffects()
    await stores.pool.query(`update purser.effects set "after" = "after" || '{"templateHash": "hash-bad"}'`)
    await stores.pool.query(`update purser.effects set status = 'undone' where run = $1`, [failed.number])
    return dialog(await failedWithEffects(), { revisions }, revision)
  }

  it('goes there, bound to the ReplicaSet: its number may move', async () => {
    const seen = await choosing(1)
    expect(seen.text).toContain('Deployment valuecanvas-api: back to v1.1.0 (revision 1)')
    expect(seen.text).toContain(
      'Production will run v1.1.0 instead of v1.2.0 (revision 1, created 3d ago, was healthy)',
    )
    expect(JSON.parse(seen.metadata)).toMatchObject({ rollbackTarget: { to: { replicaSet: { uid: 'uid-1' } } } })
    expect(seen.submit).toBe('Roll back')
  })

  it.each([
    ['does not exist', 9, 'Deployment valuecanvas-api has no revision 9.'],
    ['failed', 2, 'Revision 2 never became healthy.'],
    ['nobody saw serving', 3, 'Revision 3 was never seen healthy by Purser.'],
    ['runs already', 4, 'Revision 4 already runs.'],
  ])('that %s is refused, with the revisions that there are', async (_, revision, why) => {
    const seen = await choosing(revision)
    expect(seen.submit).toBeUndefined()
    expect(seen.text).toContain(why)
    const listed = ['revision 4: v1.2.0', 'revision 3: valuecanvas/api:v0.9.0', 'revision 2: ', 'revision 1: v1.1.0']
    for (const line of listed) expect(seen.text).toContain(line)
  })
})
