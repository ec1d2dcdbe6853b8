import { createHash } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { namespace } from '../../sandbox/world.ts'
import { snapshotOf } from './snapshot.ts'
import { startTestWorld, type TestWorld } from './test-world.ts'

describe('somebody has replaced the signing secret by hand', () => {
  let world: TestWorld
  beforeAll(async () => {
    world = await startTestWorld({ monitorSeconds: 2 })
    await world.startBot('purser')
    await world.plays('deploy v1.2.0')
  }, 360_000)
  afterAll(() => world.close())

  const byHand = 'whsec_pasted_from_an_old_note'
  const replaceByHand = async () => {
    const { url, token } = world.sandbox.kubernetes
    const answer = await fetch(
      `${url}/api/v1/namespaces/${namespace}/secrets/stripe-credentials?fieldManager=kubectl-edit`,
      {
        method: 'PATCH',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/merge-patch+json' },
        body: JSON.stringify({ stringData: { 'webhook-secret': byHand } }),
      },
    )
    expect(answer.status).toBe(200)
  }

  it('a deploy of the same version makes another endpoint, and every event meanwhile is processed exactly once', async () => {
    const [former] = world.sandbox.stripe.endpoints()
    expect(former).toMatchObject({ status: 'enabled' })
    await replaceByHand()
    world.sandbox.stripe.setTraffic(150)
    const since = Math.floor(Date.now() / 1_000)
    await world.succeeds('deploy v1.2.0')
    world.sandbox.stripe.setTraffic(0)

    const events = world.sandbox.stripe.events().filter(({ created }) => created >= since)
    expect(events.length).toBeGreaterThan(40)
    const ids = events.map(({ id }) => `'${id}'`).join()
    const processed = () =>
      world.service(`select event_id from webhook_events where processed and event_id in (${ids}) order by event_id`)
    await expect.poll(async () => (await processed()).length, { timeout: 60_000 }).toBe(events.length)
    const twice = await world.service(
      `select event_id from billing_audit_log where event_id in (${ids}) group by event_id having count(*) > 1`,
    )
    expect(twice).toEqual([])

    const [current, before, ...more] = world.sandbox.stripe.endpoints()
    expect(more).toEqual([])
    expect(before).toMatchObject({ id: former?.id, status: 'disabled' })
    expect(current).toMatchObject({ status: 'enabled', metadata: { purser_replaces: former?.id } })
    const value = `${world.sandbox.stripe.secretOf(current?.id ?? '')},${byHand}`
    expect(snapshotOf(world).secret).toBe(createHash('sha256').update(value).digest('hex'))
  }, 360_000)

  it('the plan has said so, and whose hand it was', () => {
    expect(world.threads()).toContain('kubectl-edit has set data.webhook-secret of Secret stripe-credentials by hand')
    expect(world.threads()).toMatch(/doesn't hold the signing secret of we_\w+, so a new endpoint replaces it/)
    expect(world.threads()).toMatch(/purser\/stripe-credentials: \w+ → the new signing secret/)
    expect(world.threads()).not.toContain('no pod will be replaced')
    expect(world.threads()).not.toContain(byHand)
    expect(world.logs()).not.toContain(byHand)
  })
})
