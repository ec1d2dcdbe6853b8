import Stripe from 'stripe'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { startStripe, type StripeSimulator } from '../../sandbox/stripe/server.ts'
import { openStripe } from '../../src/adapters/stripe/client.ts'
import { webhookProbe } from '../../src/adapters/stripe/webhook-probe.ts'
import { STRIPE_API_VERSION } from '../../src/adapters/stripe/events.ts'
import { storedEffect } from '../../src/model/effects/effects.ts'
import type { PhaseContext } from '../../src/runbook/phase.ts'
import { missedEvents } from '../../src/runbook/stripe/missed/missed-events.ts'
import { missedHere } from '../../src/runbook/stripe/missed/missed-here.ts'
import { sameShape } from '../../src/runbook/stripe/missed/resend.ts'
import { resendEvents } from '../../src/runbook/stripe/missed/resend-events.ts'
import { unstoredWords } from '../../src/runbook/stripe/missed/unstored-types.ts'
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
  const postedIds = () => hook.received.flatMap(({ body }) => /"id": "(evt_1(?!PurserProbe)\w+)"/.exec(body)?.[1] ?? [])

  function contextOf(options: { readonly query?: boolean; readonly processes?: boolean } = {}): PhaseContext {
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
          query: async (sql) => {
            const processed = options.processes === false ? table : [...table, ...postedIds()]
            // Nothing comes of waiting: the test does not wait.
            if (options.processes === false) aMinuteLater()
            return { columns: ['event_id'], rows: processed.filter((id) => sql.includes(`'${id}'`)).map((id) => [id]) }
          },
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
    expect(missed).toMatchObject({ because: 'not processed', complete: true })
    expect(missed.events).toEqual([
      {
        id: whileDisabled.id,
        type: 'invoice.paid',
        created: new Date(whileDisabled.created * 1000).toISOString(),
        object: (whileDisabled.data.object as { readonly id: string }).id,
      },
    ])
    expect(missed.line).toMatch(/^1 event since .* UTC is not processed$/)
  })

  it('are no requests that waited for an answer: Stripe has decided them by now', async () => {
    const { stripe: configured } = service
    const context = contextOf()
    const everything = { ...configured, events: ['*', 'issuing_authorization.request'] }
    simulator.emit('issuing_authorization.request', { id: 'iauth_1', object: 'issuing.authorization' })
    const decided = simulator.emit('issuing_authorization.created', { id: 'iauth_1', object: 'issuing.authorization' })
    const missed = await missedEvents(
      { ...context, service: { ...context.service, stripe: everything } },
      minutesAgo(5),
    )
    expect(missed).toMatchObject({ events: [{ id: decided.id }], examined: 2 })
  })

  it('without a query for the table are those that Stripe could not deliver, but not the ones on their way', async () => {
    hook.status = 500
    const failed = simulator.emit('invoice.paid')
    expect((await missedEvents(contextOf({ query: false }), minutesAgo(5))).events).toEqual([])
    aMinuteLater()
    const missed = await missedEvents(contextOf({ query: false }), minutesAgo(5))
    expect(missed).toMatchObject({ because: 'not acknowledged', events: [{ id: failed.id }] })
  })

  it("without a query are none of those that another team's endpoint may owe, also once it is disabled", async () => {
    const elsewhere = { url: 'http://127.0.0.1:9/dead', events: ['invoice.paid'] }
    const id = simulator.addEndpoint(elsewhere)
    simulator.emit('invoice.paid')
    await vi.waitFor(() => expect(hook.received).toHaveLength(1), 20_000)
    for (const disabled of [false, true]) {
      await stripe().updateEndpoint(id, { disabled }, signal)
      aMinuteLater()
      const missed = await missedHere(contextOf({ query: false }), minutesAgo(5))
      expect(missed).toMatchObject({ events: [], unclear: 1 })
      expect(missed.line).toMatch(
        new RegExp(`^1 undelivered here or at ${id}, which cannot be told apart since .* UTC$`),
      )
    }
    const asked = contextOf()
    expect(await missedHere(asked, minutesAgo(5))).toMatchObject({ events: [], unclear: 0 })
  })

  it('after the database was set back are all since then, when nothing tells what it holds', async () => {
    const delivered = simulator.emit('invoice.paid')
    await vi.waitFor(() => expect(hook.received).toHaveLength(1))
    const missed = await missedEvents(contextOf({ query: false }), minutesAgo(5), { databaseSetBack: true })
    expect(missed).toMatchObject({ because: 'made since then', events: [{ id: delivered.id }] })
  })

  it('are none of those that were made before their type was subscribed, by the records of any run', async () => {
    const early = simulator.emit('charge.failed')
    const subscribed = simulator.emit('invoice.paid')
    const all = await missedEvents(contextOf({ processes: false }), minutesAgo(5))
    expect(new Set(ids(all.events))).toEqual(new Set([early.id, subscribed.id]))
    const before = { id: 'we_1', status: 'enabled', enabledEvents: ['invoice.paid'] } as const
    const after = { id: 'we_1', status: 'enabled', enabledEvents: ['charge.failed', 'invoice.paid'] } as const
    const at = new Date(Date.now() + 2_000)
    const facts = { id: 1, run: 7, phase: 'stripe', target: hook.url, at, status: 'applied' } as const
    remembered.effects.push(storedEffect({ ...facts, kind: 'stripe-endpoint', before, after }))
    const missed = await missedEvents(contextOf({ processes: false }), minutesAgo(5))
    expect(missed).toMatchObject({ early: 1, examined: 2, events: [{ id: subscribed.id }] })
  })

  it('are those of a type that was subscribed meanwhile and put back', async () => {
    const { id } = simulator.emit('charge.failed')
    const inSeconds = (seconds: number) => new Date(Date.now() + seconds * 1_000)
    const facts = { phase: 'stripe', target: hook.url, kind: 'stripe-endpoint' } as const
    const less = { id: 'we_1', status: 'enabled', enabledEvents: ['invoice.paid'] } as const
    const more = { id: 'we_1', status: 'enabled', enabledEvents: ['charge.failed', 'invoice.paid'] } as const
    const undone = { id: 1, run: 7, at: minutesAgo(2), settledAt: inSeconds(2), status: 'undone' } as const
    const again = { id: 2, run: 9, at: inSeconds(4), status: 'applied' } as const
    remembered.effects.push(storedEffect({ ...facts, ...undone, before: less, after: more }))
    remembered.effects.push(storedEffect({ ...facts, ...again, before: less, after: more }))
    expect(ids((await missedEvents(contextOf(), minutesAgo(5))).events)).toEqual([id])
  })

  it('are those of a type that somebody has taken off the endpoint since the last run', async () => {
    const { id } = simulator.emit('charge.failed')
    const facts = { phase: 'stripe', target: hook.url, kind: 'stripe-endpoint', status: 'applied' } as const
    const less = { id: 'we_1', status: 'enabled', enabledEvents: ['invoice.paid'] } as const
    const more = { id: 'we_1', status: 'enabled', enabledEvents: ['charge.failed', 'invoice.paid'] } as const
    const made = { id: null, status: 'disabled', enabledEvents: [] } as const
    remembered.effects.push(storedEffect({ ...facts, id: 1, run: 7, at: minutesAgo(9), before: made, after: more }))
    const putBack = { id: 2, run: 9, at: new Date(Date.now() + 4_000) }
    remembered.effects.push(storedEffect({ ...facts, ...putBack, before: less, after: more }))
    expect(await missedEvents(contextOf(), minutesAgo(5))).toMatchObject({ early: 0, events: [{ id }] })
    const others = [simulator.emit('charge.failed').id, simulator.emit('charge.failed').id]
    table.push(simulator.emit('invoice.paid').id)
    const missed = await missedEvents(contextOf(), minutesAgo(5))
    expect(ids(missed.events).toSorted()).toEqual([id, ...others].toSorted())
    expect(missed.unstored).toEqual([])
  })

  it('are none of a type that a run has taken off and another one put back', async () => {
    simulator.emit('charge.failed')
    const facts = { phase: 'stripe', target: hook.url, kind: 'stripe-endpoint', status: 'applied' } as const
    const less = { id: 'we_1', status: 'enabled', enabledEvents: ['invoice.paid'] } as const
    const more = { id: 'we_1', status: 'enabled', enabledEvents: ['charge.failed', 'invoice.paid'] } as const
    remembered.effects.push(storedEffect({ ...facts, id: 1, run: 7, at: minutesAgo(9), before: more, after: less }))
    const putBack = { id: 2, run: 9, at: new Date(Date.now() + 4_000) }
    remembered.effects.push(storedEffect({ ...facts, ...putBack, before: less, after: more }))
    expect(await missedEvents(contextOf(), minutesAgo(5))).toMatchObject({ early: 1, events: [] })
  })

  describe('are not those of a type that the service seems to ignore', () => {
    /** Acknowledged, and in the table only where it is told. */
    const made = (type: string) => simulator.emit(type)
    const surrounded = () => {
      const before = made('invoice.paid')
      const ignored = [made('charge.failed'), made('charge.failed'), made('charge.failed')]
      table.push(before.id, made('invoice.paid').id)
      return ignored
    }

    it('which is told with what was looked at', async () => {
      const [first] = surrounded()
      const missed = await missedEvents(contextOf({ processes: false }), minutesAgo(5))
      expect(missed).toMatchObject({ events: [], complete: true, unstored: [{ type: 'charge.failed', count: 3 }] })
      expect(unstoredWords(missed.unstored)).toBe(
        `3 of charge.failed acknowledged and not in the table, as all 3 since ${new Date((first?.created ?? 0) * 1_000).toISOString().slice(0, 16).replace('T', ' ')} UTC. ` +
          'The service may ignore this type: if so, name it in `service.stripe.ignored`',
      )
    })

    it('but are missed where the table has one of the type', async () => {
      table.push(made('charge.failed').id)
      const ignored = surrounded()
      const missed = await missedEvents(contextOf({ processes: false }), minutesAgo(5))
      expect(missed).toMatchObject({ unstored: [] })
      expect(ids(missed.events)).toEqual(ids(ignored))
    })

    it('but are missed where somebody owes one', async () => {
      await stripe().updateEndpoint(endpointId, { enabledEvents: ['charge.failed', 'invoice.paid'] }, signal)
      hook.status = 500
      const refused = made('charge.failed')
      hook.status = 200
      const ignored = surrounded()
      aMinuteLater()
      const missed = await missedEvents(contextOf({ processes: false }), minutesAgo(5))
      expect(ids(missed.events)).toEqual(ids([refused, ...ignored]))
    })

    it('but are missed where nothing else of that time arrived', async () => {
      const lost = [made('charge.failed'), made('charge.failed'), made('charge.failed')]
      const missed = await missedEvents(contextOf({ processes: false }), minutesAgo(5))
      expect(ids(missed.events)).toEqual(ids(lost))
    })

    it('and never of one that purser.yaml names, also when the database was set back', async () => {
      made('charge.failed')
      const context = contextOf()
      const ignoring = { ...context.service, stripe: { ...context.service.stripe, ignored: ['charge.*'] } }
      const looking = { ...context, service: ignoring }
      expect(await missedEvents(looking, minutesAgo(5))).toMatchObject({ events: [], ignored: 1, examined: 0 })
      const back = await missedEvents(looking, minutesAgo(5), { databaseSetBack: true })
      expect(back).toMatchObject({ events: [], ignored: 1 })
    })
  })

  it('are found over several pages, oldest first; beyond 30 days it says that there may be more', async () => {
    const made = Array.from({ length: 130 }, () => simulator.emit('charge.failed').id)
    const missed = await missedEvents(contextOf(), minutesAgo(60 * 24 * 40))
    expect(new Set(ids(missed.events))).toEqual(new Set(made))
    expect(missed.complete).toBe(false)
    expect(missed.since.getTime()).toBeGreaterThan(minutesAgo(60 * 24 * 30 + 1).getTime())
    expect(missed.line).toMatch(/^at least 130 events/)
  })

  it('are of every type where the service wants everything', async () => {
    const { id } = simulator.emit('payout.paid')
    const context = contextOf()
    const everything = { ...context.service, stripe: { ...context.service.stripe, events: ['*'] } }
    expect((await missedEvents(context, minutesAgo(5))).events).toEqual([])
    expect((await missedEvents({ ...context, service: everything }, minutesAgo(5))).events).toMatchObject([{ id }])
  })

  it('are found from the beginning of an outage, when there are more than can be looked at', async () => {
    const began = Math.floor(Date.now() / 1_000 - 3_600) * 1_000
    const listed = Array.from({ length: 2_300 }, (_, index) => ({
      id: `evt_${index}`,
      type: 'charge.failed',
      created: new Date(began + Math.floor(index * 1.5) * 1_000),
      pendingWebhooks: 0,
    }))
    const made = ids(listed)
    const events: World['stripe']['events'] = async ({ since, until, types, after }) => {
      const asked = listed.filter(({ type, created }) => types.includes(type) && created >= since)
      const newestFirst = asked.filter(({ created }) => until === undefined || created < until).reverse()
      const begins = after === undefined ? 0 : newestFirst.findIndex(({ id }) => id === after) + 1
      const page = newestFirst.slice(begins, begins + 100)
      return { events: page, next: begins + 100 < newestFirst.length ? page.at(-1)?.id : undefined }
    }
    const { world, ...context } = contextOf()
    const looking = { ...context, world: { ...world, stripe: { ...stripe(), events } } }
    const missed = await missedEvents(looking, new Date(began))
    expect(missed.complete).toBe(false)
    expect(missed.line).toMatch(/^at least 1\d\d\d events/)
    expect(ids(missed.events)).toEqual(made.slice(0, missed.events.length))
    const rest = await missedEvents(looking, new Date(Date.parse(missed.events.at(-1)?.created ?? '') + 1_000))
    expect(rest.complete).toBe(true)
    expect([...ids(missed.events), ...ids(rest.events)]).toEqual(made)
  })

  it('are left out and named when the service has a newer one of the same object, unless they are wanted all the same', async () => {
    const change = 'customer.subscription.updated'
    const subscription = { id: 'sub_1', object: 'subscription' }
    const older = simulator.emit(change, { ...subscription, status: 'past_due' })
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 2_000 })
    const newer = simulator.emit(change, { ...subscription, status: 'active' })
    const other = simulator.emit(change, { ...subscription, id: 'sub_2' })
    vi.useRealTimers()
    table.push(newer.id)
    const { events } = await missedEvents(contextOf(), minutesAgo(5))
    const sent = await resendEvents(contextOf(), events)
    expect(sent).toMatchObject({
      left: [],
      stale: [{ id: older.id, detail: `older than what the service has of sub_1: ${newer.id}` }],
      line: '1 of 1 event processed, 1 left out: older than what the service has',
    })
    expect(postedIds()).toEqual([other.id])
    remembered = { steps: new Map(), effects: [] }
    const context = contextOf()
    const wanting = { ...context.service, stripe: { ...context.service.stripe, resendStale: true } }
    const all = await resendEvents({ ...context, service: wanting }, events)
    expect(all).toMatchObject({ stale: [], line: '2 of 2 events processed' })
  })

  it('are not older than one of the same second, nor than one that is missed too', async () => {
    const object = { id: 'sub_1', object: 'subscription' }
    vi.useFakeTimers({ toFake: ['Date'], now: Math.floor(Date.now() / 1_000) * 1_000 })
    const made = Array.from({ length: 3 }, () => simulator.emit('customer.subscription.updated', object).id)
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 5_000 })
    simulator.emit('customer.subscription.updated', object)
    vi.useRealTimers()
    table.push(...made.slice(2))
    const { events } = await missedEvents(contextOf(), minutesAgo(5))
    expect(events.map(({ newer }) => newer)).toEqual([undefined, undefined, undefined])
  })

  it('are held back, and not posted by Purser, where only what Stripe signs would tell whether it is taken', async () => {
    simulator.emit('charge.failed')
    const { events } = await missedEvents(contextOf(), minutesAgo(5))
    const posts = hook.received.length
    const sent = await resendEvents(contextOf(), events, { byStripe: true })
    expect(sent.line).toMatch(/1 held back: Stripe doesn't send them again/)
    expect(sent.left).toMatchObject([
      { outcome: 'held', detail: expect.stringMatching(/^only what Stripe signs tells/) },
    ])
    // One test event tells that the service takes signed events at all.
    expect(hook.received.length - posts).toBe(1)
  })

  it('are sent again as Stripe would: the same content, signed with the secret of the endpoint', async () => {
    const event = simulator.emit('charge.failed')
    const { events } = await missedEvents(contextOf(), minutesAgo(5))
    const sent = await resendEvents(contextOf(), events)
    expect(sent).toMatchObject({ left: [], line: '1 of 1 event processed' })
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
      if (reports === 5) throw new Error('killed')
      await report(line)
    }
    await expect(resendEvents(Object.assign(dying, { report: dies }), events)).rejects.toThrow('killed')
    expect(postedIds()).toHaveLength(44)
    const sent = await resendEvents(contextOf(), events)
    expect(sent.line).toBe('45 of 45 events processed')
    expect(postedIds().sort()).toEqual(made.sort())
    expect(await resendEvents(contextOf(), events)).toEqual(sent)
    expect(postedIds()).toHaveLength(45)
  })

  it('are called accepted, not processed, where no query tells', async () => {
    simulator.emit('charge.failed')
    const { events } = await missedEvents(contextOf(), minutesAgo(5))
    const sent = await resendEvents(contextOf({ query: false }), events)
    expect(sent).toMatchObject({ left: [], line: '1 of 1 event accepted' })
  })

  it('are not sent any more once the service has taken the first few and processed none', async () => {
    for (let made = 0; made < 10; made += 1) simulator.emit('charge.failed')
    const { events } = await missedEvents(contextOf(), minutesAgo(5))
    const sent = await resendEvents(contextOf({ processes: false }), events)
    expect(sent.line).toBe(
      '0 of 10 events processed, 4 accepted but not processed, 6 held back: none of the first was processed',
    )
    expect(sent.left).toHaveLength(10)
    expect(postedIds()).toHaveLength(4)
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
    expect(sent).toMatchObject({ left: [{ outcome: 'refused' }], line: '0 of 1 event accepted, 1 refused (HTTP 503)' })
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
    const [held] = sent.events
    expect(held?.detail).toContain(`kept in API version 2024-06-20, the endpoint has ${STRIPE_API_VERSION} (`)
    expect(held?.detail).toContain(`${endpointId} is not subscribed to charge.failed`)
    expect(postedIds()).toEqual([])
  })

  describe('in an account whose default release is old', () => {
    beforeEach(async () => {
      await Promise.all([simulator.close(), hook.close()])
      await start('2019-05-16')
    })

    /** Made while the endpoint was off; Stripe never sends it by itself. */
    async function missedOne(): Promise<string> {
      await stripe().updateEndpoint(endpointId, { disabled: true }, signal)
      const { id } = simulator.emit('invoice.paid')
      await stripe().updateEndpoint(endpointId, { disabled: false }, signal)
      return id
    }
    const resent = async (options: { readonly query?: boolean } = {}) => {
      const context = contextOf(options)
      const { events } = await missedEvents(context, minutesAgo(5), { databaseSetBack: true })
      return resendEvents(context, events)
    }

    it('are sent by Stripe as the endpoint reads them, and processed once the table has them', async () => {
      const id = await missedOne()
      expect(await resent()).toMatchObject({
        left: [],
        line: '1 of 1 event processed',
        events: [{ id, outcome: 'processed', detail: 'sent by Stripe' }],
      })
      const delivered = hook.received.map(({ body }) => JSON.parse(body) as Stripe.Event).find((one) => one.id === id)
      expect(delivered).toMatchObject({ api_version: STRIPE_API_VERSION, data: { object: { parent: {} } } })
    })

    it('are not called processed when the table still lacks them, nor accepted when there is no table to ask', async () => {
      const id = await missedOne()
      const { events } = await missedEvents(contextOf(), minutesAgo(5))
      const withTable = await resendEvents(contextOf({ processes: false }), events)
      expect(withTable).toMatchObject({
        left: [{ id }],
        line: '0 of 1 event processed, 1 left to Stripe and not seen to arrive',
        events: [{ id, outcome: 'unseen', detail: 'sent by Stripe, but not processed within 15 s' }],
      })
      vi.useRealTimers()
      remembered = { steps: new Map(), effects: [] }
      expect((await resent({ query: false })).events).toMatchObject([
        { id, outcome: 'unseen', detail: 'sent by Stripe, which does not tell whether it was taken' },
      ])
    })

    it('are not left to Stripe any more once the table lacks the first few', async () => {
      await stripe().updateEndpoint(endpointId, { disabled: true }, signal)
      for (let made = 0; made < 10; made += 1) simulator.emit('invoice.paid')
      await stripe().updateEndpoint(endpointId, { disabled: false }, signal)
      const { events } = await missedEvents(contextOf(), minutesAgo(5))
      const sent = await resendEvents(contextOf({ processes: false }), events)
      expect(sent.line).toBe(
        '0 of 10 events processed, 4 left to Stripe and not seen to arrive, 6 held back: none of the first was processed',
      )
      await vi.waitFor(() => expect(postedIds()).toHaveLength(4))
    })

    it('without a table to ask are accepted when no endpoint owes them any more', async () => {
      hook.status = 500
      const { id } = simulator.emit('invoice.paid')
      await vi.waitFor(() => expect(hook.received).toHaveLength(1))
      hook.status = 200
      aMinuteLater()
      expect((await resent({ query: false })).events).toMatchObject([{ id, outcome: 'accepted' }])
    })

    it('are held back where Stripe does not send them again', async () => {
      const id = await missedOne()
      const { world, ...context } = contextOf()
      const may = openStripe({ secretKey: new Sensitive('sk_test_missed'), apiBase: simulator.url })
      const refusing = { ...may, resendEvent: async () => ({ refused: 'the key lacks Events: Write' }) }
      const { events } = await missedEvents({ ...context, world }, minutesAgo(5))
      const sent = await resendEvents({ ...context, world: { ...world, stripe: refusing } }, events)
      expect(sent.events).toMatchObject([{ id, outcome: 'held' }])
      expect(postedIds()).toEqual([])
    })
  })
})

it('versions of one named release have one shape, others may not', () => {
  expect(sameShape('2026-09-30.endive', '2026-10-28.endive')).toBe(true)
  expect(sameShape('2026-03-25.dahlia', '2026-10-28.endive')).toBe(false)
  expect(sameShape('2024-06-20', '2024-06-20')).toBe(true)
  expect(sameShape('2024-04-10', '2024-06-20')).toBe(false)
})
