import { createHash } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { namespace } from '../../sandbox/world.ts'
import { standingOf } from './standing.ts'
import { startTown, type Town } from './town.ts'

describe('somebody has replaced the signing secret by hand', () => {
  let town: Town
  beforeAll(async () => {
    town = await startTown({ monitorSeconds: 2 })
    await town.startBot('purser')
    await town.plays('deploy v1.2.0')
  }, 120_000)
  afterAll(() => town.close())

  const byHand = 'whsec_pasted_from_an_old_note'
  const replaceByHand = async () => {
    const { url, token } = town.world.kubernetes
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
    const [former] = town.world.stripe.endpoints()
    expect(former).toMatchObject({ status: 'enabled' })
    await replaceByHand()
    town.world.stripe.setTraffic(150)
    const since = Math.floor(Date.now() / 1_000)
    const [outcome] = await town.plays('deploy v1.2.0')
    expect(outcome).toMatchObject({ ok: true })
    town.world.stripe.setTraffic(0)

    const events = town.world.stripe.events().filter(({ created }) => created >= since)
    expect(events.length).toBeGreaterThan(40)
    const ids = events.map(({ id }) => `'${id}'`).join()
    const processed = () =>
      town.service(`select event_id from webhook_events where processed and event_id in (${ids}) order by event_id`)
    await expect.poll(async () => (await processed()).length, { timeout: 20_000 }).toBe(events.length)
    const twice = await town.service(
      `select event_id from billing_audit_log where event_id in (${ids}) group by event_id having count(*) > 1`,
    )
    expect(twice).toEqual([])

    const [current, before, ...more] = town.world.stripe.endpoints()
    expect(more).toEqual([])
    expect(before).toMatchObject({ id: former?.id, status: 'disabled' })
    expect(current).toMatchObject({ status: 'enabled', metadata: { purser_replaces: former?.id } })
    const value = `${town.world.stripe.secretOf(current?.id ?? '')},${byHand}`
    expect(standingOf(town).secret).toBe(createHash('sha256').update(value).digest('hex'))
  }, 120_000)

  it('the plan has said so, and whose hand it was', () => {
    expect(town.threads()).toContain('kubectl-edit has set Secret stripe-credentials/webhook-secret by hand')
    expect(town.threads()).toMatch(/does not hold the signing secret of we_\w+: a second endpoint takes its place/)
    expect(town.threads()).toMatch(/purser\/stripe-credentials: \w+ → the new signing secret/)
    expect(town.threads()).not.toContain('no pod will be replaced')
    expect(town.threads()).not.toContain(byHand)
    expect(town.logs()).not.toContain(byHand)
  })
})
