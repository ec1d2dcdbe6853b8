import { deletes, disables, leavesTypes } from './dashboard.ts'
import { fails, failsAt, refusedBefore, works } from './refusals.ts'
import type { Scene } from './scene.ts'
import { healthy, hour, minute } from './shared.ts'

const notPlanned = { notReached: 'nothing is deployed' } as const

const subscriptionOf = (status: 'active' | 'past_due') => () => ({
  id: 'sub_scene',
  object: 'subscription',
  customer: 'cus_scene',
  items: { object: 'list', data: [], has_more: false, url: '/v1/subscription_items?subscription=sub_scene' },
  status,
})

export const missedBefore: readonly Scene[] = [
  {
    ...healthy('A8', 'A payment was overdue and then made, and only the first update was refused'),
    group: 'A',
    typed: 'deploy v1.2.0 --rotate-secret',
    prepare: async (stage) => {
      await stage.makes(2)
      await stage.age(minute)
      fails(stage)
      await stage.makes(1, 'customer.subscription.updated', subscriptionOf('past_due'))
      await stage.makes(1, 'invoice.paid')
      works(stage)
      await stage.age(minute)
      await stage.makes(1, 'customer.subscription.updated', subscriptionOf('active'))
      await stage.age(40 * minute)
    },
    acts: ['diagnose', 'deploy', 'verify'],
    plan: { says: ['still owes 2 events', '1 of them is left out: the service has newer ones of the same objects'] },
    deploy: { says: ['1 of 1 event processed, 1 left out: older than what the service has'] },
    verify: { says: ['1 of # missing in the last hour, 1 older than what it has of the object'], never: ['failed –'] },
    diagnose: { says: ['1 of them older than what it has of the object', 'Outdated ones are left out'] },
    events: { made: 5, missing: 1 },
  },
  {
    ...healthy('A9', 'More events were refused than Stripe lists on a page'),
    group: 'A',
    prepare: async (stage) => void (await refusedBefore(stage, 130, 20 * minute)),
    acts: ['diagnose', 'send again', 'verify'],
    plan: notPlanned,
    deploy: notPlanned,
    monitor: notPlanned,
    verify: { says: ['none of 132 missing', 'none undelivered in the last hour'], never: ['failed –'] },
    diagnose: {
      says: ["130 deliveries of Stripe's failed and none arrived since", '130 of 130 events processed'],
      never: ['at least', 'held back'],
    },
    events: { made: 132, missing: 0 },
  },
  {
    ...healthy('A10', 'Events were refused twenty minutes ago, and the former endpoint is disabled today'),
    group: 'A',
    typed: 'deploy v1.2.0 --rotate-secret',
    prepare: async (stage) => void (await refusedBefore(stage, 5, 20 * minute)),
    acts: ['deploy', 'verify', 'diagnose'],
    plan: { says: ['still owes 5 events'] },
    deploy: { says: ['5 of 5 events processed', '7 of 7 success criteria are met'], never: ['not taken'] },
    verify: { says: ['none undelivered in the last hour', 'none of # missing'], never: ['failed –'] },
    events: { made: 7, missing: 0 },
  },
  {
    ...healthy('A11', 'Three owed events are refused once more, so the former endpoint stays until the next deploy'),
    group: 'A',
    typed: 'deploy v1.2.0 --rotate-secret',
    typedAgain: 'deploy v1.2.0',
    prepare: async (stage) => failsAt(stage, await refusedBefore(stage, 3, 2 * hour)),
    before: { diagnose: async (stage) => works(stage) },
    acts: ['deploy', 'diagnose', 'deploy', 'verify'],
    plan: { says: ['still owes 3 events', 'is disabled once the new one works'] },
    deploy: { says: ['3 of 3 events processed'], never: ['not taken'] },
    diagnose: { says: ['The service takes events now, but 3 events since'] },
    events: { made: 5, missing: 0 },
  },
  {
    ...healthy('A12', 'The service acknowledges a type that is new to it and stores nothing of it'),
    group: 'A',
    configuration: { 'service.stripe.events': ['invoice.*', 'customer.subscription.*', 'charge.*', 'payout.*'] },
    prepare: async (stage) => {
      await stage.makes(3)
      await stage.age(2 * minute)
    },
    acts: ['deploy', 'verify', 'diagnose'],
    before: {
      verify: async (stage) => {
        await stage.makes(4, 'payout.paid')
        await stage.makes(3)
        await stage.age(40 * minute)
      },
    },
    plan: { says: ['6 added, 0 removed, 44 in all', 'added (6) – payout: canceled, created, failed, paid'] },
    deploy: { says: ['7 of 7 success criteria are met'] },
    verify: {
      says: ['none of # missing', '4 of payout.paid acknowledged and not in the table'],
      never: ['failed –'],
    },
    diagnose: {
      says: ['The service may ignore this type: if so, name it in `service.stripe.ignored`'],
      never: ['The service takes events now, but'],
    },
    events: { made: 6, missing: 0 },
  },
  {
    ...healthy('A13', 'The service takes every type, and three events were refused'),
    group: 'A',
    configuration: { 'service.stripe.events': ['*'], 'service.stripe.ignored': ['customer.created', 'product.*'] },
    prepare: async (stage) => {
      await refusedBefore(stage, 3, 40 * minute)
    },
    before: {
      diagnose: async (stage) => {
        await stage.makes(2, 'customer.created')
        await stage.makes(2, 'product.updated')
        await stage.makes(2)
        await stage.age(5 * minute)
      },
    },
    acts: ['deploy', 'diagnose', 'send again', 'verify'],
    plan: { says: ['1 added, 0 removed, all events'] },
    diagnose: { says: ['The service takes events now, but 3 events since', '3 of 3 events processed'] },
    verify: { says: ['none of # missing', '4 of types that the service ignores'], never: ['failed –'] },
    events: { made: 7, missing: 0 },
  },
  {
    ...healthy('A14', 'Somebody deleted the endpoint by hand, and it owed events'),
    group: 'A',
    prepare: async (stage) => {
      await refusedBefore(stage, 3, 20 * minute)
      await deletes(stage)
      await stage.makes(2, 'charge.succeeded')
      await stage.age(35 * minute)
    },
    acts: ['deploy', 'verify', 'diagnose'],
    plan: { says: ['5 events'] },
    deploy: { says: ['5 of 5 events processed'], never: ['not taken'] },
    events: { made: 7, missing: 0 },
  },
  {
    ...healthy('A15', 'The endpoint was disabled by hand for hours, and a diagnosis enables it again'),
    group: 'A',
    prepare: async (stage) => {
      await refusedBefore(stage, 2, hour)
      await disables(stage)
      await stage.makes(4, 'charge.succeeded')
      await stage.age(40 * minute)
    },
    acts: ['verify', 'diagnose', 'enable', 'diagnose', 'send again', 'verify'],
    plan: notPlanned,
    deploy: notPlanned,
    monitor: notPlanned,
    diagnose: { says: ["2 deliveries of Stripe's failed and none arrived since", '6 of 6 events processed'] },
    verify: { says: ['none of # missing', 'none undelivered in the last hour'], never: ['failed –'] },
    events: { made: 8, missing: 0 },
  },
  {
    ...healthy('A16', 'Somebody took types off the endpoint by hand, and the deploy puts them back'),
    group: 'A',
    prepare: async (stage) => {
      await stage.makes(2)
      await stage.age(minute)
      await leavesTypes(stage, ['invoice.paid', 'customer.subscription.updated'])
      await stage.makes(3, 'charge.succeeded')
      await stage.makes(1)
      await stage.age(2 * minute)
    },
    acts: ['deploy', 'diagnose', 'send again', 'verify'],
    plan: { says: ['36 added, 0 removed, 38 in all', 'added (36) – charge: …succeeded'] },
    deploy: { says: ['Succeeded in'] },
    diagnose: { says: ['The service takes events now, but 3 events since', '3 of 3 events processed'] },
    verify: { says: ['none of # missing'], never: ['failed –', 'made before their type was subscribed'] },
    events: { made: 6, missing: 0 },
  },
  {
    ...healthy('A17', "Stripe answers no question about events, while five of them weren't taken"),
    group: 'A',
    prepare: async (stage) => {
      await refusedBefore(stage, 5, 40 * minute)
      stage.stripe.setFault({ does: 'answer', status: 500, on: 'GET /v1/events', saved: false })
    },
    acts: ['verify', 'diagnose'],
    plan: notPlanned,
    deploy: notPlanned,
    monitor: notPlanned,
    verify: {
      says: [
        "couldn't check – Stripe endpoint: listing events",
        "couldn't check – Stripe events received: listing events",
      ],
      never: ['at least 0', 'Stripe made none', 'none of #'],
    },
    diagnose: {
      says: [
        "couldn't check – Undelivered at Stripe",
        "couldn't check – Events the service lacks",
        'The cause may be there.',
      ],
      never: ['none undelivered', '0 events'],
    },
    events: { made: 7, missing: 5, told: "couldn't check – Events the service lacks" },
  },
  {
    ...healthy('A18', 'The service wants another API version, and events come all the time'),
    group: 'A',
    configuration: { 'service.stripe.apiVersion': '2026-09-30.endive' },
    beforeApproval: async (stage) => stage.stripe.setTraffic(250),
    before: { verify: async (stage) => stage.stripe.setTraffic(0) },
    acts: ['deploy', 'verify', 'diagnose'],
    plan: { says: ['is replaced for its API version'] },
    deploy: { says: ['7 of 7 success criteria are met'], never: ['held back', 'not taken'] },
    events: { made: 'traffic', missing: 0 },
  },
  {
    ...healthy('A19', 'The service refuses 45 owed events once more when the secret is replaced'),
    group: 'A',
    typed: 'deploy v1.2.0 --rotate-secret',
    prepare: async (stage) => failsAt(stage, await refusedBefore(stage, 45, 30 * minute)),
    acts: ['deploy', 'diagnose', 'verify'],
    plan: { says: ['still owes 45 events'] },
    deploy: { says: ['0 of 45 events processed', 'stays enabled: 45 events not taken'] },
    diagnose: { says: ['45 events since'] },
    verify: { says: ['45 of # missing'] },
    events: { made: 47, missing: 45 },
  },
]
