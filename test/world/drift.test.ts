import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { people } from '../../sandbox/people.ts'
import { plainText } from '../../sandbox/slack/plain-text.ts'
import { deployment, namespace } from '../../sandbox/world.ts'
import { type Standing, standingOf } from './standing.ts'
import { startTown, type Town } from './town.ts'

describe('when the world has changed since the plan was approved', () => {
  let town: Town
  let before: Standing
  beforeAll(async () => {
    town = await startTown({ monitorSeconds: 3 })
    await town.startBot('purser')
    before = standingOf(town)
  })
  afterAll(() => town.close())

  const board = () => town.seenBy('dana').findLast((it) => it.includes('→')) ?? ''

  async function planned(): Promise<void> {
    await town.types('dana', '/billing deploy v1.2.0')
    await town.waitFor('the plan', () => board().includes('waiting for approval'))
  }

  async function askedAgain(why: RegExp): Promise<void> {
    await expect
      .poll(
        async () =>
          (
            await town.state('select count(*)::int as count from purser.audit_events where kind = $$plan_outdated$$')
          )[0]?.['count'],
        { timeout: 30_000 },
      )
      .toBeGreaterThan(0)
    await town.waitFor('the question', () => board().includes('waiting for approval') && why.test(board()))
    expect(standingOf(town)).toEqual({ ...before, image: standingOf(town).image })
    expect(await town.service(`select 1 from pg_tables where tablename = 'grace_periods'`)).toEqual([])
  }

  it('a moved image tag stops the run before anything happens, and it asks again', async () => {
    await planned()
    const approvedDigest = town.world.registry.digestOf('valuecanvas/api', 'v1.2.0')
    const [commit] = await town.state(`select plan->'commit'->>'sha' as sha from purser.runs where number = 1`)
    town.world.registry.push({
      repository: 'valuecanvas/api',
      tag: 'v1.2.0',
      revision: String(commit?.['sha']),
      platforms: ['linux/amd64'],
    })
    expect(town.world.registry.digestOf('valuecanvas/api', 'v1.2.0')).not.toBe(approvedDigest)
    await town.presses('alex', 'approve')
    await askedAgain(/image tag v1\.2\.0 moved/)
    await town.presses('alex', 'reject')
    await town.waitFor('the end', () => board().includes('rejected'))
  }, 60_000)

  it('somebody else changing the deployment stops the run, and it asks again', async () => {
    await planned()
    const { url, token } = town.world.kubernetes
    const answer = await fetch(`${url}/apis/apps/v1/namespaces/${namespace}/deployments/${deployment}`, {
      method: 'PATCH',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/merge-patch+json' },
      body: JSON.stringify({ spec: { template: { metadata: { annotations: { 'somebody/else': 'was here' } } } } }),
    })
    expect(answer.status).toBe(200)
    await town.presses('alex', 'approve')
    await askedAgain(
      /changed deployment valuecanvas-api at \d\d:\d\d UTC, since the plan was made: metadata\.annotations.*somebody\/else/,
    )
  }, 60_000)

  it('the new plan can be approved, by the same person, and goes through', async () => {
    await town.presses('alex', 'approve')
    await town.waitFor('the end', () => /: (succeeded|failed)/.test(board()), 90_000)
    expect(board()).toContain(': succeeded')
  }, 120_000)

  it('a rollback shows what will run, and stops before it changes anything when somebody else was there', async () => {
    const { control } = town.world.slack
    const dialog = () => plainText({ text: '', blocks: [...(control.openView(people.dana.id)?.blocks ?? [])] })
    const asks = async (text: string, expected: RegExp) => {
      await town.types('dana', text)
      await town.waitFor(`the dialog of ${text}`, () => expected.test(dialog()))
    }
    await asks('/billing rollback', /revision 2: v1\.1\.0, valuecanvas\/api:v1\.1\.0, made just now, has served/)
    expect(dialog()).toMatch(
      /instead of v1\.2\.0.*\n[\s\S]*spec\.containers\[api\]\.image: .* → valuecanvas\/api:v1\.1\.0/,
    )
    const ours = standingOf(town)
    await setImage('valuecanvas/api:v1.1.0', 'kubectl-set')
    // The cluster does not answer while the dialog is confirmed: the run itself must notice.
    town.world.kubernetes.setFault({ concerns: ({ path }) => path.endsWith(deployment), times: 1, latencyMs: 2_000 })
    expect((await control.submitView(people.dana.id)).result).toBe('closed')
    await town.waitFor('the end', () => / roll back .*: failed/.test(newest()))
    expect(newest()).toMatch(
      /kubectl-set changed deployment valuecanvas-api at \d\d:\d\d UTC, after run #2 had set it: .*v1\.1\.0/,
    )
    expect(standingOf(town)).toEqual({ ...ours, image: 'valuecanvas/api:v1.1.0' })
    expect(await town.state(`select 1 from purser.effects where status = 'undone'`)).toEqual([])

    // Asked again, the dialog knows, and offers nothing.
    await asks('/billing rollback', /kubectl-set changed deployment[\s\S]*Nothing was changed/)
    expect(control.openView(people.dana.id)?.['submit']).toBeUndefined()
    await control.closeView(people.dana.id, true)
    await setImage(ours.image, 'kubectl-set')
    await town.presses('dana', 'retry_phase')
    await town.waitFor('the end', () => / roll back .*: succeeded/.test(newest()), 90_000)
    expect(standingOf(town)).toMatchObject({ ...before, endpoints: [{ status: 'disabled' }] })
  }, 120_000)

  const newest = () => town.seenBy('dana').at(-1) ?? ''

  /** As `kubectl set image` does it. */
  async function setImage(image: string, manager: string): Promise<void> {
    const { url, token } = town.world.kubernetes
    const path = `/apis/apps/v1/namespaces/${namespace}/deployments/${deployment}?fieldManager=${manager}`
    const answer = await fetch(`${url}${path}`, {
      method: 'PATCH',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/strategic-merge-patch+json' },
      body: JSON.stringify({ spec: { template: { spec: { containers: [{ name: 'api', image }] } } } }),
    })
    expect(answer.status).toBe(200)
  }
})
