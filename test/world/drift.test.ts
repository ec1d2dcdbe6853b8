import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { people } from '../../sandbox/people.ts'
import { plainText } from '../../sandbox/slack/plain-text.ts'
import { deployment, namespace } from '../../sandbox/world.ts'
import { snapshotOf, type WorldSnapshot } from './snapshot.ts'
import { startTestWorld, type TestWorld } from './test-world.ts'

describe('when the world has changed since the plan was approved', () => {
  let world: TestWorld
  let before: WorldSnapshot
  beforeAll(async () => {
    world = await startTestWorld({ monitorSeconds: 3 })
    await world.startBot('purser')
    before = snapshotOf(world)
  })
  afterAll(() => world.close())

  const board = () => world.seenBy('dana').findLast((it) => it.includes('→')) ?? ''

  async function planned(): Promise<void> {
    await world.types('dana', '/billing deploy v1.2.0')
    await world.waitFor('the plan', () => board().includes('waiting for approval'))
  }

  async function askedAgain(why: RegExp): Promise<void> {
    await expect
      .poll(
        async () =>
          (
            await world.state('select count(*)::int as count from purser.audit_events where kind = $$plan_outdated$$')
          )[0]?.['count'],
        { timeout: 90_000 },
      )
      .toBeGreaterThan(0)
    await world.waitFor('the question', () => board().includes('waiting for approval') && why.test(board()))
    expect(snapshotOf(world)).toEqual({ ...before, image: snapshotOf(world).image })
    expect(await world.service(`select 1 from pg_tables where tablename = 'grace_periods'`)).toEqual([])
  }

  it('a moved image tag stops the run before anything happens, and it asks again', async () => {
    await planned()
    const approvedDigest = world.sandbox.registry.digestOf('valuecanvas/api', 'v1.2.0')
    const [commit] = await world.state(`select plan->'commit'->>'sha' as sha from purser.runs where number = 1`)
    world.sandbox.registry.push({
      repository: 'valuecanvas/api',
      tag: 'v1.2.0',
      revision: String(commit?.['sha']),
      platforms: ['linux/amd64'],
    })
    expect(world.sandbox.registry.digestOf('valuecanvas/api', 'v1.2.0')).not.toBe(approvedDigest)
    await world.presses('alex', 'approve')
    await askedAgain(/image tag v1\.2\.0 moved/)
    await world.rejects('alex', 'the tag moved')
    await world.waitFor('the end', () => board().includes('Rejected by @Alex: “the tag moved”'))
  }, 180_000)

  it('somebody else changing the deployment stops the run, and it asks again', async () => {
    await planned()
    const { url, token } = world.sandbox.kubernetes
    const answer = await fetch(`${url}/apis/apps/v1/namespaces/${namespace}/deployments/${deployment}`, {
      method: 'PATCH',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/merge-patch+json' },
      body: JSON.stringify({ spec: { template: { metadata: { annotations: { 'somebody/else': 'was here' } } } } }),
    })
    expect(answer.status).toBe(200)
    await world.presses('alex', 'approve')
    await askedAgain(
      /changed Deployment valuecanvas-api at \d\d:\d\d UTC since the plan was made: metadata\.annotations.*somebody\/else/,
    )
  }, 180_000)

  it('the new plan can be approved, by the same person, and goes through', async () => {
    await world.presses('alex', 'approve')
    await world.waitFor('the end', () => /: (succeeded|failed)/.test(board()), 270_000)
    expect(board()).toContain(': succeeded')
  }, 360_000)

  it('a rollback shows what will run, and stops before it changes anything when somebody else was there', async () => {
    const { control } = world.sandbox.slack
    const dialog = () => plainText({ text: '', blocks: [...(control.openView(people.dana.id)?.blocks ?? [])] })
    const asks = async (text: string, expected: RegExp) => {
      await world.types('dana', text)
      await world.waitFor(`the dialog of ${text}`, () => expected.test(dialog()))
    }
    await asks(
      '/billing rollback',
      /Production will run v1\.1\.0 instead of v1\.2\.0 \(revision 2, created (just now|\d+m ago), was healthy\)/,
    )
    expect(dialog()).toMatch(/Pod changes\n[\s\S]*spec\.containers\[api\]\.image: .* → valuecanvas\/api:v1\.1\.0/)
    const ours = snapshotOf(world)
    await setImage('valuecanvas/api:v1.1.0', 'kubectl-set')
    // The cluster does not answer while the dialog is confirmed: the run itself must notice.
    world.sandbox.kubernetes.setFault({ concerns: ({ path }) => path.endsWith(deployment), times: 1, latencyMs: 2_000 })
    expect((await control.submitView(people.dana.id)).result).toBe('closed')
    await world.waitFor('the end', () => /Roll back .*: failed/.test(newest()))
    expect(newest()).toMatch(/kubectl-set changed Deployment valuecanvas-api at \d\d:\d\d UTC after run #2: .*v1\.1\.0/)
    expect(snapshotOf(world)).toEqual({ ...ours, image: 'valuecanvas/api:v1.1.0' })
    expect(await world.state(`select 1 from purser.effects where status = 'undone'`)).toEqual([])

    // Asked again, the dialog knows, and offers nothing.
    await asks('/billing rollback', /kubectl-set changed Deployment/)
    expect(control.openView(people.dana.id)?.['submit']).toBeUndefined()
    await control.closeView(people.dana.id, true)
    await setImage(ours.image, 'kubectl-set')
    await world.presses('dana', 'retry_phase')
    await world.waitFor('the end', () => /Roll back .*: succeeded/.test(newest()), 270_000)
    expect(snapshotOf(world)).toMatchObject({ ...before, endpoints: [{ status: 'disabled' }] })
    expect((await world.audit()).lines).toContain('No problems found.')
  }, 360_000)

  const newest = () => world.seenBy('dana').at(-1) ?? ''

  /** As `kubectl set image` does it. */
  async function setImage(image: string, manager: string): Promise<void> {
    const { url, token } = world.sandbox.kubernetes
    const path = `/apis/apps/v1/namespaces/${namespace}/deployments/${deployment}?fieldManager=${manager}`
    const answer = await fetch(`${url}${path}`, {
      method: 'PATCH',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/strategic-merge-patch+json' },
      body: JSON.stringify({ spec: { template: { spec: { containers: [{ name: 'api', image }] } } } }),
    })
    expect(answer.status).toBe(200)
  }
})
