import { expect, it } from 'vitest'
import type { EventSummary, WebhookEndpoint } from '../../src/adapters/stripe/port.ts'
import { type EffectOf, storedEffect } from '../../src/model/effects/effects.ts'
import { ignoredEvents } from '../../src/runbook/stripe/event-types.ts'
import { state } from '../../src/runbook/verify/state-checks.ts'
import { deploy } from '../messages/example-runs.ts'
import { phaseContext, production, secretKeyState, service as configured } from './phase-context.ts'

const minutesAgo = (minutes: number) => new Date(Date.now() - minutes * 60_000)
const endpointSince = (minutes: number): WebhookEndpoint => ({
  id: 'we_1',
  url: production.webhookUrl,
  enabledEvents: ['*'],
  status: 'enabled',
  apiVersion: null,
  livemode: true,
  metadata: { purser_first_enabled: minutesAgo(minutes).toISOString() },
  description: null,
  created: minutesAgo(55),
})
const event = (minutes: number): EventSummary => ({
  // An id with a dot in it looks like none, and would not be asked for.
  id: `evt_${String(minutes).replace('.', '_')}`,
  type: 'invoice.paid',
  created: minutesAgo(minutes),
  pendingWebhooks: 0,
})

it.each<[string, readonly number[], readonly string[], string, string]>([
  ['all are there', [5, 10], ['evt_5', 'evt_10'], 'pass', 'none of 2 missing since the endpoint was enabled'],
  ['Stripe made none', [], [], 'pass', 'Stripe made none since the endpoint was enabled'],
  [
    'one has only just been made',
    [0.2, 10],
    ['evt_10'],
    'pass',
    'none of 2 missing since the endpoint was enabled, 1 still on the way',
  ],
  [
    'the service may still try again',
    [5, 10],
    ['evt_10'],
    'warn',
    '1 of 2 not processed yet since the endpoint was enabled',
  ],
  ['nobody tries again', [5, 40], ['evt_5'], 'fail', '1 of 2 missing since the endpoint was enabled'],
  ['what came before the endpoint was for nobody', [52], [], 'pass', 'Stripe made none since the endpoint was enabled'],
])('the events that the table lacks, when %s', async (_, made, table, verdict, value) => {
  expect(await received(made, table, 50)).toEqual([verdict, value])
})

it.each<[string, readonly number[], readonly string[], string, string]>([
  ['and something arrived', [0.05], ['evt_0_05'], 'pass', 'none of 1 missing since the endpoint was enabled'],
  ['and Stripe made none', [], [], 'pass', 'Stripe made none since the endpoint was enabled'],
  [
    'and what was made meanwhile is not there',
    [0.05],
    [],
    'unknown',
    'nothing to compare yet since the endpoint was enabled, 1 made while it was being enabled',
  ],
])('looks at the first seconds of an endpoint too, %s', async (_, made, table, verdict, value) => {
  expect(await received(made, table, 0.1)).toEqual([verdict, value])
})

it('looks at the whole hour where the records know another endpoint before this one', async () => {
  const effect = storedEffect({
    id: 1,
    run: 3,
    phase: 'stripe',
    kind: 'stripe-endpoint',
    target: production.webhookUrl,
    at: minutesAgo(300),
    status: 'applied',
    before: { id: null, enabledEvents: [], status: 'disabled' },
    after: { id: 'we_deleted', enabledEvents: ['*'], status: 'enabled' },
  })
  if (effect.kind !== 'stripe-endpoint') throw new Error(`${effect.kind} is no effect on an endpoint`)
  const types = { events: ['invoice.paid'], type: () => 'invoice.paid', effects: [effect] }
  expect(await received([5, 52], ['evt_5'], 50, types)).toEqual(['fail', '1 of 2 missing in the last hour'])
})

it('warns only, where the service has a newer state of the same object', async () => {
  const update = 'customer.subscription.updated'
  const types = { events: [update], type: () => update, object: 'sub_1' }
  expect(await received([10, 40], ['evt_10'], 50, types)).toEqual([
    'warn',
    '1 of 2 missing since the endpoint was enabled, 1 older than what it has of the object',
  ])
})

it('warns of a type that the service seems to ignore, with what was looked at', async () => {
  const type = (minutes: number) => (minutes === 15 ? 'invoice.paid' : 'invoice.created')
  const types = { events: ['invoice.created', 'invoice.paid'], type }
  const since = minutesAgo(30).toISOString().slice(0, 16).replace('T', ' ')
  expect(await received([10, 15, 20, 30], ['evt_15'], 50, types)).toEqual([
    'warn',
    `none of 4 missing since the endpoint was enabled. 3 of invoice.created acknowledged and not in the table, as all 3 since ${since} UTC. The service may ignore this type: if so, name it in \`service.stripe.ignored\``,
  ])
})

it('an ignored type that matches nothing is refused with the setting to correct', () => {
  expect(() =>
    ignoredEvents({ service: { ...configured, stripe: { ...configured.stripe, ignored: ['invoice.gone'] } } }),
  ).toThrow(
    expect.objectContaining({
      code: 'unknown_event_pattern',
      message: 'expanding ignored events: invoice.gone match nothing',
      hint: expect.stringContaining('Correct service.stripe.ignored in purser.yaml.'),
    }),
  )
})

interface ReceivedMore {
  readonly events: readonly string[]
  readonly type: (minutes: number) => string
  readonly effects?: readonly EffectOf<'stripe-endpoint'>[]
  /** The object that all events tell of. */
  readonly object?: string
}

/** Returns what the check says while the endpoint was enabled so many minutes ago. */
async function received(
  made: readonly number[],
  table: readonly string[],
  enabled: number,
  { events, type, effects = [], object }: ReceivedMore = { events: ['invoice.paid'], type: () => 'invoice.paid' },
) {
  const context = phaseContext({
    run: { ...deploy({ status: 'executing' }), startedAt: minutesAgo(90) },
    records: { refusedProbes: async () => [], endpointEffects: async () => effects },
    world: {
      stripe: {
        endpoints: async () => [endpointSince(enabled)],
        events: async ({ since, undelivered, types }) => ({
          events: undelivered
            ? []
            : made
                .map((minutes) => ({
                  ...event(minutes),
                  type: type(minutes),
                  ...(object === undefined ? {} : { object }),
                }))
                .filter((one) => one.created >= since && types.includes(one.type)),
          next: undefined,
        }),
      },
      cluster: { secretKey: async () => secretKeyState() },
      database: {
        query: async (sql) => ({
          columns: ['event_id'],
          rows: table.filter((id) => sql.includes(`'${id}'`)).map((id) => [id]),
        }),
      },
    },
    service: {
      stripe: {
        ...phaseContext({}).service.stripe,
        events: [...events],
      },
    },
  })
  const check = (await state(context)).find(({ name }) => name === 'received')
  return [check?.verdict, check?.value]
}
