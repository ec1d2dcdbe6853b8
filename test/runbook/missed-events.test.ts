import Stripe from 'stripe'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { startStripe, type StripeSimulator } from '../../sandbox/stripe/server.ts'
import { openStripe, webhookProbe } from '../../src/adapters/stripe/client.ts'
import { STRIPE_API_VERSION } from '../../src/adapters/stripe/events.ts'
import type { PhaseContext } from '../../src/runbook/phase.ts'
import { missedEvents, resendEvents, sameShape } from '../../src/runbook/stripe/missed-events.ts'
import type { World } from '../../src/runbook/world.ts'
import { Sensitive } from '../../src/sensitive.ts'
import { type Receiver, startReceiver } from '../stripe/receiver.ts'
import { phaseContext, type Remembered, remembering, secretKeyState, service } from './phase-context.ts'

const signal = AbortSignal.timeout(60_000)
const { receivedEvents: _, ...stripeWithoutQuery } = service.stripe

describe('events that the service missed', () => {
  let simulator: StripeSimulator
  let hook: Receiver
  let signingSecret: string
  let endpointId: string
  let remembered: Remembered
  /** Ids in the service's table. */
  let table: string[]

  async function start(apiVersion: string): Promise<void> {
    hook = await startReceiver()
    simulator = await startStripe({ secretKey: 'sk_test_missed', retryDelaysMs: [], apiVersion })
    remembered = { steps: new Map(), effects: [] }
    table = []
    const created = await stripe().createEndpoint(
      { url: hook.url, enabledEvents: ['invoice.paid'], metadata: {}, description: '', idempotencyKey: 'once' },
      signal,
    )
    signingSecret = created.signingSecret.reveal()
    endpointId = created.endpoint.id
  }
  beforeEach(() => start(STRIPE_API_VERSION))
  afterEach(async () => {
    vi.useRealTimers()
    await Promise.all([simulator.close(), hook.close()])
  })

  const stripe = () => openStripe({ secretKey: new Sensitive('sk_test_missed'), apiBase: simulator.url })
  const minutesAgo = (minutes: number) => new Date(Date.now() - minutes * 60_000)
  /** Deliveries that are still to be expected are no misses: the tests look a minute later. */
  const aMinuteLater = () => vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 60_000 })
  const ids = (events: readonly { readonly id: string }[]) => events.map(({ id }) => id)
  const postedIds = () => hook.received.flatMap(({ body }) => /"id": "(evt_1\w+)"/.exec(body)?.[1] ?? [])

  function contextOf(options: { readonly query?: boolean } = {}): PhaseContext {
    return phaseContext({
      ...remembering(remembered, { run: 42, phase: 'stripe' }, signal),
      service: options.query === false ? { stripe: stripeWithoutQuery } : {},
      environment: { webhookUrl: hook.url },
      world: {
        stripe: stripe(),
        webhook: { ...webhookProbe(), unsigned: async () => ({ status: 400, milliseconds: 1, body: '' }) },
        cluster: {
          readSecretKey: async () => new Sensitive(`${signingSecret},whsec_former`),
          secretKey: async () => secretKeyState(),
        },
        database: {
          query: async (sql) => ({
            columns: ['event_id'],
            rows: table.filter((id) => sql.includes(`'${id}'`)).map((id) => [id]),
          }),
        },
      },
      signal,
    })
  }

  it('are those that Stripe made and its table lacks, whatever became of their delivery', async () => {
    const taken = simulator.emit('invoice.paid')
    table.push(taken.id)
    await stripe().updateEndpoint(endpointId, { disabled: true }, signal)
    const whileDisabled = simulator.emit('invoice.paid')
    simulator.emit('payout.paid') // of no concern to the service
    const missed = await missedEvents(contextOf(), minutesAgo(5))
    expect(missed).toMatchObject({ because: 'not in the database', complete: true })
    expect(missed.events).toEqual([
      { id: whileDisabled.id, type: 'invoice.paid', created: new Date(whileDisabled.created * 1000).toISOString() },
    ])
    expect(missed.line).toMatch(/^1 event since .* UTC is not in the database$/)
  })

  it('without a query for the table are those that Stripe could not deliver, but not the ones on their way', async () => {
    hook.status = 500
    const failed = simulator.emit('invoice.paid')
    expect((await missedEvents(contextOf({ query: false }), minutesAgo(5))).events).toEqual([])
    aMinuteLater()
    const missed = await missedEvents(contextOf({ query: false }), minutesAgo(5))
    expect(missed).toMatchObject({ because: 'not acknowledged', events: [{ id: failed.id }] })
  })

  it('after the database was set back are all since then, when nothing tells what it holds', async () => {
    const delivered = simulator.emit('invoice.paid')
    await vi.waitFor(() => expect(hook.received).toHaveLength(1))
    const missed = await missedEvents(contextOf({ query: false }), minutesAgo(5), { databaseSetBack: true })
    expect(missed).toMatchObject({ because: 'made since then', events: [{ id: delivered.id }] })
  })

  it('are found over several pages, oldest first; beyond 30 days it says that there may be more', async () => {
    const made = Array.from({ length: 130 }, () => simulator.emit('charge.failed').id)
    const missed = await missedEvents(contextOf(), minutesAgo(60 * 24 * 40))
    expect(new Set(ids(missed.events))).toEqual(new Set(made))
    expect(missed.complete).toBe(false)
    expect(missed.since.getTime()).toBeGreaterThan(minutesAgo(60 * 24 * 30 + 1).getTime())
    expect(missed.line).toMatch(/^at least 130 events/)
  })

  it('are sent again as Stripe would: the same content, signed with the secret of the endpoint', async () => {
    const event = simulator.emit('charge.failed')
    const { events } = await missedEvents(contextOf(), minutesAgo(5))
    const sent = await resendEvents(contextOf(), events)
    expect(sent).toMatchObject({ accepted: 1, line: '1 of 1 event accepted' })
    const post = hook.received.find(({ body }) => body.includes(event.id))
    const header = String(post?.headers['stripe-signature'])
    const read = new Stripe('sk_test_reader').webhooks.constructEvent(post?.body ?? '', header, signingSecret)
    expect(read).toEqual(event)
  })

  it('are sent once each, although the worker dies in the middle and another goes on', async () => {
    const made = Array.from({ length: 45 }, () => simulator.emit('charge.failed').id)
    const { events } = await missedEvents(contextOf(), minutesAgo(5))
    const dying = contextOf()
    const { report } = dying
    let reports = 0
    const dies = async (line: string) => {
      reports += 1
      if (reports === 3) throw new Error('killed')
      await report(line)
    }
    await expect(resendEvents(Object.assign(dying, { report: dies }), events)).rejects.toThrow('killed')
    expect(postedIds()).toHaveLength(40)
    const sent = await resendEvents(contextOf(), events)
    expect(sent.line).toBe('45 of 45 events accepted')
    expect(postedIds().sort()).toEqual(made.sort())
    expect(await resendEvents(contextOf(), events)).toEqual(sent)
    expect(postedIds()).toHaveLength(45)
  })

  it('that the service refuses are told with its answer, after a few tries', async () => {
    simulator.emit('charge.failed')
    const context = contextOf()
    const { events } = await missedEvents(context, minutesAgo(5))
    const deliver: World['webhook']['deliver'] = (...args) => {
      hook.status = 503
      return webhookProbe().deliver(...args)
    }
    const refusing = { ...context.world, webhook: { ...context.world.webhook, deliver } }
    const sent = await resendEvents({ ...context, world: refusing }, events)
    expect(sent).toMatchObject({ accepted: 0, line: '0 of 1 event accepted, 1 refused (HTTP 503)' })
    expect(postedIds()).toHaveLength(3)
  })

  it('are not sent at all to a service that refuses signed events', async () => {
    simulator.emit('charge.failed')
    const { events } = await missedEvents(contextOf(), minutesAgo(5))
    hook.status = 400
    await expect(resendEvents(contextOf(), events)).rejects.toMatchObject({ code: 'probe_refused' })
    expect(postedIds()).toEqual([])
  })

  it('in the shape of another API release are held back, and ones that Stripe has forgotten are said to be gone', async () => {
    await Promise.all([simulator.close(), hook.close()])
    await start('2024-06-20')
    const old = simulator.emit('charge.failed')
    const { events } = await missedEvents(contextOf(), minutesAgo(5))
    const forgotten = { id: 'evt_1Forgotten', type: 'charge.failed', created: old.created.toString() }
    const sent = await resendEvents(contextOf(), [...events, forgotten])
    expect(sent.events.map(({ outcome }) => outcome)).toEqual(['held', 'gone'])
    expect(sent.events[0]?.detail).toBe(`kept in API version 2024-06-20, the endpoint has ${STRIPE_API_VERSION}`)
    expect(postedIds()).toEqual([])
  })
})

it('versions of one named release have one shape, others may not', () => {
  expect(sameShape('2026-09-30.endive', '2026-10-28.endive')).toBe(true)
  expect(sameShape('2026-03-25.dahlia', '2026-10-28.endive')).toBe(false)
  expect(sameShape('2024-06-20', '2024-06-20')).toBe(true)
  expect(sameShape('2024-04-10', '2024-06-20')).toBe(false)
})
